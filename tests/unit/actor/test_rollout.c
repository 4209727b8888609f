/* SPDX-License-Identifier: MIT */
/* test_rollout.c - what an actor writes into a trajectory. */
#include <stdlib.h>

#include "actor/envs/open.h"
#include "actor/rollout.h"
#include "common/base/xmalloc.h"
#include "tests/onic_test.h"

enum { T = 16, E = 6 };

struct fixture {
    struct config cfg;
    struct vec_env *envs;
    struct policy *policy;
    struct rollout *rollout;
    struct trajectory *t;
    float *weights;
};

static void open_fixture(struct fixture *f, const char *env_id, int max_steps)
{
    memset(f, 0, sizeof *f);
    config_defaults(&f->cfg);
    snprintf(f->cfg.env_id, sizeof f->cfg.env_id, "%s", env_id);
    f->cfg.env_max_steps = max_steps;
    assert_ok(vec_env_open(&f->envs, &f->cfg, 3, E, &err));
    const struct env_spec *spec = vec_env_spec(f->envs);
    struct policy_config pc = {
        .core = POLICY_CORE_LSTM, .actions = spec->actions, .obs = spec->obs};
    snprintf(pc.net, sizeof pc.net, "%s", spec->default_net);
    assert_ok(policy_create(&f->policy, &pc, &err));
    f->weights = xaligned(policy_params(f->policy)->floats * sizeof(float));
    params_init(policy_params(f->policy), f->weights, 7);
    struct rollout_params p = {
        .policy = f->policy, .envs = f->envs, .seed = 11, .actor_id = 3, .T = T, .snapshot = true};
    assert_ok(rollout_create(&f->rollout, &p, &err));
    struct trajectory_shape shape = rollout_shape(f->rollout);
    f->t = trajectory_create(&shape);
}

static void close_fixture(struct fixture *f)
{
    trajectory_free(f->t);
    rollout_free(f->rollout);
    policy_free(f->policy);
    vec_env_free(f->envs);
    free(f->weights);
}

static void count_ticks(void *ctx, uint64_t env_steps)
{
    *(uint64_t *)ctx += env_steps;
}

static void last_row_is_the_first_row_of_the_next_trajectory(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "minigrid:DoorKey-5x5", 0);
    size_t row = (size_t)E * f.t->shape.obs_bytes;
    uint8_t *last = xmalloc(row);
    uint64_t ticks = 0;
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, count_ticks, &ticks, &err));
    assert_int_equal(ticks, T * E);
    memcpy(last, f.t->obs + T * row, row);
    assert_ok(rollout_fill(f.rollout, f.weights, 2, f.t, NULL, NULL, &err));
    assert_memory_equal(last, f.t->obs, row);
    assert_int_equal(f.t->weights_version, 2);
    assert_int_equal(f.t->env_steps_before, T * E);
    free(last);
    close_fixture(&f);
}

static void only_cut_off_steps_carry_a_final_value(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "minigrid:DoorKey-8x8", 5); /* a limit of 5 steps truncates often */
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    int cut = 0;
    for (int i = 0; i < T * E; i++) {
        bool truncated = f.t->flags[i] & STEP_TRUNCATED && !(f.t->flags[i] & STEP_TERMINATED);
        bool valued = f.t->final_value[2 * i] != 0.0f || f.t->final_value[2 * i + 1] != 0.0f;
        cut += truncated;
        if (!truncated)
            assert_false(valued);
    }
    assert_int_equal(cut, 3 * E); /* steps 5, 10 and 15 of every environment */
    assert_true(f.t->final_value[2 * 4 * E] != 0.0f);
    assert_int_equal(f.t->nepisodes, 3 * E);
    close_fixture(&f);
}

/* Nothing follows a death: a value there would be trained on as if the episode went on. */
static void a_step_that_ended_by_the_task_carries_no_final_value(void **state)
{
    (void)state;
    struct fixture f;
    int deaths = 0;
    open_fixture(&f, "cartpole", 0); /* falls within some dozen steps */
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    for (int round = 0; round < 8; round++) {
        assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
        for (int i = 0; i < T * E; i++) {
            deaths += (f.t->flags[i] & STEP_TERMINATED) != 0;
            assert_true(f.t->final_value[2 * i] == 0.0f && f.t->final_value[2 * i + 1] == 0.0f);
        }
    }
    assert_true(deaths > 0);
    close_fixture(&f);
}

