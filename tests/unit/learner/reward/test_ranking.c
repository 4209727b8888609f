/* timeout: 180 */
/* SPDX-License-Identifier: MIT */
/* test_ranking.c - what the preference model learns, from what, and how it normalises. */
#include <stdlib.h>

#include "common/nn/blas.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/running_norm.h"
#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_ranking;
static const struct reward_model_type *const t = &reward_model_ranking;

enum { WORDS = 60, STEPS = 240 };

/* Captions 1..WORDS of a world: those about killing are better than those about missing. */
static struct {
    char text[WORDS + 1][48];
    const char *ptr[WORDS + 1];
    uint16_t len[WORDS + 1];
    uint32_t caption[STEPS];
} w;

static int start(void **state)
{
    (void)state;
    for (int i = 1; i <= WORDS; i++)
        snprintf(w.text[i], sizeof w.text[i],
                 i % 2 ? "You kill the %c%c%c!" : "You miss the %c%c%c.", 'a' + i % 26,
                 'a' + i / 26 % 26, 'a' + i * 7 % 26);
    for (int i = 0; i <= WORDS; i++) {
        w.ptr[i] = w.text[i];
        w.len[i] = (uint16_t)strlen(w.text[i]);
    }
    for (int i = 0; i < STEPS; i++)
        w.caption[i] = (uint32_t)(i % (WORDS + 1));
    return blas_start(NULL);
}

static struct reward_batch batch(void)
{
    return (struct reward_batch){.n = STEPS,
                                 .caption = w.caption,
                                 .ncaptions = WORDS + 1,
                                 .caption_text = w.ptr,
                                 .caption_len = w.len};
}

static bool compat_oni; /* of the models made below */
static double pay_share, quantile = 0.5;

static struct reward_model *create(double holdout)
{
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.compat_oni = compat_oni;
    cfg.reward_pay_share = pay_share;
    cfg.reward_quantile = quantile;
    cfg.run_deterministic = true;
    cfg.reward_lr = 1e-3;
    cfg.reward_batch = 64;
    cfg.reward_refresh = 1;
    cfg.reward_steps_per_arrival = cfg.reward_steps_max = 8;
    cfg.reward_holdout = holdout;
    cfg.reward_store_every = 1;
    assert_ok(t->create(&m, &cfg, NULL, &err));
    return m;
}

static bool kill(const char *caption)
{
    return strncmp(caption, "You kill", 8) == 0;
}

/* Draws, answers and trains; `right` false: answers that know nothing. Returns questions asked. */
static int live(struct reward_model *m, int updates, bool right)
{
    int asked = 0;
    for (int u = 0; u < updates; u++) {
        struct reward_batch b = batch();
        char text[QUESTION_MAX];
        size_t len;
        t->on_batch(m, &b);
        for (; (len = t->next_question(m, text)) > 0; asked++) {
            struct question q;
            assert_true(question_split(text, len, &q));
            assert_int_equal(q.kind, QUESTION_PAIR);
            int a = kill(q.caption), c = kill(q.caption_b);
            float label = right ? 0.5f + 0.5f * (float)(c - a) : 0.5f * (float)(asked % 3);
            t->on_label(m, &(struct label){.state = LABEL_ANSWERED,
                                           .value = (double)label,
                                           .confidence = 1,
                                           .question = text,
                                           .question_len = len});
        }
        t->train(m);
    }
    return asked;
}

static float mean_score(struct reward_model *m, bool of_kills)
{
    float out[WORDS + 1], sum = 0;
    struct reward_batch b = batch();
    t->score(m, &b, out);
    assert_close(out[0], 0, 0, 0);
    for (int i = 1; i <= WORDS; i++)
        sum += kill(w.text[i]) == of_kills ? out[i] : 0;
    return sum / (WORDS / 2);
}

struct numbers {
    double accuracy, auc, dataset, heldout, steps, mean, std;
};

static void take(void *ctx, const char *name, double value)
{
    struct numbers *n = ctx;
    const struct {
        const char *name;
        double *to;
    } known[] = {{"heldout_accuracy", &n->accuracy},
                 {"heldout_auc", &n->auc},
                 {"dataset", &n->dataset},
                 {"heldout", &n->heldout},
                 {"train_steps", &n->steps},
                 {"mean", &n->mean},
                 {"std", &n->std}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name + strlen("reward_model/"), known[i].name) == 0)
            *known[i].to = value;
}

static void it_learns_an_order_from_preferences(void **state)
{
    (void)state;
    struct reward_model *m = create(0.1);
    assert_close(mean_score(m, true), 0, 0, 0); /* nothing is known yet */
    int asked = live(m, 40, true);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_in_range(asked, 350, 400);
    assert_true(n.dataset > 300 && n.dataset <= asked);
    assert_true(n.heldout > 20);
    assert_true(n.accuracy > 0.9);
    assert_true(n.auc > 0.95);
    assert_true(mean_score(m, true) > 0.6f);
    assert_close(mean_score(m, false), 0, 0, 0.1); /* below epsilon */
    t->free(m);
}

