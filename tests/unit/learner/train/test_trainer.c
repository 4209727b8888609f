/* SPDX-License-Identifier: MIT */
/* test_trainer.c - what an update of the training core computes, whatever the threads, and its
 * checkpoints. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/xmalloc.h"
#include "learner/train/batch.h"
#include "learner/train/gae.h"
#include "learner/train/train_step.h"
#include "learner/train/trainer_options.h"
#include "learner/train/vtrace.h"
#include "tests/support/corridor_world.h"

enum { T = WORLD_T, E = WORLD_E, GROUPS = WORLD_GROUPS, LIMIT = WORLD_LIMIT };

/* --- what an update computes ----------------------------------------------------------------- */

struct expected {
    double policy, value[2], entropy;
};

/* What a head is paid for a step: the intrinsic one for "You go right." (label 1, first time). With
 * compat.oni the extrinsic head gets both rewards, and the intrinsic one is for having seen it
 * before the step. */
static float paid_at(const struct world *w, const struct trajectory *t, int head, int s, int e)
{
    float r = t->reward[s * E + e];
    if (!w->cfg.compat_oni && head == POLICY_EXT)
        return r;
    if (!w->cfg.compat_oni)
        return w->cfg.reward_coef_int > 0 && t->caption[s * E + e] != 0 ? 1.0f : 0.0f;
    if (head == POLICY_INT)
        return 0.0f;
    bool seen = t->obs_caption[s * E + e] != 0;
    return (float)w->cfg.reward_coef_ext * r + (seen ? (float)w->cfg.reward_coef_int : 0.0f);
}

/* One environment's targets and advantages of a head; head [T + 1]. */
static void expect_targets(const struct world *w, int h, const float *ratio, const float *reward,
                           const float *head, const uint8_t *ended, const float *end, float *vs,
                           float *a)
{
    double gamma = h == POLICY_EXT ? w->cfg.train_gamma : w->cfg.train_gamma_int;
    struct vtrace_rule rule = {gamma, w->cfg.compat_oni ? 1 : w->cfg.train_lambda, 1, 1};
    if (w->cfg.train_advantage == CONFIG_train_advantage_gae && !w->cfg.compat_oni)
        gae(vs, a, reward, head, ended, end, &head[T], T, 1, gamma, w->cfg.train_lambda);
    else
        vtrace(vs, a, ratio, reward, head, ended, end, &head[T], T, 1, &rule);
}

/* Losses of the batch at hand from the network's outputs, one environment at a time and in double.
 */