/* What a cut was valued at is the value of the last observation that travels with the episode. */
static void the_last_observation_of_an_episode_is_kept(void **state)
{
    (void)state;
    enum { LIMIT = 5 };
    struct fixture f;
    open_fixture(&f, "minigrid:DoorKey-8x8", LIMIT);
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    const uint8_t *rows[(LIMIT + 1) * E];
    uint8_t reset[(LIMIT + 1) * E] = {0};
    for (size_t i = 0; i < LIMIT * E; i++)
        rows[i] = f.t->obs + i * f.t->shape.obs_bytes;
    for (size_t e = 0; e < E; e++)
        rows[LIMIT * E + e] = f.t->final_obs + e * f.t->shape.obs_bytes;
    size_t A = (size_t)f.t->shape.actions.n, n = (LIMIT + 1) * E;
    float *logits = xcalloc(n * A, sizeof *logits), *value = xcalloc(n * 2, sizeof *value);
    struct policy_trainer *w = policy_trainer_create(f.policy, LIMIT + 1, E);
    policy_forward(f.policy, w, f.weights, rows, NULL, f.t->state0, reset, LIMIT + 1, E, logits,
                   value);
    for (size_t e = 0; e < E; e++)
        assert_close(f.t->final_value[2 * ((LIMIT - 1) * E + e)], value[2 * (LIMIT * E + e)], 1e-3,
                     1e-4);
    policy_trainer_free(w);
    free(logits);
    free(value);
    close_fixture(&f);
}

/* Replays the whole trajectory through the training forward pass; how many episodes ended in it. */
static int equals_the_training_pass(const struct fixture *f)
{
    int ends = 0;
    const uint8_t *rows[T * E];
    uint8_t reset[T * E] = {0};
    for (int i = 0; i < T * E; i++) {
        rows[i] = f->t->obs + (size_t)i * f->t->shape.obs_bytes;
        reset[i] = i >= E && (f->t->flags[i - E] & STEP_ENDED) != 0;
        ends += reset[i];
    }
    int A = f->t->shape.actions.n;
    float *logits = xcalloc((size_t)(T * E * A), sizeof *logits),
          *value = xcalloc(T * E * 2, sizeof *value);
    struct policy_trainer *w = policy_trainer_create(f->policy, T, E);
    policy_forward(f->policy, w, f->weights, rows, NULL, f->t->state0, reset, T, E, logits, value);
    for (int i = 0; i < T * E; i++) {
        double sum = 0;
        for (int a = 0; a < A; a++)
            sum += exp((double)logits[i * A + a]);
        double logp = (double)logits[i * A + f->t->action[i]] - log(sum);
        assert_close(f->t->logp[i], logp, 1e-4, 1e-4);
        assert_close(f->t->value[2 * i], value[2 * i], 1e-3, 1e-4);
    }
    policy_trainer_free(w);
    free(logits);
    free(value);
    return ends;
}

static void log_probability_is_that_of_the_taken_action(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "minigrid:Empty-5x5", 0);
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    equals_the_training_pass(&f);
    close_fixture(&f);
}

/* The learner empties the state where an episode ended; an actor that did not would act by another
 * policy than the one that is trained, from the second episode on. */
static void an_episode_begins_with_an_empty_state(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "minigrid:DoorKey-8x8", 5);
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    assert_int_equal(equals_the_training_pass(&f), 3 * E);
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    assert_int_equal(equals_the_training_pass(&f), 3 * E);
    close_fixture(&f);
}

