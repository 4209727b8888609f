/* SPDX-License-Identifier: MIT */
/* test_trainer_scale.c - with train.value_norm neither the size of a reward nor a head that counts
 * for nothing decides what is learned. Worlds of which nothing but scales differs play the same
 * games as long as their policies agree to the bit. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "common/data/question.h"
#include "learner/reward/motif/motif_file.h"
#include "learner/reward/ranking_net.h"
#include "learner/train/batch.h"
#include "tests/support/corridor_world.h"

enum { UPDATES = 25, LABEL = 128 };

static const char right[] = "You go right.", other[] = "You wait.";

static char motif_file[64]; /* what reward.model=motif reads: it pays whatever it thinks */

static int write_motif(void **state)
{
    (void)state;
    struct message_head *net = ranking_net_create();
    struct motif_reward r = {.floats = message_head_params(net)->floats,
                             .mean = -1000,
                             .var = 1e6,
                             .weights = NULL,
                             .labels = "test"};
    r.weights = xmalloc(r.floats * sizeof *r.weights);
    message_head_init(net, r.weights, 2);
    message_head_free(net);
    snprintf(motif_file, sizeof motif_file, "/tmp/onic-motif-scale-%d.safetensors", (int)getpid());
    int rc = motif_file_write(motif_file, &r, NULL);
    motif_reward_release(&r);
    return rc;
}

static int remove_motif(void **state)
{
    (void)state;
    return unlink(motif_file);
}

static void configure(struct world *w, const char *model)
{
    memset(w, 0, sizeof *w);
    world_configure(w);
    w->cfg.train_value_norm = 0.05;
    w->cfg.train_threads = 2;
    w->cfg.reward_clip = w->cfg.reward_int_clip = 0;
    w->cfg.reward_store_every = 1;
    w->cfg.reward_train_share = 1;
    w->cfg.reward_refresh = 1;
    w->cfg.reward_holdout = 0;
    strcpy(w->cfg.reward_model, model);
    snprintf(w->cfg.reward_file, sizeof w->cfg.reward_file, "%s", motif_file);
}

static void answer(struct world *w, enum question_kind kind, float value)
{
    char pair[QUESTION_MAX];
    struct label l = {.id = 1,
                      .state = LABEL_ANSWERED,
                      .value = (double)value,
                      .confidence = 1,
                      .question = right,
                      .question_len = sizeof right - 1};
    if (kind == QUESTION_PAIR) {
        l.question_len = question_pair(pair, right, sizeof right - 1, other, sizeof other - 1);
        l.question = pair;
    }
    reward_mix_on_label(trainer_reward(w->core), &l);
}

static void open_labelled(struct world *w, float value)
{
    world_open(w);
    const struct reward_model_traits *t = &reward_mix_type(trainer_reward(w->core))->traits;
    if (t->wants_labels)
        answer(w, t->asks, value);
}

/* One update; the value of a last observation, which the corridor sets, comes in units of `scale`.
 * Returns the steps with intrinsic reward. */
static uint64_t update(struct world *w, float scale, struct train_stats *s)
{
    struct reward_mix *mix = trainer_reward(w->core);
    world_play(w);
    for (int g = 0; g < WORLD_GROUPS; g++)
        for (int i = 0; i < 2 * WORLD_T * WORLD_E; i++)
            w->t[g]->final_value[i] *= scale;
    const struct batch *b = trainer_lay_out(w->core, w->t, WORLD_GROUPS);
    reward_mix_on_batch(mix, &b->reward);
    reward_mix_train(mix);
    assert_ok(trainer_update(w->core, s, &err));
    return s->reward.paid;
}

/* What the parameters of a head begin at: the network ends with them. */
static size_t head_begins(const struct world *w, int head)
{
    assert_true(w->core->head[head].count > 16);
    return w->core->head[head].from;
}

/* Trunk, policy, and optimiser state of all but the heads in `but`. */
static void assert_same_network(const struct world *a, const struct world *b, size_t floats)
{
    assert_memory_equal(a->core->weights, b->core->weights, floats * sizeof(float));
    assert_memory_equal(a->core->m, b->core->m, floats * sizeof(float));
    assert_memory_equal(a->core->v, b->core->v, floats * sizeof(float));
}

