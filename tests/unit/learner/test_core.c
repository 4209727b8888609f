/* SPDX-License-Identifier: MIT */
/* The training core without sockets, on a corridor of six cells: start in the middle, the right end
 * pays. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "learner/batch.h"
#include "learner/train_step.h"
#include "learner/vtrace.h"

enum { T = 12, E = 16, CELLS = 6, LIMIT = 10, RIGHT = 1, GROUPS = 2 };

/* --- the corridor, played with the core's own weights ---------------------------------------- */

struct world {
    struct config cfg;
    struct env_description env;
    struct learner_core *core;
    struct policy_actor *actor;
    struct rng rng;
    float right_pays;
    int cell[GROUPS * E], step[GROUPS * E];
    float *state; /* [GROUPS * E, S] */
    struct trajectory *t[GROUPS];
    int right, moves; /* since the last reset of these counters */
};

static void configure(struct world *w)
{
    config_defaults(&w->cfg);
    w->cfg.train_rollout = T;
    w->cfg.train_threads = 1;
    w->cfg.policy_hidden = 16;
    w->cfg.policy_core_size = 16;
    w->cfg.train_lr = 0.01;
    strcpy(w->cfg.reward_model, "none");
    w->cfg.reward_coef_int = 0;
    w->env = (struct env_description){.actions = 2, .max_steps = LIMIT, .default_count = E};
    strcpy(w->env.id, "test:Corridor");
    strcpy(w->env.default_net, "mlp");
    obs_spec_add(&w->env.obs, "cell", OBS_U8, 1, (int[]){1});
    w->right_pays = 1.0f;
}

static void open_world(struct world *w)
{
    assert_ok(learner_core_create(&w->core, &w->cfg, &w->env, &err));
    const struct policy *p = learner_core_policy(w->core);
    int S = policy_state_size(p);
    w->actor = policy_actor_create(p, E);
    w->state = xcalloc((size_t)(GROUPS * E * S + 1), sizeof(float));
    w->rng = rng_stream(3, "test", 0, 0, 0);
    struct trajectory_shape shape = {
        .T = T, .E = E, .obs_bytes = w->env.obs.obs_bytes, .actions = 2, .state_size = S};
    for (int g = 0; g < GROUPS; g++) {
        w->t[g] = trajectory_create(&shape);
        for (int e = 0; e < E; e++)
            w->cell[g * E + e] = CELLS / 2;
    }
}

static void close_world(struct world *w)
{
    for (int g = 0; g < GROUPS; g++)
        trajectory_free(w->t[g]);
    policy_actor_free(w->actor);
    learner_core_free(w->core);
    free(w->state);
}

static void move(struct world *w, struct trajectory *t, int g, int step, int e)
{
    int *cell = &w->cell[g * E + e], *n = &w->step[g * E + e], i = step * E + e;
    bool right = t->action[i] == RIGHT;
    *cell += right ? 1 : -1;
    *cell = *cell < 0 ? 0 : *cell;
    bool end = *cell == CELLS - 1, limit = !end && ++*n >= LIMIT;
    t->reward[i] = end ? w->right_pays : 0.0f;
    t->flags[i] = (uint8_t)(end ? STEP_TERMINATED : limit ? STEP_TRUNCATED : 0);
    t->caption[i] = right ? trajectory_caption(t, "You go right.", 13) : 0;
    t->caption_count[i] = right ? 1 : 0;
    t->obs_caption[i + E] = end || limit ? 0 : t->caption[i];
    w->right += right;
    w->moves++;
    if (end || limit) {
        size_t S = (size_t)t->shape.state_size;
        if (S)
            memset(w->state + (size_t)(g * E + e) * S, 0, S * sizeof(float));
        *cell = CELLS / 2;
        *n = 0;
        for (int h = 0; limit && h < 2; h++)
            t->final_value[2 * i + h] = 0.25f;
    }
}

static void observe(const struct world *w, struct trajectory *t, int g, int row)
{
    for (int e = 0; e < E; e++)
        t->obs[(size_t)(row * E + e) * t->shape.obs_bytes] = (uint8_t)w->cell[g * E + e];
}

