/* SPDX-License-Identifier: MIT */
/* test_motif.c - offline training on preferences, its file, and the frozen model. */
#include <stdlib.h>
#include <unistd.h>

#include "common/nn/blas.h"
#include "learner/reward/motif/motif_train.h"
#include "learner/reward/ranking_net.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_motif;
static const struct reward_model_type *const t = &reward_model_motif;

enum { WORDS = 26 };
static const struct motif_options FAST = {
    .epochs = 6, .batch = 64, .lr = 1e-3, .holdout = 0.2, .seed = 3};

static int word(char out[48], int i)
{
    return snprintf(out, 48, i % 2 ? "You kill the %c%c!" : "You miss the %c%c.", 'a' + i % 26,
                    'a' + i * 7 % 26);
}

static struct pair_data *pairs(bool right)
{
    struct pair_data *d = pair_data_create(0);
    for (int i = 0; i < WORDS; i++)
        for (int k = 0; k < WORDS; k += 3) {
            char a[48], b[48], q[QUESTION_MAX];
            size_t la = (size_t)word(a, i), lb = (size_t)word(b, k);
            float label = right ? 0.5f + 0.5f * (float)(k % 2 - i % 2) : (float)((i * 31 + k) % 2);
            if (i != k)
                pair_data_put(d, q, question_pair(q, a, la, b, lb), label);
        }
    return d;
}

static struct motif_reward trained(const struct pair_data *d, struct heldout_measure *m)
{
    struct motif_reward r = {0};
    assert_ok(motif_train(&r, d, &FAST, NULL, NULL, &err));
    *m = motif_measure(&r, d, true);
    assert_close(r.holdout, FAST.holdout, 0, 0);
    return r;
}

static void held_out_preferences_are_predicted_and_random_ones_are_not(void **state)
{
    (void)state;
    for (int right = 0; right < 2; right++) {
        struct pair_data *d = pairs(right);
        struct heldout_measure m;
        struct motif_reward r = trained(d, &m);
        assert_true(m.n > 15);
        if (right)
            assert_true(m.accuracy > 0.95 && m.auc > 0.98);
        else
            assert_true(m.accuracy < 0.75);
        motif_reward_release(&r);
        pair_data_free(d);
    }
}

static void quantiles_rise_and_are_of_normalised_rewards(void **state)
{
    (void)state;
    struct pair_data *d = pairs(true);
    struct heldout_measure m;
    struct motif_reward r = trained(d, &m);
    float score[WORDS];
    int below = 0;
    for (int i = 1; i < MOTIF_QUANTILES; i++)
        assert_true(r.quantile[i] >= r.quantile[i - 1]);
    assert_close(motif_quantile(&r, 0.5), r.quantile[9], 0, 0);
    assert_close(motif_quantile(&r, 0.05), r.quantile[0], 0, 0);
    assert_close(motif_quantile(&r, 0.95), r.quantile[18], 0, 0);
    assert_int_equal(pair_data_captions(d), WORDS);
    motif_scores(&r, d, score);
    for (int i = 0; i < WORDS; i++)
        below += score[i] < motif_quantile(&r, 0.25);
    assert_in_range(below, 5, 8); /* a quarter of the captions */
    motif_reward_release(&r);
    pair_data_free(d);
}

/* The mean and the variance are those of captions as often as they are in training pairs. */
static void mean_and_variance_are_those_of_the_training_pairs(void **state)
{
    (void)state;
    struct pair_data *d = pairs(true);
    struct motif_options o = FAST;
    struct motif_reward r = {0};
    float score[WORDS];
    double sum = 0, squares = 0, n = (double)pair_data_trained(d);
    o.epochs = 2;
    o.holdout = 0;
    assert_ok(motif_train(&r, d, &o, NULL, NULL, &err));
    motif_scores(&r, d, score);
    for (size_t i = 0; i < pair_data_trained(d); i++) {
        const struct labelled_pair *p = pair_data_trained_at(d, i);
        double a = (double)score[p->a], b = (double)score[p->b];
        sum += a + b;
        squares += a * a + b * b;
    }
    assert_close(sum / (2 * n), 0, 0, 1e-5);
    assert_close(squares / (2 * n - 1), 1, 1e-4, 0);
    motif_reward_release(&r);
    pair_data_free(d);
}