static void expect(struct world *w, struct expected *x)
{
    enum { STEPS = GROUPS * T * E };
    const struct policy *p = trainer_policy(w->core);
    struct policy_trainer *ws = policy_trainer_create(p, T + 1, 1);
    static double adv[STEPS], ratio[STEPS];
    double sum = 0, squares = 0;
    double ext = w->cfg.compat_oni ? 1 : w->cfg.reward_coef_ext;
    double intrinsic = w->cfg.compat_oni ? 0 : w->cfg.reward_coef_int;
    memset(x, 0, sizeof *x);
    for (int g = 0, k = 0; g < GROUPS; g++) {
        const struct trajectory *t = w->t[g];
        for (int e = 0; e < E; e++) {
            const uint8_t *rows[T + 1];
            uint8_t reset[T + 1] = {0}, ended[T];
            float logits[(T + 1) * 2], value[(T + 1) * 2], head[T + 1], one[T], reward[T], end[T],
                vs[T], a[T];
            for (int s = 0; s <= T; s++)
                rows[s] = t->obs + (size_t)(s * E + e) * t->shape.obs_bytes;
            for (int s = 0; s < T; s++)
                reset[s + 1] = ended[s] = t->flags[s * E + e] != 0;
            policy_forward(p, ws, trainer_weights(w->core), rows, NULL,
                           t->state0 + (size_t)e * (size_t)t->shape.state_size, reset, T + 1, 1,
                           logits, value);
            for (int s = 0; s < T; s++) {
                double z = (double)logits[2 * s] - (double)logits[2 * s + 1];
                double p0 = 1 / (1 + exp(-z)), pa = t->action[s * E + e] == 0 ? p0 : 1 - p0;
                x->entropy -= p0 * log(p0) + (1 - p0) * log(1 - p0);
                ratio[k + s] = pa / exp((double)t->logp[s * E + e]);
                one[s] = (float)ratio[k + s];
                reward[s] = t->reward[s * E + e];
            }
            for (int h = 0; h < 2; h++) {
                if (h == POLICY_INT && w->cfg.reward_episodic == CONFIG_reward_episodic_no)
                    memset(ended, 0, sizeof ended);
                for (int s = 0; s <= T; s++)
                    head[s] = value[2 * s + h];
                for (int s = 0; s < T; s++) {
                    end[s] = t->flags[s * E + e] == STEP_TRUNCATED && !w->cfg.compat_oni
                                 ? t->final_value[2 * (s * E + e) + h]
                                 : 0;
                    reward[s] = paid_at(w, t, h, s, e);
                }
                if (w->cfg.compat_oni)
                    head[T] = (head[T - 1] - reward[T - 1]) / (float)w->cfg.train_gamma;
                expect_targets(w, h, one, reward, head, ended, end, vs, a);
                for (int s = 0; s < T; s++) {
                    double v = (double)head[s], old = (double)t->value[2 * (s * E + e) + h];
                    double moved = fmin(fmax(v - old, -1), 1), e1 = v - (double)vs[s];
                    double e2 = old + moved - (double)vs[s];
                    x->value[h] += fmax(e1 * e1, e2 * e2);
                    adv[k + s] = h == POLICY_EXT ? ext * (double)a[s]
                                                 : adv[k + s] + intrinsic * (double)a[s];
                }
            }
            k += T;
        }
    }
    for (int i = 0; i < STEPS; i++) {
        sum += adv[i];
        squares += adv[i] * adv[i];
    }
    double mean = sum / STEPS, deviation = sqrt((squares - STEPS * mean * mean) / (STEPS - 1));
    for (int i = 0; i < STEPS; i++) {
        double a = (adv[i] - mean) / deviation, hi = 1 + w->cfg.train_clip;
        x->policy -= fmin(ratio[i] * a, fmin(fmax(ratio[i], 1 / hi), hi) * a) / STEPS;
    }
    x->entropy /= STEPS;
    x->value[0] /= STEPS;
    x->value[1] /= STEPS;
    policy_trainer_free(ws);
}

/* One update, by the core and by the computation above. */
static void compare_losses(void (*options)(struct config *cfg))
{
    static struct world w;
    struct expected want;
    struct train_stats s;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    w.cfg.train_threads = 2;
    w.cfg.train_value_norm = 0;
    if (options)
        options(&w.cfg);
    world_open(&w);
    if (options)
        reward_mix_on_label(trainer_reward(w.core), &(struct label){.id = 1,
                                                                    .state = LABEL_ANSWERED,
                                                                    .value = 1.0,
                                                                    .question = "You go right.",
                                                                    .question_len = 13});
    world_learn(&w, 8);
    world_play(&w);
    for (int g = 0; g < GROUPS; g++) /* as if other weights had acted */
        for (int i = 0; i < T * E; i++)
            w.t[g]->logp[i] += 0.3f * (rng_float(&w.rng) - 0.5f);
    expect(&w, &want);
    trainer_lay_out(w.core, w.t, GROUPS);
    assert_ok(trainer_update(w.core, &s, &err));
    assert_close(s.policy_loss, want.policy, 1e-4, 1e-6);
    assert_close(s.value_loss, want.value[0], 1e-4, 1e-7);
    assert_close(s.value_loss_int, want.value[1], 1e-4, 1e-7);
    assert_close(s.entropy, want.entropy, 1e-5, 0);
    assert_true(s.clipped > 0.05); /* the sample exercises the clip */
    if (w.cfg.compat_oni)
        assert_close(s.value_loss_int, 0, 0, 0);
    else if (options)
        assert_true(s.value_loss_int > 0.01);
    world_close(&w);
}

static void losses_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(NULL);
}

/* Two streams that differ in reward, discount and coefficient. */
static void two_streams(struct config *cfg)
{
    cfg->reward_coef_ext = 0.5;
    cfg->reward_coef_int = 0.25;
    cfg->train_gamma_int = 0.5;
    strcpy(cfg->reward_model, "hash");
}