static void assert_counts_for_nothing(const char *model, int minibatches, const struct world *none)
{
    static struct world w;
    struct train_stats s;
    uint64_t paid = 0;
    configure(&w, model);
    w.cfg.train_minibatches = minibatches;
    w.cfg.reward_pay_share = 0; /* ranking and similarity pay whatever they think */
    w.cfg.reward_epsilon = -1000;
    w.cfg.reward_eta = 0;
    open_labelled(&w, 1);
    for (int u = 0; u < UPDATES; u++)
        paid += update(&w, 1, &s);
    if (strcmp(model, "none") != 0)
        assert_true(paid > 0);
    size_t ends = head_begins(&w, POLICY_INT), all = w.core->floats;
    assert_same_network(none, &w, ends);
    for (size_t i = ends; i < all; i++) /* it is not taught either */
        assert_true(w.core->weights[i] == 0 && w.core->m[i] == 0 && w.core->v[i] == 0);
    world_close(&w);
}

static void a_head_that_counts_for_nothing_changes_nothing(void **state)
{
    static const char *const models[] = {"hash",       "classifier", "ranking", "motif",
                                         "similarity", "counts",     "rnd",     "none"};
    static struct world none;
    struct train_stats s;
    (void)state;
    for (int minibatches = 1; minibatches <= 2; minibatches++) {
        configure(&none, "none");
        none.cfg.train_minibatches = minibatches;
        none.cfg.reward_coef_int = 0.2; /* of a stream that does not exist */
        world_open(&none);
        for (int u = 0; u < UPDATES; u++)
            update(&none, 1, &s);
        assert_true(world_share_of_right(&none) > 0.7); /* it learned */
        for (size_t k = 0; k < sizeof models / sizeof *models; k++)
            assert_counts_for_nothing(models[k], minibatches, &none);
        world_close(&none);
    }
}

/* Rewards of both streams in another unit, at most LABEL: a score, which is paid as it is, is at
 * most 1. */
static void open_scaled(struct world *w, float scale)
{
    configure(w, "similarity");
    w->cfg.reward_epsilon = 0;
    w->cfg.reward_coef_int = 0.5 * LABEL;
    w->cfg.reward_scale = (double)scale;
    w->cfg.train_value_coef = 0.5;
    w->cfg.train_max_grad_norm = 0.3; /* is in the way */
    w->cfg.train_clip_value = 0.2;    /* also */
    w->cfg.train_epochs = 2;
    open_labelled(w, scale / LABEL);
}

/* With a power of two there is not even rounding: the same trunk and policy to the bit, and value
 * heads that say the same in the other unit. */
static void the_unit_of_the_rewards_changes_nothing(void **state)
{
    static struct world a, b;
    struct train_stats s, x;
    (void)state;
    for (int k = -6; k <= 6; k += 3) {
        float scale = ldexpf(1, k);
        open_scaled(&a, 1);
        open_scaled(&b, scale);
        for (int u = 0; u < UPDATES; u++) {
            update(&a, 1, &s);
            update(&b, scale, &x);
        }
        assert_true(s.reward.paid > 0 && s.grad_norm > 0.3);
        size_t ends = head_begins(&a, POLICY_EXT);
        assert_same_network(&a, &b, ends);
        for (size_t i = ends; i < a.core->floats; i++)
            assert_true(b.core->weights[i] == scale * a.core->weights[i]);
        for (int h = 0; h < POLICY_HEADS; h++) {
            assert_close(x.return_scale[h], (double)scale * s.return_scale[h], 0, 0);
            assert_true(value_sums_explained(&s.values[h]) == value_sums_explained(&x.values[h]));
            assert_true(a.core->weights[head_begins(&a, h)] != 0);
        }
        assert_close(x.value_loss, s.value_loss, 0, 0);
        world_close(&a);
        world_close(&b);
    }
}

static void other_units_change_rounding_only(void **state)
{
    static const float scales[] = {0.01f, 100.0f};
    static struct world a, b;
    struct train_stats s, x;
    (void)state;
    for (int k = 0; k < 2; k++) {
        open_scaled(&a, 1);
        open_scaled(&b, scales[k]);
        for (int u = 0; u < 4; u++) {
            update(&a, 1, &s);
            update(&b, scales[k], &x);
        }
        for (size_t i = 0; i < head_begins(&a, POLICY_EXT); i++)
            assert_close(b.core->weights[i], a.core->weights[i], 0, 1e-4);
        assert_close(x.policy_loss, s.policy_loss, 1e-3, 1e-5);
        assert_close(x.value_loss, s.value_loss, 1e-3, 0);
        world_close(&a);
        world_close(&b);
    }
}

