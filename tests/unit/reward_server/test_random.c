/* SPDX-License-Identifier: MIT */
/* The control annotator; its other promises are in conformance/annotators. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "reward_server/annotators/annotator.h"

enum { N = 2000 };

struct heard {
    struct annotator *a;
    double label;
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    struct heard *h = ctx;
    h->label = label->value;
}

static double ask(struct heard *h, const char *question, size_t len)
{
    h->a->v->submit(h->a, 0, question, len, 0);
    assert_int_equal(h->a->v->poll(h->a, note, h), 1);
    return h->label;
}

static struct annotator *create(double probability, int64_t seed)
{
    static struct goal goal;
    struct config c;
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = &c, .goal = &goal};
    config_defaults(&c);
    c.random_probability = probability;
    c.annotator_seed = seed;
    assert_ok(annotator_find("random")->create(&a, &setup, &err));
    return a;
}

static void labels_have_their_share_and_the_seed_decides_which(void **state)
{
    (void)state;
    struct heard h = {create(0.3, 0), 0}, other = {create(0.3, 1), 0};
    int ones = 0, same = 0;
    for (int i = 0; i < N; i++) {
        char text[64];
        size_t len = (size_t)snprintf(text, sizeof text, "Thing %d happens.", i);
        double label = ask(&h, text, len);
        ones += label > 0.5;
        same += ask(&other, text, len) == label; /* 0.58 of two independent draws */
    }
    assert_close(ones / (double)N, 0.3, 0, 4 * sqrt(0.3 * 0.7 / N));
    assert_close(same / (double)N, 0.58, 0, 4 * sqrt(0.58 * 0.42 / N));
    h.a->v->free(h.a);
    other.a->v->free(other.a);
}

static void a_pair_has_one_better_caption_whichever_is_named_first(void **state)
{
    (void)state;
    struct heard h = {create(0.1, 0), 0};
    int second = 0;
    for (int i = 0; i < N; i++) {
        char x[64], there[QUESTION_MAX], back[QUESTION_MAX];
        size_t len = (size_t)snprintf(x, sizeof x, "Thing %d happens.", i);
        size_t n = question_pair(there, x, len, "Other.", 6);
        assert_int_equal(question_pair(back, "Other.", 6, x, len), n);
        double label = ask(&h, there, n);
        assert_close(label + ask(&h, back, n), 1, 0, 0);
        assert_true(label == 0 || label == 1);
        second += label > 0.5;
    }
    assert_close(second / (double)N, 0.5, 0, 2 / sqrt(N));
    assert_close(ask(&h, "x\0x", 3), 0.5, 0, 0);
    h.a->v->free(h.a);
}

static void scores_fill_their_range(void **state)
{
    (void)state;
    struct heard h = {create(0.5, 0), 0};
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        char text[64];
        size_t len = (size_t)snprintf(text, sizeof text, "%cThing %d happens.", 0, i);
        double score = ask(&h, text, len);
        assert_true(question_label_fits(QUESTION_SCORE, score));
        sum += score;
        squares += score * score;
    }
    assert_close(sum / N, 0, 0, 4 * sqrt(1 / 3.0 / N));
    assert_close(squares / N, 1 / 3.0, 0, 0.03);
    h.a->v->free(h.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_have_their_share_and_the_seed_decides_which),
        cmocka_unit_test(a_pair_has_one_better_caption_whichever_is_named_first),
        cmocka_unit_test(scores_fill_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