static void play(struct world *w)
{
    const struct policy *p = learner_core_policy(w->core);
    size_t S = (size_t)policy_state_size(p);
    for (int g = 0; g < GROUPS; g++) {
        struct trajectory *t = w->t[g];
        float *state = w->state + (size_t)(g * E) * S;
        trajectory_clear(t);
        memset(t->final_value, 0, sizeof(float) * 2 * T * E);
        memcpy(t->state0, state, S * E * sizeof(float));
        t->weights_version = learner_core_counters(w->core)->version;
        observe(w, t, g, 0);
        for (int step = 0; step < T; step++) {
            const uint8_t *rows[E];
            float logits[E * 2], u[E];
            int32_t action[E];
            for (int e = 0; e < E; e++) {
                rows[e] = t->obs + (size_t)(step * E + e) * t->shape.obs_bytes;
                u[e] = rng_float(&w->rng);
            }
            policy_act(p, w->actor, learner_core_weights(w->core), rows, E, state, logits,
                       t->value + (size_t)step * E * 2);
            policy_sample(logits, u, E, 2, action, t->logp + (size_t)step * E);
            for (int e = 0; e < E; e++) {
                t->action[step * E + e] = (int16_t)action[e];
                move(w, t, g, step, e);
            }
            observe(w, t, g, step + 1);
        }
    }
}

static struct train_stats learn(struct world *w, int updates)
{
    struct train_stats stats = {0};
    for (int i = 0; i < updates; i++) {
        play(w);
        learner_core_lay_out(w->core, w->t, GROUPS);
        assert_ok(learner_core_update(w->core, &stats, &err));
    }
    return stats;
}

static double share_of_right(struct world *w)
{
    w->right = w->moves = 0;
    for (int i = 0; i < 5; i++)
        play(w);
    return (double)w->right / w->moves;
}

/* --- learning -------------------------------------------------------------------------------- */

static void it_learns_what_pays(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    open_world(&w);
    assert_true(share_of_right(&w) < 0.75);
    learn(&w, 60);
    assert_true(share_of_right(&w) > 0.95);
    close_world(&w);
}

/* The same with the sign flipped: an update in the wrong direction would pass neither or the wrong
 * one. */
static void it_learns_to_avoid_what_costs(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    w.right_pays = -1.0f;
    open_world(&w);
    assert_true(share_of_right(&w) > 0.25);
    learn(&w, 60);
    assert_true(share_of_right(&w) < 0.35);
    close_world(&w);
}

/* Nothing is paid by the environment: only the label of the caption "You go right." drives. */
static void it_learns_from_labels_alone(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    strcpy(w.cfg.reward_model, "hash");
    w.cfg.reward_coef_ext = 0;
    w.cfg.reward_coef_int = 1;
    w.cfg.train_gamma_int = 0; /* the next step counts: an end would cut off further praise */
    w.right_pays = -1.0f;      /* would teach the opposite */
    open_world(&w);
    struct train_stats s = learn(&w, 1);
    assert_true(s.reward.known == 0 && s.reward.paid == 0);
    struct annot_label label = {.id = 1,
                                .state = ANNOT_LABEL,
                                .label = 1.0f,
                                .confidence = 1.0f,
                                .caption = "You go right.",
                                .caption_len = 13};
    reward_mix_observe(learner_core_reward(w.core), &label);
    s = learn(&w, 60);
    assert_true(s.reward.known == s.reward.captioned && s.reward.known > 0);
    assert_true(share_of_right(&w) > 0.95);
    close_world(&w);
}

static void it_learns_without_a_recurrent_core_and_in_minibatches(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    strcpy(w.cfg.policy_core, "none");
    w.cfg.train_epochs = 2;
    w.cfg.train_minibatches = 3;
    open_world(&w);
    learn(&w, 20);
    assert_int_equal(learner_core_counters(w.core)->adam_steps, 20 * 2 * 3);
    assert_true(share_of_right(&w) > 0.9);
    close_world(&w);
}