static void a_score_is_the_same_however_it_is_asked(void **state)
{
    (void)state;
    enum { ONE = 5 };
    struct reward_model *piecewise = create(0.1), *at_once = create(0.1);
    const char *text[] = {"", w.text[ONE]};
    uint16_t len[] = {0, w.len[ONE]};
    float one[2], a[WORDS + 1], b[WORDS + 1];
    struct reward_batch all = batch();
    struct buf state_of_it;
    live(piecewise, 20, true);
    buf_init(&state_of_it, 1u << 28);
    t->save(piecewise, &state_of_it);
    assert_ok(t->load(at_once, state_of_it.data, state_of_it.len, &err)); /* knows no output yet */
    t->score(piecewise,
             &(struct reward_batch){.ncaptions = 2, .caption_text = text, .caption_len = len}, one);
    t->score(piecewise, &all, a);
    t->score(at_once, &all, b);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(&one[1], &a[ONE], sizeof one[1]);
    t->score(at_once, &all, b);
    assert_memory_equal(a, b, sizeof a);
    buf_release(&state_of_it);
    t->free(piecewise);
    t->free(at_once);
}

/* The control: answers that know nothing teach no order. */
static void random_preferences_teach_nothing(void **state)
{
    (void)state;
    struct reward_model *m = create(0.1);
    live(m, 40, false);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_true(n.heldout > 20);
    assert_in_range((int)(100 * n.auc), 20, 80);
    assert_true(fabsf(mean_score(m, true) - mean_score(m, false)) < 0.6f);
    t->free(m);
}

static void at_most_reward_pairs_are_drawn_per_update(void **state)
{
    (void)state;
    struct reward_model *m = create(0);
    char text[QUESTION_MAX];
    assert_int_equal(t->next_question(m, text), 0); /* nothing was seen */
    assert_in_range(live(m, 1, true), 8, 10);
    assert_int_equal(t->next_question(m, text), 0);
    t->free(m);
}

static void held_out_pairs_are_never_trained_on(void **state)
{
    (void)state;
    struct reward_model *m = create(1.0);
    live(m, 3, true);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_int_equal((int)n.steps, 0);
    assert_true(n.heldout > 20);
    t->free(m);
}

/* Scores are (raw - mean) / deviation over the captioned steps: one standard deviation wide. */
static void scores_are_normalised(void **state)
{
    (void)state;
    struct reward_model *m = create(0);
    live(m, 30, true);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_true(n.std > 0.1);
    float out[WORDS + 1];
    struct reward_batch b = batch();
    t->score(m, &b, out);
    float high = 0;
    for (int i = 1; i <= WORDS; i++) {
        high = out[i] > high ? out[i] : high;
        assert_true(out[i] == 0 || out[i] > -0.5f);
    }
    assert_true(high > 0.5f && high < 5);
    t->free(m);
}

/* A quarter of the steps, the best ones, whatever the scale of the network's outputs. */
static void the_best_share_of_the_steps_is_paid(void **state)
{
    (void)state;
    static const double share[] = {0.25, 0.01};
    for (int k = 0; k < 2; k++) {
        float out[WORDS + 1];
        int paid = 0, of_kills = 0;
        pay_share = share[k];
        struct reward_model *m = create(0.1);
        pay_share = 0;
        live(m, 25, true);
        struct reward_batch b = batch();
        t->score(m, &b, out);
        for (int i = 1; i <= WORDS; i++) {
            paid += out[i] > 0;
            of_kills += out[i] > 0 && kill(w.text[i]);
            assert_true(out[i] >= 0);
        }
        assert_in_range(paid, 1, (int)ceil(share[k] * WORDS) + 2); /* never none */
        assert_true(k || paid >= WORDS / 4 - 3);
        assert_int_equal(of_kills, paid);
        t->free(m);
    }
}

/* One message makes nine tenths of all steps and is the best: it is paid, though it is more. */
static void the_best_caption_is_paid_however_frequent_it_is(void **state)
{
    (void)state;
    float out[WORDS + 1];
    int best = 1;
    pay_share = 0.1;
    struct reward_model *m = create(0);
    pay_share = 0;
    while (!kill(w.text[best]))
        best++;
    for (int i = 0; i < STEPS; i++)
        w.caption[i] = i % 10 ? (uint32_t)best : best == 1 ? 2 : 1;
    live(m, 25, true);
    struct reward_batch b = batch();
    t->score(m, &b, out);
    for (int i = 0; i < STEPS; i++)
        w.caption[i] = (uint32_t)(i % (WORDS + 1));
    assert_true(out[best] > 0);
    assert_close(out[best == 1 ? 2 : 1], 0, 0, 0);
    t->free(m);
}