static void a_snapshot_continues_bit_for_bit(void **state)
{
    (void)state;
    struct fixture a, b;
    open_fixture(&a, "minigrid:KeyCorridorS3R3", 30);
    open_fixture(&b, "minigrid:KeyCorridorS3R3", 30);
    assert_ok(rollout_start(a.rollout, NULL, 0, &err));
    int spoken = 0;
    for (int round = 0; round < 50 && !spoken;
         round++) { /* until a trajectory ends with a caption */
        assert_ok(rollout_fill(a.rollout, a.weights, 1, a.t, NULL, NULL, &err));
        for (int e = 0; e < E; e++)
            spoken += a.t->obs_caption[T * E + e] > 0;
    }
    size_t len = a.t->shape.snapshot_bytes * E;
    uint8_t *blob = xmalloc(len);
    memcpy(blob, a.t->snapshot, len);
    assert_ok(rollout_fill(a.rollout, a.weights, 1, a.t, NULL, NULL, &err));
    assert_ok(rollout_start(b.rollout, blob, len, &err));
    assert_ok(rollout_fill(b.rollout, b.weights, 1, b.t, NULL, NULL, &err));
    assert_memory_equal(a.t->action, b.t->action, T * E * sizeof *a.t->action);
    assert_memory_equal(a.t->obs, b.t->obs, (T + 1) * E * a.t->shape.obs_bytes);
    assert_memory_equal(a.t->logp, b.t->logp, T * E * sizeof *a.t->logp);
    assert_memory_equal(a.t->caption_count, b.t->caption_count, T * E * sizeof *a.t->caption_count);
    assert_memory_equal(a.t->snapshot, b.t->snapshot, len);
    for (int e = 0; e < E; e++) { /* the caption that came with the first observation, too */
        uint16_t i = a.t->obs_caption[e], k = b.t->obs_caption[e];
        assert_int_equal(a.t->caption_len[i], b.t->caption_len[k]);
        assert_memory_equal(a.t->caption_text[i], b.t->caption_text[k], a.t->caption_len[i]);
        assert_int_equal(a.t->first_count[e], b.t->first_count[e]);
        assert_int_equal(a.t->first_count[e] > 0, i > 0);
    }
    assert_true(spoken > 0);
    free(blob);
    close_fixture(&a);
    close_fixture(&b);
}

static void a_snapshot_of_another_size_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "corridor", 0);
    uint8_t blob[8] = {0};
    assert_err(rollout_start(f.rollout, blob, sizeof blob, &err), ONIC_ECONFIG, "env.count");
    close_fixture(&f);
}

static void steady_state_allocates_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, "minigrid:KeyCorridorS3R3", 40);
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    for (int i = 0; i < 20; i++)
        assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    uint64_t before = xmalloc_calls();
    for (int i = 0; i < 20; i++)
        assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    assert_int_equal(xmalloc_calls(), before);
    close_fixture(&f);
}

/* Steps each environment has behind it when the first trajectory begins. */
static void warm_up_steps(int warmup, uint32_t first_step[E])
{
    struct fixture f;
    open_fixture(&f, "minigrid:DoorKey-8x8", 0);
    rollout_free(f.rollout);
    struct rollout_params p = {.policy = f.policy,
                               .envs = f.envs,
                               .seed = 11,
                               .actor_id = 3,
                               .T = T,
                               .warmup = warmup,
                               .snapshot = true};
    assert_ok(rollout_create(&f.rollout, &p, &err));
    assert_ok(rollout_start(f.rollout, NULL, 0, &err));
    assert_ok(rollout_fill(f.rollout, f.weights, 1, f.t, NULL, NULL, &err));
    assert_int_equal(f.t->env_steps_before, 0); /* not counted */
    memcpy(first_step, f.t->first_step, E * sizeof *first_step);
    close_fixture(&f);
}

static void environments_start_apart_after_a_warm_up(void **state)
{
    (void)state;
    uint32_t steps[E];
    warm_up_steps(0, steps);
    for (int e = 0; e < E; e++)
        assert_int_equal(steps[e], 0);
    warm_up_steps(50, steps); /* fewer than the step limit: no episode has ended */
    for (int e = 0; e < E; e++)
        assert_int_equal(steps[e], 50 * e / (E - 1));
    warm_up_steps(2000, steps); /* beyond it (640): they have been reset on the way */
    assert_int_equal(steps[0], 0);
    for (int e = 1; e < E; e++)
        assert_true(steps[e] < 640);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_row_is_the_first_row_of_the_next_trajectory),
        cmocka_unit_test(only_cut_off_steps_carry_a_final_value),
        cmocka_unit_test(a_step_that_ended_by_the_task_carries_no_final_value),
        cmocka_unit_test(the_last_observation_of_an_episode_is_kept),
        cmocka_unit_test(log_probability_is_that_of_the_taken_action),
        cmocka_unit_test(an_episode_begins_with_an_empty_state),
        cmocka_unit_test(a_snapshot_continues_bit_for_bit),
        cmocka_unit_test(a_snapshot_of_another_size_is_refused),
        cmocka_unit_test(environments_start_apart_after_a_warm_up),
        cmocka_unit_test(steady_state_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