static void passes_end_early_when_the_loss_stands_still(void **state)
{
    (void)state;
    const struct {
        double early_stop, lr;
        int epochs;
    } want[] = {{0, 0, 5}, {1e-6, 0, 2}, {1e-6, 0.05, 5}}; /* with lr 0 every pass is the same */
    for (int i = 0; i < 3; i++) {
        static struct world w;
        struct train_stats s[2];
        memset(&w, 0, sizeof w);
        configure(&w);
        w.cfg.train_lr = want[i].lr;
        w.cfg.train_epochs = 5;
        w.cfg.train_early_stop = want[i].early_stop;
        open_world(&w);
        s[0] = learn(&w, 1);
        assert_int_equal((int)s[0].epochs, want[i].epochs);
        assert_int_equal(learner_core_counters(w.core)->adam_steps, want[i].epochs);
        close_world(&w);
        w.cfg.train_epochs = 1; /* means are per pass, however many there were */
        w.core = NULL;
        memset(w.step, 0, sizeof w.step);
        open_world(&w);
        s[1] = learn(&w, 1);
        if (want[i].lr == 0)
            assert_close(s[0].entropy, s[1].entropy, 1e-9, 0);
        close_world(&w);
    }
}

/* --- what an update computes ----------------------------------------------------------------- */

struct expected {
    double policy, value[2], entropy;
};

/* What the extrinsic head is paid for a step: with compat.oni both rewards, the intrinsic one for
 * having seen "You go right." before the step (label 1, first time). */
static float paid_at(const struct world *w, const struct trajectory *t, int s, int e)
{
    float r = t->reward[s * E + e];
    if (!w->cfg.compat_oni)
        return r;
    bool seen = t->obs_caption[s * E + e] != 0;
    return (float)w->cfg.reward_coef_ext * r + (seen ? (float)w->cfg.reward_coef_int : 0.0f);
}

/* Losses of the batch at hand from the network's outputs, one environment at a time and in double.
 */