/* The intrinsic return goes on with the first observation of the next episode. */
static void endless_stream(struct config *cfg)
{
    two_streams(cfg);
    cfg->reward_episodic = CONFIG_reward_episodic_no;
}

static void lambda_below_one(struct config *cfg)
{
    two_streams(cfg);
    cfg->train_lambda = 0.7;
}

static void gae_of_lambda(struct config *cfg)
{
    lambda_below_one(cfg);
    cfg->train_advantage = CONFIG_train_advantage_gae;
}

static void gae_of_an_endless_stream(struct config *cfg)
{
    gae_of_lambda(cfg);
    cfg->reward_episodic = CONFIG_reward_episodic_no;
}

/* What belongs to onic's way alone is not used. */
static void like_oni(struct config *cfg)
{
    gae_of_lambda(cfg);
    cfg->compat_oni = true;
}

static void losses_of_two_streams_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(two_streams);
    compare_losses(lambda_below_one);
    compare_losses(gae_of_lambda);
}

static void losses_of_an_endless_stream_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(endless_stream);
    compare_losses(gae_of_an_endless_stream);
}

static void losses_like_oni_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(like_oni);
}

/* --- repeatability --------------------------------------------------------------------------- */

/* Weights after `updates` updates on the same play, which follows the weights. */
static float *train_from_scratch(void (*adjust)(struct world *), int updates, size_t *floats)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    world_open(&w);
    if (adjust)
        adjust(&w);
    world_learn(&w, updates);
    *floats = policy_params(trainer_policy(w.core))->floats;
    float *out = xmalloc(*floats * sizeof *out);
    memcpy(out, trainer_weights(w.core), *floats * sizeof *out);
    world_close(&w);
    return out;
}

static void reopen_with_threads(struct world *w, int threads)
{
    world_close(w);
    w->cfg.train_threads = threads;
    world_open(w);
}

static void two_threads(struct world *w)
{
    reopen_with_threads(w, 2);
}

static void three_threads(struct world *w)
{
    reopen_with_threads(w, 3);
}

static void runs_with_the_same_threads_are_bit_identical(void **state)
{
    (void)state;
    size_t n;
    for (int k = 0; k < 2; k++) {
        void (*threads)(struct world *) = k ? three_threads : two_threads;
        float *a = train_from_scratch(threads, 12, &n), *b = train_from_scratch(threads, 12, &n);
        assert_memory_equal(a, b, n * sizeof *a);
        free(a);
        free(b);
    }
}

static void the_number_of_threads_changes_only_rounding(void **state)
{
    (void)state;
    size_t n;
    float *a = train_from_scratch(NULL, 2, &n), *b = train_from_scratch(two_threads, 2, &n);
    double change = 0;
    for (size_t i = 0; i < n; i++) {
        assert_close(b[i], a[i], 0, 2e-4);
        change += fabs((double)a[i]);
    }
    assert_true(change > 1);
    free(a);
    free(b);
}

/* Slices beyond the memory bound run their forward pass twice: same numbers. */
static void keep_one_slice(struct world *w)
{
    w->core->slice_columns = 8;
    w->core->kept_max = 1;
}

static void narrow_slices(struct world *w)
{
    w->core->slice_columns = 8;
}

static void repeating_the_forward_pass_changes_nothing(void **state)
{
    (void)state;
    size_t n;
    float *a = train_from_scratch(narrow_slices, 5, &n),
          *b = train_from_scratch(keep_one_slice, 5, &n);
    assert_memory_equal(a, b, n * sizeof *a);
    free(a);
    free(b);
}

static int threads_for(const struct world *w, int cores)
{
    struct trainer_params params;
    trainer_options(&params, &w->cfg);
    return trainer_threads_for(&params, cores);
}

static void half_of_the_cores_train(void **state)
{
    (void)state;
    static const int want[][2] = {{1, 1}, {2, 2}, {3, 2}, {4, 2}, {6, 3}, {16, 8}, {64, 8}};
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    w.cfg.train_threads = 0;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(threads_for(&w, want[i][0]), want[i][1]);
    world_open(&w);
    assert_int_equal(trainer_threads(w.core), threads_for(&w, cpu_usable()));
    w.cfg.run_deterministic = true; /* the same on every machine */
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(threads_for(&w, want[i][0]), 2);
    reopen_with_threads(&w, 3);
    assert_int_equal(trainer_threads(w.core), 3);
    world_close(&w);
}