/* Only the ratio of the coefficients says something. */
static void a_large_coefficient_is_not_a_large_step(void **state)
{
    static struct world a, b;
    struct train_stats s, x;
    (void)state;
    for (int large = 8; large <= 10; large += 2) {
        open_scaled(&a, 1);
        configure(&b, "similarity");
        b.cfg = a.cfg;
        b.cfg.reward_coef_ext = large;
        b.cfg.reward_coef_int *= large;
        open_labelled(&b, 1.0f / LABEL);
        for (int u = 0; u < UPDATES; u++) {
            update(&a, 1, &s);
            update(&b, 1, &x);
            assert_true(isfinite(x.grad_norm) && x.kl < 0.2);
        }
        if (large == 8)
            assert_same_network(&a, &b, a.core->floats);
        assert_close(world_share_of_right(&b), world_share_of_right(&a), 0, 0.1);
        world_close(&a);
        world_close(&b);
    }
}

/* A head is 0 until it knows its unit; then it has the network's initial weights in it, and the
 * first step of Adam, which has the size of its rate, is one in that unit too. */
static void a_head_starts_and_steps_in_its_own_unit(void **state)
{
    static struct world w;
    struct train_stats s;
    (void)state;
    configure(&w, "none");
    w.cfg.reward_scale = 50;
    w.cfg.train_max_grad_norm = 0;
    world_open(&w);
    const struct params *p = policy_params(trainer_policy(w.core));
    size_t begin = head_begins(&w, POLICY_EXT), bias = params_find(p, "value_ext.b")->offset;
    float *initial = xmalloc(p->floats * sizeof *initial);
    params_init(p, initial, w.core->params.seed);
    for (size_t i = begin; i < p->floats; i++)
        assert_true(w.core->weights[i] == 0);
    update(&w, 1, &s);
    double unit = s.return_scale[POLICY_EXT], size = 0;
    assert_true(unit > 2);
    assert_close(w.core->weights[bias], 0.01 * unit, 1e-3, 0);
    for (size_t i = begin; i < bias; i++) {
        assert_close((double)w.core->weights[i] / unit, initial[i], 0, 0.0101);
        size += fabs((double)initial[i]);
    }
    assert_true(size > 1);
    update(&w, 1, &s); /* once */
    for (size_t i = begin; i < bias; i++)
        assert_close((double)w.core->weights[i] / s.return_scale[POLICY_EXT], initial[i], 0.5, 0.1);
    free(initial);
    world_close(&w);
}

/* One update of a task in which every step pays the same, as CartPole does. */
static void update_of_alike(struct world *w, float pays, struct train_stats *s)
{
    world_play(w);
    for (int g = 0; g < WORLD_GROUPS; g++) {
        memset(w->t[g]->final_value, 0, 2 * WORLD_T * WORLD_E * sizeof(float));
        for (int i = 0; i < WORLD_T * WORLD_E; i++)
            w->t[g]->reward[i] = pays;
    }
    trainer_lay_out(w->core, w->t, WORLD_GROUPS);
    assert_ok(trainer_update(w->core, s, &err));
}

/* Equal targets have a unit, too, and a head that starts at 0 would be thousands of steps away from
 * them: its gradient, cut by the clip, is then all that anybody learns by. */
static void a_head_starts_where_its_first_targets_are_all_the_same(void **state)
{
    static const float pays[] = {1, -3, 50};
    static struct world w;
    struct train_stats s;
    (void)state;
    for (int k = 0; k < 6; k++) {
        configure(&w, "none");
        w.cfg.train_advantage = CONFIG_train_advantage_gae;
        w.cfg.train_lambda = 0;
        w.cfg.train_gamma = 0.9;
        w.cfg.reward_clip = 0;
        w.cfg.train_minibatches = k < 3 ? 1 : 4;
        world_open(&w);
        double pay = (double)pays[k % 3];
        update_of_alike(&w, pays[k % 3], &s);
        assert_close(w.core->weights[w.core->head[POLICY_EXT].bias], pay, 0.1, 0);
        if (k < 3)
            assert_true(s.grad_norm < 0.1); /* nothing is better than anything else */
        for (int u = 0; u < 200; u++)
            update_of_alike(&w, pays[k % 3], &s);
        assert_close(s.values[POLICY_EXT].value, s.values[POLICY_EXT].target, 0.1, 0);
        assert_true(s.grad_norm < 10);
        world_close(&w);
    }
}