static void expect(struct world *w, struct expected *x)
{
    enum { STEPS = GROUPS * T * E };
    const struct policy *p = learner_core_policy(w->core);
    struct policy_trainer *ws = policy_trainer_create(p, T + 1, 1);
    static double adv[STEPS], ratio[STEPS];
    double sum = 0, squares = 0;
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
            policy_forward(p, ws, learner_core_weights(w->core), rows,
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
                for (int s = 0; s <= T; s++)
                    head[s] = value[2 * s + h];
                for (int s = 0; s < T; s++) {
                    end[s] = t->flags[s * E + e] == STEP_TRUNCATED && !w->cfg.compat_oni
                                 ? t->final_value[2 * (s * E + e) + h]
                                 : 0;
                    reward[s] = h == POLICY_EXT ? paid_at(w, t, s, e) : 0.0f;
                }
                if (w->cfg.compat_oni)
                    head[T] = (head[T - 1] - reward[T - 1]) / (float)w->cfg.train_gamma;
                vtrace(vs, a, one, reward, head, ended, end, &head[T], T, 1, w->cfg.train_gamma, 1,
                       1);
                for (int s = 0; s < T; s++) {
                    double v = (double)head[s], old = (double)t->value[2 * (s * E + e) + h];
                    double moved = fmin(fmax(v - old, -1), 1), e1 = v - (double)vs[s];
                    double e2 = old + moved - (double)vs[s];
                    x->value[h] += fmax(e1 * e1, e2 * e2);
                    if (h == POLICY_EXT)
                        adv[k + s] = (double)a[s];
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
static void compare_losses(bool compat_oni)
{
    static struct world w;
    struct expected want;
    struct train_stats s;
    memset(&w, 0, sizeof w);
    configure(&w);
    w.cfg.train_threads = 2;
    if (compat_oni) {
        w.cfg.compat_oni = true;
        w.cfg.reward_coef_ext = 0.5;
        w.cfg.reward_coef_int = 0.25;
        w.cfg.train_gamma_int = 0.5; /* not used */
        strcpy(w.cfg.reward_model, "hash");
    }
    open_world(&w);
    if (compat_oni)
        reward_mix_observe(learner_core_reward(w.core),
                           &(struct annot_label){.id = 1,
                                                 .state = ANNOT_LABEL,
                                                 .label = 1.0f,
                                                 .caption = "You go right.",
                                                 .caption_len = 13});
    learn(&w, 8);
    play(&w);
    for (int g = 0; g < GROUPS; g++) /* as if other weights had acted */
        for (int i = 0; i < T * E; i++)
            w.t[g]->logp[i] += 0.3f * (rng_float(&w.rng) - 0.5f);
    expect(&w, &want);
    learner_core_lay_out(w.core, w.t, GROUPS);
    assert_ok(learner_core_update(w.core, &s, &err));
    assert_close(s.policy_loss, want.policy, 1e-4, 1e-6);
    assert_close(s.value_loss, want.value[0], 1e-4, 1e-7);
    assert_close(s.value_loss_int, want.value[1], 1e-4, 1e-7);
    assert_close(s.entropy, want.entropy, 1e-5, 0);
    assert_true(s.clipped > 0.05); /* the sample exercises the clip */
    if (compat_oni)
        assert_close(s.value_loss_int, 0, 0, 0);
    close_world(&w);
}

static void losses_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(false);
}

static void losses_like_oni_equal_an_independent_computation(void **state)
{
    (void)state;
    compare_losses(true);
}

/* --- repeatability --------------------------------------------------------------------------- */

/* Weights after `updates` updates on the same play, which follows the weights. */
static float *train_from_scratch(void (*adjust)(struct world *), int updates, size_t *floats)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    open_world(&w);
    if (adjust)
        adjust(&w);
    learn(&w, updates);
    *floats = policy_params(learner_core_policy(w.core))->floats;
    float *out = xmalloc(*floats * sizeof *out);
    memcpy(out, learner_core_weights(w.core), *floats * sizeof *out);
    close_world(&w);
    return out;
}

static void reopen_with_threads(struct world *w, int threads)
{
    close_world(w);
    w->cfg.train_threads = threads;
    open_world(w);
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

static void half_of_the_cores_train(void **state)
{
    (void)state;
    static const int want[][2] = {{1, 1}, {2, 2}, {3, 2}, {4, 2}, {6, 3}, {16, 8}, {64, 8}};
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    w.cfg.train_threads = 0;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(learner_threads(&w.cfg, want[i][0]), want[i][1]);
    open_world(&w);
    assert_int_equal(learner_core_threads(w.core), learner_threads(&w.cfg, cpu_usable()));
    w.cfg.run_deterministic = true; /* the same on every machine */
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_int_equal(learner_threads(&w.cfg, want[i][0]), 2);
    reopen_with_threads(&w, 3);
    assert_int_equal(learner_core_threads(w.core), 3);
    close_world(&w);
}

static void the_steady_state_allocates_nothing(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    strcpy(w.cfg.reward_model, "hash");
    w.cfg.train_threads = 2;
    w.cfg.train_epochs = 2;
    w.cfg.train_minibatches = 2;
    open_world(&w);
    learn(&w, 2);
    uint64_t before = xmalloc_calls();
    learn(&w, 100);
    assert_int_equal(xmalloc_calls(), before);
    close_world(&w);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

static void save(struct world *w, const char *path)
{
    struct checkpoint *c = checkpoint_create();
    learner_core_save(w->core, c);
    assert_ok(checkpoint_write(c, path, &err));
    checkpoint_free(c);
}

static int load(struct learner_core *core, const char *path, struct onic_err *err)
{
    struct checkpoint_file *f = NULL;
    int rc = checkpoint_open(&f, path, err);
    if (!rc)
        rc = learner_core_load(core, f, err);
    checkpoint_close(f);
    return rc;
}

static void a_loaded_core_goes_on_bit_for_bit(void **state)
{
    (void)state;
    static struct world a, b;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c.safetensors", dir);
    memset(&a, 0, sizeof a);
    configure(&a);
    strcpy(a.cfg.reward_model, "hash");
    a.cfg.reward_coef_int = 0.5;
    a.cfg.train_minibatches = 2;
    b = a;
    open_world(&a);
    open_world(&b);
    struct annot_label label = {.id = 1,
                                .state = ANNOT_LABEL,
                                .label = 1.0f,
                                .caption = "You go right.",
                                .caption_len = 13};
    reward_mix_observe(learner_core_reward(a.core), &label);
    learn(&a, 7);
    save(&a, path);
    assert_ok(load(b.core, path, &err));
    assert_int_equal(learner_core_counters(b.core)->version, 7);
    assert_int_equal(learner_core_counters(b.core)->env_steps, 7 * GROUPS * T * E);
    struct train_stats sa, sb;
    for (int i = 0; i < 4; i++) { /* the same trajectories for both */
        play(&a);
        learner_core_lay_out(a.core, a.t, GROUPS);
        learner_core_lay_out(b.core, a.t, GROUPS);
        assert_ok(learner_core_update(a.core, &sa, &err));
        assert_ok(learner_core_update(b.core, &sb, &err));
    }
    size_t n = policy_params(learner_core_policy(a.core))->floats;
    assert_memory_equal(learner_core_weights(a.core), learner_core_weights(b.core),
                        n * sizeof(float));
    assert_memory_equal(&sa, &sb, sizeof sa);
    assert_true(sb.reward.paid > 0);
    close_world(&a);
    close_world(&b);
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
    configure(&a);
    b = a;
    open_world(&a);
    save(&a, path);
    b.cfg.policy_hidden = 24;
    open_world(&b);
    assert_err(load(b.core, path, &err), ONIC_EINCOMPATIBLE, "network");
    close_world(&b);
    b.cfg.policy_hidden = 16;
    b.env.max_steps = 99;
    open_world(&b);
    assert_err(load(b.core, path, &err), ONIC_EINCOMPATIBLE, "max_steps: 99");
    close_world(&b);
    b.env.max_steps = LIMIT;
    strcpy(b.cfg.reward_model, "counts");
    open_world(&b);
    assert_err(load(b.core, path, &err), ONIC_ECONFIG, "counts");
    close_world(&b);
    close_world(&a);
    temp_dir_remove(dir);
}

/* --- bad numbers ----------------------------------------------------------------------------- */

static int poisoned_update(struct world *w, struct onic_err *err)
{
    struct train_stats s;
    play(w);
    w->t[1]->flags[5] = STEP_TRUNCATED;
    w->t[1]->final_value[10] = NAN;
    learner_core_lay_out(w->core, w->t, GROUPS);
    return learner_core_update(w->core, &s, err);
}

static void a_bad_gradient_is_skipped_and_the_third_in_a_row_ends_the_run(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    configure(&w);
    open_world(&w);
    learn(&w, 2);
    size_t bytes = policy_params(learner_core_policy(w.core))->floats * sizeof(float);
    void *before = xmalloc(bytes);
    memcpy(before, learner_core_weights(w.core), bytes);
    assert_ok(poisoned_update(&w, &err));
    assert_memory_equal(learner_core_weights(w.core), before, bytes);
    assert_int_equal(learner_core_counters(w.core)->nonfinite, 1);
    assert_int_equal(learner_core_counters(w.core)->version,
                     3); /* actors in lock-step wait for it */
    learn(&w, 1);        /* a good one forgives */
    assert_true(memcmp(learner_core_weights(w.core), before, bytes) != 0);
    assert_ok(poisoned_update(&w, &err));
    assert_ok(poisoned_update(&w, &err));
    assert_err(poisoned_update(&w, &err), ONIC_EINTERNAL, "3 gradients in a row");
    free(before);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_what_pays),
        cmocka_unit_test(it_learns_to_avoid_what_costs),
        cmocka_unit_test(it_learns_from_labels_alone),
        cmocka_unit_test(it_learns_without_a_recurrent_core_and_in_minibatches),
        cmocka_unit_test(passes_end_early_when_the_loss_stands_still),
        cmocka_unit_test(losses_equal_an_independent_computation),
        cmocka_unit_test(losses_like_oni_equal_an_independent_computation),
        cmocka_unit_test(runs_with_the_same_threads_are_bit_identical),
        cmocka_unit_test(the_number_of_threads_changes_only_rounding),
        cmocka_unit_test(repeating_the_forward_pass_changes_nothing),
        cmocka_unit_test(half_of_the_cores_train),
        cmocka_unit_test(the_steady_state_allocates_nothing),
        cmocka_unit_test(a_loaded_core_goes_on_bit_for_bit),
        cmocka_unit_test(another_network_or_environment_is_refused_by_name),
        cmocka_unit_test(a_bad_gradient_is_skipped_and_the_third_in_a_row_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