static void the_steady_state_allocates_nothing(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    strcpy(w.cfg.reward_model, "hash");
    w.cfg.train_threads = 2;
    w.cfg.train_epochs = 2;
    w.cfg.train_minibatches = 2;
    world_open(&w);
    world_learn(&w, 2);
    uint64_t before = xmalloc_calls();
    world_learn(&w, 100);
    assert_int_equal(xmalloc_calls(), before);
    world_close(&w);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

static void goes_on_bit_for_bit(double value_norm, enum config_train_lr_schedule lr_schedule)
{
    static struct world a, b;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    memset(&a, 0, sizeof a);
    world_configure(&a);
    strcpy(a.cfg.reward_model, "hash");
    a.cfg.reward_coef_int = 0.5;
    a.cfg.train_minibatches = 2;
    a.cfg.train_value_norm = value_norm;
    a.cfg.train_lr = 1e-3;
    a.cfg.train_lr_schedule = lr_schedule;
    a.cfg.train_kl_target = 0.001;
    a.cfg.train_entropy_final = 0;
    a.cfg.run_frames = 20 * GROUPS * T * E;
    b = a;
    world_open(&a);
    world_open(&b);
    struct label label = {.id = 1,
                          .state = LABEL_ANSWERED,
                          .value = 1.0,
                          .question = "You go right.",
                          .question_len = 13};
    reward_mix_on_label(trainer_reward(a.core), &label);
    world_learn(&a, 7);
    world_save(&a, path);
    assert_ok(world_load(b.core, path, &err));
    assert_int_equal(trainer_counters(b.core)->version, 7);
    assert_int_equal(trainer_counters(b.core)->env_steps, 7 * GROUPS * T * E);
    assert_memory_equal(&a.core->value_norm, &b.core->value_norm, sizeof a.core->value_norm);
    assert_close(b.core->lr_adapted, a.core->lr_adapted, 0, 0);
    assert_true((b.core->lr_adapted != 1e-3) ==
                (lr_schedule == CONFIG_train_lr_schedule_kl_adaptive));
    struct train_stats sa, sb;
    for (int i = 0; i < 4; i++) { /* the same trajectories for both */
        world_play(&a);
        trainer_lay_out(a.core, a.t, GROUPS);
        trainer_lay_out(b.core, a.t, GROUPS);
        assert_ok(trainer_update(a.core, &sa, &err));
        assert_ok(trainer_update(b.core, &sb, &err));
    }
    size_t n = policy_params(trainer_policy(a.core))->floats;
    assert_memory_equal(trainer_weights(a.core), trainer_weights(b.core), n * sizeof(float));
    assert_memory_equal(&sa, &sb, sizeof sa);
    assert_true(sb.reward.paid > 0);
    world_close(&a);
    world_close(&b);
    temp_dir_remove(dir);
}

static void a_loaded_core_goes_on_bit_for_bit(void **state)
{
    (void)state;
    goes_on_bit_for_bit(0, CONFIG_train_lr_schedule_constant);
    goes_on_bit_for_bit(0.1, CONFIG_train_lr_schedule_constant);
    goes_on_bit_for_bit(0.1, CONFIG_train_lr_schedule_linear);
    goes_on_bit_for_bit(0.1, CONFIG_train_lr_schedule_kl_adaptive);
}

/* A checkpoint without statistics of the value targets, as older programs wrote it: the same
 * outputs, and the statistics begin with the next batch. And back. */
static void normalisation_can_begin_and_end_at_a_resume(void **state)
{
    (void)state;
    static struct world off, on, again;
    char dir[256], path[300];
    struct train_stats s, next;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    memset(&off, 0, sizeof off);
    world_configure(&off);
    off.cfg.train_value_norm = 0;
    on = off;
    on.cfg.train_value_norm = 0.01;
    again = off;
    world_open(&off);
    world_open(&on);
    world_open(&again);
    s = world_learn(&off, 30);
    world_save(&off, path);
    assert_ok(world_load(on.core, path, &err));
    size_t bytes = policy_params(trainer_policy(on.core))->floats * sizeof(float);
    assert_memory_equal(trainer_weights(on.core), trainer_weights(off.core), bytes);
    assert_true(on.core->value_norm.mass == 0);
    next = world_learn(&on, 1);
    assert_close(next.return_scale[0], value_sums_deviation(&next.values[0]), 1e-6, 0);
    assert_close(next.return_scale[0], s.return_scale[0], 0.5, 0);
    world_learn(&on, 30);
    assert_true(world_share_of_right(&on) > 0.9);
    world_save(&on, path);
    assert_ok(world_load(again.core, path, &err));
    assert_memory_equal(trainer_weights(on.core), trainer_weights(again.core), bytes);
    world_learn(&again, 10);
    assert_true(world_share_of_right(&again) > 0.9);
    world_close(&off);
    world_close(&on);
    world_close(&again);
    temp_dir_remove(dir);
}

static void another_network_or_environment_is_refused_by_name(void **state)
{
    (void)state;
    static struct world a, b;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    memset(&a, 0, sizeof a);
    world_configure(&a);
    b = a;
    world_open(&a);
    world_save(&a, path);
    b.cfg.policy_hidden = 24;
    world_open(&b);
    assert_err(world_load(b.core, path, &err), ONIC_ECONFIG, "network");
    world_close(&b);
    b.cfg.policy_hidden = 16;
    b.env.max_steps = 99;
    world_open(&b);
    assert_err(world_load(b.core, path, &err), ONIC_ECONFIG, "max_steps: 99");
    world_close(&b);
    b.env.max_steps = LIMIT;
    strcpy(b.cfg.reward_model, "counts");
    world_open(&b);
    assert_err(world_load(b.core, path, &err), ONIC_ECONFIG, "counts");
    world_close(&b);
    world_close(&a);
    temp_dir_remove(dir);
}

/* Cut off it would be a checkpoint with right checksums that nobody can resume from. */
static void a_reward_model_that_outgrows_its_part_leaves_the_older_checkpoint(void **state)
{
    (void)state;
    static struct world w;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    memset(&w, 0, sizeof w);
    world_configure(&w);
    strcpy(w.cfg.reward_model, "counts");
    world_open(&w);
    world_learn(&w, 1);
    world_save(&w, path);
    world_learn(&w, 1);
    w.core->state_max = 64;
    struct checkpoint *c = checkpoint_create();
    trainer_save(w.core, c);
    assert_err(checkpoint_write(c, path, &err), ONIC_ELIMIT,
               "part 'reward' would be larger than the 64 bytes");
    checkpoint_free(c);
    assert_ok(world_load(w.core, path, &err));
    assert_int_equal(trainer_counters(w.core)->version, 1);
    world_close(&w);
    temp_dir_remove(dir);
}

static void a_learning_rate_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const double bad[] = {7, -1, (double)NAN};
    for (int i = 0; i < 3; i++) {
        static struct world w;
        char dir[256], path[300];
        temp_dir_create(dir);
        snprintf(path, sizeof path, "%s/c.safetensors", dir);
        memset(&w, 0, sizeof w);
        world_configure(&w);
        w.cfg.train_lr_schedule = CONFIG_train_lr_schedule_kl_adaptive;
        world_open(&w);
        w.core->lr_adapted = bad[i];
        world_save(&w, path);
        assert_err(world_load(w.core, path, &err), ONIC_EDAMAGED, "the learning rate is '");
        world_close(&w);
        temp_dir_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_equal_an_independent_computation),
        cmocka_unit_test(losses_of_two_streams_equal_an_independent_computation),
        cmocka_unit_test(losses_like_oni_equal_an_independent_computation),
        cmocka_unit_test(losses_of_an_endless_stream_equal_an_independent_computation),
        cmocka_unit_test(runs_with_the_same_threads_are_bit_identical),
        cmocka_unit_test(the_number_of_threads_changes_only_rounding),
        cmocka_unit_test(repeating_the_forward_pass_changes_nothing),
        cmocka_unit_test(half_of_the_cores_train),
        cmocka_unit_test(the_steady_state_allocates_nothing),
        cmocka_unit_test(a_loaded_core_goes_on_bit_for_bit),
        cmocka_unit_test(normalisation_can_begin_and_end_at_a_resume),
        cmocka_unit_test(another_network_or_environment_is_refused_by_name),
        cmocka_unit_test(a_reward_model_that_outgrows_its_part_leaves_the_older_checkpoint),
        cmocka_unit_test(a_learning_rate_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