/* The network's outputs themselves, after the same life. */
static void raw_outputs(float out[WORDS + 1], int updates)
{
    struct reward_batch b = batch();
    compat_oni = true;
    struct reward_model *m = create(0);
    compat_oni = false;
    live(m, updates, true);
    t->score(m, &b, out);
    t->free(m);
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Motif's rule, worked out anew from the network's outputs: every caption came in some pair, so
 * mean, deviation (n - 1) and quantile are over all of them, each once. */
static void what_is_above_the_quantile_of_the_captions_is_paid_in_deviations(void **state)
{
    (void)state;
    static const double q[] = {0.5, 0.9};
    struct reward_batch b = batch();
    float raw[WORDS + 1], out[WORDS + 1];
    double sorted[WORDS], mean = 0, squares = 0;
    raw_outputs(raw, 30);
    for (int i = 0; i < WORDS; i++)
        mean += (double)(raw[i + 1]) / WORDS;
    for (int i = 0; i < WORDS; i++) {
        sorted[i] = (double)raw[i + 1];
        squares += (sorted[i] - mean) * (sorted[i] - mean);
    }
    qsort(sorted, WORDS, sizeof *sorted, rising);
    for (int k = 0; k < 2; k++) {
        double at = q[k] * (WORDS - 1), below = sorted[(int)at];
        double cut = below + (at - floor(at)) * (sorted[(int)at + 1] - below);
        pay_share = 1;
        quantile = q[k];
        struct reward_model *m = create(0);
        pay_share = 0;
        quantile = 0.5;
        live(m, 30, true);
        t->score(m, &b, out);
        for (int i = 1; i <= WORDS; i++) {
            double r = ((double)raw[i] - mean) / sqrt(squares / (WORDS - 1));
            bool paid = (double)raw[i] > cut && r > 0;
            assert_close(out[i], paid ? r : 0, 1e-3, 1e-3);
        }
        t->free(m);
    }
}

/* A message that makes nine tenths of all steps, and is among the best, leaves the rare good ones
 * their pay: with a share of the steps it would be paid alone. */
static void a_frequent_caption_does_not_take_the_place_of_rare_ones(void **state)
{
    (void)state;
    struct reward_batch b = batch();
    for (int alone = 0; alone < 2; alone++) {
        float out[WORDS + 1];
        int paid = 0;
        pay_share = alone ? 0.1 : 1;
        struct reward_model *m = create(0);
        pay_share = 0;
        live(m, 20, true);
        for (int i = 0; i < STEPS; i++)
            w.caption[i] = i % 10 ? 1 : (uint32_t)(i / 10 % WORDS + 1);
        live(m, 20, true);
        for (int i = 0; i < STEPS; i++)
            w.caption[i] = (uint32_t)(i % (WORDS + 1));
        t->score(m, &b, out);
        for (int i = 1; i <= WORDS; i++)
            paid += kill(w.text[i]) && out[i] > 0;
        if (alone) /* how many depends on the last digits of the network */
            assert_true(paid < WORDS / 2 - 5);
        else
            assert_true(paid >= WORDS / 2 - 2);
        t->free(m);
    }
}

static void like_oni_the_reward_is_the_network_output_itself(void **state)
{
    (void)state;
    struct reward_model *m[2];
    float out[2][WORDS + 1];
    struct reward_batch b = batch();
    for (int oni = 0; oni < 2; oni++) {
        compat_oni = oni;
        m[oni] = create(0);
        live(m[oni], 30, true);
        t->score(m[oni], &b, out[oni]);
    }
    compat_oni = false;
    struct numbers n = {0};
    t->report(m[0], take, &n);
    int cut = 0;
    for (int i = 1; i <= WORDS; i++) {
        if (out[0][i] != 0) /* normalised there, the same number here */
            assert_close(out[0][i], ((double)out[1][i] - n.mean) / n.std, 2e-2, 2e-2);
        cut += out[0][i] == 0 && out[1][i] != 0;
    }
    assert_true(cut > 0); /* by the threshold */
    t->free(m[0]);
    t->free(m[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_an_order_from_preferences),
        cmocka_unit_test(a_score_is_the_same_however_it_is_asked),
        cmocka_unit_test(random_preferences_teach_nothing),
        cmocka_unit_test(at_most_reward_pairs_are_drawn_per_update),
        cmocka_unit_test(held_out_pairs_are_never_trained_on),
        cmocka_unit_test(scores_are_normalised),
        cmocka_unit_test(the_best_share_of_the_steps_is_paid),
        cmocka_unit_test(the_best_caption_is_paid_however_frequent_it_is),
        cmocka_unit_test(what_is_above_the_quantile_of_the_captions_is_paid_in_deviations),
        cmocka_unit_test(a_frequent_caption_does_not_take_the_place_of_rare_ones),
        cmocka_unit_test(like_oni_the_reward_is_the_network_output_itself),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