/* A stream that pays nothing leaves its head as it is, and later ones do not start it anew. */
static void a_head_waits_for_its_first_reward(void **state)
{
    static struct world w;
    struct train_stats s;
    (void)state;
    configure(&w, "hash");
    w.cfg.reward_coef_int = 1;
    world_open(&w);
    for (int u = 0; u < 3; u++)
        update(&w, 0, &s); /* else final values pay */
    for (size_t i = head_begins(&w, POLICY_INT); i < w.core->floats; i++)
        assert_true(w.core->weights[i] == 0);
    answer(&w, QUESTION_CLASS, 1);
    update(&w, 1, &s);
    assert_true(s.reward.paid > 0 && w.core->weights[head_begins(&w, POLICY_INT)] != 0);
    world_close(&w);
}

/* With a rate of 0 the weights stand still, whatever comes; so do the outputs. */
static void outputs_stay_when_the_statistics_move(void **state)
{
    static struct world w;
    struct train_stats first, last;
    (void)state;
    open_scaled(&w, 1);
    for (int u = 0; u < 5; u++)
        update(&w, 1, &first);
    size_t bytes = w.core->floats * sizeof(float);
    float *before = xmalloc(bytes);
    memcpy(before, w.core->weights, bytes);
    w.core->params.lr = 0;
    w.right_pays = 1000;
    for (int u = 0; u < 5; u++)
        update(&w, 1, &last);
    assert_true(last.return_scale[POLICY_EXT] > 10 * first.return_scale[POLICY_EXT]);
    assert_memory_equal(w.core->weights, before, bytes);
    free(before);
    world_close(&w);
}

/* What is not finite is kept out of the statistics as it is kept out of the weights. */
static void a_bad_target_does_not_reach_the_statistics(void **state)
{
    static struct world w;
    struct train_stats s;
    (void)state;
    configure(&w, "none");
    world_open(&w);
    update(&w, 1, &s);
    struct value_norm before = w.core->value_norm;
    world_play(&w);
    w.t[1]->flags[5] = STEP_TRUNCATED;
    w.t[1]->final_value[10] = INFINITY;
    trainer_lay_out(w.core, w.t, WORLD_GROUPS);
    assert_ok(trainer_update(w.core, &s, &err));
    assert_int_equal(trainer_counters(w.core)->nonfinite, 1);
    assert_memory_equal(&w.core->value_norm, &before, sizeof before);
    world_close(&w);
}

/* ONI's learner has no such thing: the option is not looked at. */
static void like_oni_values_learn_in_reward_units(void **state)
{
    static struct world a, b;
    struct train_stats s;
    (void)state;
    configure(&a, "hash");
    a.cfg.compat_oni = true;
    a.cfg.train_value_norm = 0;
    configure(&b, "hash");
    b.cfg.compat_oni = true;
    open_labelled(&a, 1);
    open_labelled(&b, 1);
    for (int u = 0; u < 3; u++) {
        update(&a, 1, &s);
        update(&b, 1, &s);
    }
    assert_same_network(&a, &b, a.core->floats);
    world_close(&a);
    world_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_counts_for_nothing_changes_nothing),
        cmocka_unit_test(the_unit_of_the_rewards_changes_nothing),
        cmocka_unit_test(other_units_change_rounding_only),
        cmocka_unit_test(a_large_coefficient_is_not_a_large_step),
        cmocka_unit_test(a_head_starts_and_steps_in_its_own_unit),
        cmocka_unit_test(a_head_starts_where_its_first_targets_are_all_the_same),
        cmocka_unit_test(a_head_waits_for_its_first_reward),
        cmocka_unit_test(outputs_stay_when_the_statistics_move),
        cmocka_unit_test(a_bad_target_does_not_reach_the_statistics),
        cmocka_unit_test(like_oni_values_learn_in_reward_units),
    };
    return cmocka_run_group_tests(tests, write_motif, remove_motif);
}