/* Labels come in another order, more of them, or with the captions turned round. */
static void the_split_is_a_property_of_the_two_captions(void **state)
{
    (void)state;
    struct pair_data *d = pairs(true), *turned = pair_data_create(0);
    struct heldout_measure m;
    struct motif_reward r = trained(d, &m);
    for (size_t i = pair_data_trained(d); i-- > 0;) {
        const struct labelled_pair *p = pair_data_trained_at(d, i);
        char question[QUESTION_MAX];
        uint16_t la, lb;
        const char *a = pair_data_caption(d, p->a, &la), *b = pair_data_caption(d, p->b, &lb);
        pair_data_put(turned, question, question_pair(question, b, lb, a, la), 1 - p->label);
    }
    struct heldout_measure other = motif_measure(&r, turned, true);
    assert_int_equal(other.n, m.n);
    assert_close(other.accuracy, m.accuracy, 0, 1e-9);
    motif_reward_release(&r);
    pair_data_free(d);
    pair_data_free(turned);
}

static void training_twice_gives_the_same_bits(void **state)
{
    (void)state;
    struct pair_data *d = pairs(true);
    struct motif_reward a = {0}, b = {0};
    struct motif_options o = FAST;
    o.epochs = 2;
    assert_ok(motif_train(&a, d, &o, NULL, NULL, &err));
    assert_ok(motif_train(&b, d, &o, NULL, NULL, &err));
    assert_memory_equal(a.weights, b.weights, a.floats * sizeof(float));
    motif_reward_release(&a);
    motif_reward_release(&b);
    pair_data_free(d);
}

static int stop_after_two(void *ctx, const struct motif_epoch *e)
{
    *(int *)ctx = e->epoch;
    return e->epoch == 2;
}

static void training_can_be_broken_off_after_an_epoch(void **state)
{
    (void)state;
    struct pair_data *d = pairs(true);
    struct motif_reward r = {0};
    int epoch = 0;
    assert_ok(motif_train(&r, d, &FAST, stop_after_two, &epoch, &err));
    assert_int_equal(epoch, 2);
    motif_reward_release(&r);
    pair_data_free(d);
}

static void the_frozen_model_pays_what_is_above_the_quantile(void **state)
{
    (void)state;
    char path[] = "/tmp/onic-motif-XXXXXX";
    close(mkstemp(path));
    struct pair_data *d = pairs(true);
    struct heldout_measure measured;
    struct motif_reward r = trained(d, &measured);
    snprintf(r.labels, sizeof r.labels, "rules");
    assert_ok(motif_file_write(path, &r, &err));
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    snprintf(cfg.reward_file, sizeof cfg.reward_file, "%s", path);
    assert_ok(t->create(&m, &cfg, NULL, &err));
    const char *text[] = {"", "You kill the yak!", "You miss the yak."};
    const uint16_t len[] = {0, 17, 17};
    float out[3];
    t->score(m, &(struct reward_batch){.ncaptions = 3, .caption_text = text, .caption_len = len},
             out);
    assert_close(out[0], 0, 0, 0);
    assert_true(out[1] > 0.3f && out[1] < 3);
    assert_close(out[2], 0, 0, 0);
    t->free(m);
    FILE *f = fopen(path, "w");
    fputs("no safetensors at all", f);
    fclose(f);
    assert_err(t->create(&m, &cfg, NULL, &err), ONIC_ECONFIG, "is no reward of");
    r.var = -1;
    assert_ok(motif_file_write(path, &r, &err));
    assert_err(t->create(&m, &cfg, NULL, &err), ONIC_EDAMAGED,
               "it has no mean and variance of its rewards");
    unlink(path);
    m = NULL;
    assert_err(t->create(&m, &cfg, NULL, &err), ONIC_ENOTFOUND, "onic reward train");
    cfg.reward_file[0] = '\0';
    assert_err(t->begins_with(&cfg, &err), ONIC_ECONFIG, "needs reward.file");
    motif_reward_release(&r);
    pair_data_free(d);
}

static void nothing_to_train_on_is_said(void **state)
{
    (void)state;
    struct pair_data *d = pair_data_create(0);
    struct motif_reward r = {0};
    assert_err(motif_train(&r, d, &FAST, NULL, NULL, &err), ONIC_ECONFIG, "no labelled pairs");
    pair_data_free(d);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_out_preferences_are_predicted_and_random_ones_are_not),
        cmocka_unit_test(quantiles_rise_and_are_of_normalised_rewards),
        cmocka_unit_test(mean_and_variance_are_those_of_the_training_pairs),
        cmocka_unit_test(the_split_is_a_property_of_the_two_captions),
        cmocka_unit_test(training_twice_gives_the_same_bits),
        cmocka_unit_test(training_can_be_broken_off_after_an_epoch),
        cmocka_unit_test(the_frozen_model_pays_what_is_above_the_quantile),
        cmocka_unit_test(nothing_to_train_on_is_said),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
