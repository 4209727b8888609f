/* SPDX-License-Identifier: MIT */
/* test_ranking_net.c - size, gradients against differences, and that it learns an order. */
#include "learner/reward/ranking_net.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/optim/adam.h"
#include "tests/onic_test.h"

enum { PAIRS = 6, CAPTIONS = 2 * PAIRS };
/* the first ones, then the second ones; "opens" beats "walk", which beats "die" */
static const char *const TEXT[CAPTIONS] = {"The door opens.",  "You walk.",    "You die.",
                                           "The chest opens.", "You walk on.", "You walk.",
                                           "You walk.",        "You die.",     "A gate opens",
                                           "You die...",       "You walk.",    "The door opens."};
static const float LABEL[PAIRS] = {0, 0, 1, 0, 0.5f, 1};

struct fixture {
    struct message_head *net;
    size_t floats;
    float *weights, *grads, *unused, *m, *v;
    uint16_t len[CAPTIONS];
};

static struct fixture create(uint64_t seed)
{
    struct fixture f = {.net = ranking_net_create()};
    f.floats = message_head_params(f.net)->floats;
    float **block[] = {&f.weights, &f.grads, &f.unused, &f.m, &f.v};
    for (int i = 0; i < 5; i++) {
        *block[i] = xaligned(f.floats * sizeof(float));
        memset(*block[i], 0, f.floats * sizeof(float));
    }
    for (int i = 0; i < CAPTIONS; i++)
        f.len[i] = (uint16_t)strlen(TEXT[i]);
    message_head_init(f.net, f.weights, seed);
    return f;
}

static void destroy(struct fixture *f)
{
    message_head_free(f->net);
    free(f->weights);
    free(f->grads);
    free(f->unused);
    free(f->m);
    free(f->v);
}

static double loss(struct fixture *f, float *grads)
{
    static const int a[PAIRS] = {0, 1, 2, 3, 4, 5}, b[PAIRS] = {6, 7, 8, 9, 10, 11};
    struct ranking_pairs p = {TEXT, f->len, CAPTIONS, PAIRS, a, b, LABEL};
    return ranking_net_loss(f->net, f->weights, &p, grads);
}

/* A caption in many pairs: the same loss and gradient as when it is given once per pair. */
static void captions_may_be_shared_by_pairs(void **state)
{
    (void)state;
    static const int a[PAIRS] = {0, 1, 2, 3, 4, 1}, b[PAIRS] = {1, 2, 0, 2, 1, 0};
    struct fixture f = create(5);
    const char *all[CAPTIONS];
    uint16_t len[CAPTIONS];
    int first[PAIRS], second[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        first[i] = i;
        second[i] = PAIRS + i;
        all[i] = TEXT[a[i]];
        len[i] = f.len[a[i]];
        all[PAIRS + i] = TEXT[b[i]];
        len[PAIRS + i] = f.len[b[i]];
    }
    struct ranking_pairs apart = {all, len, CAPTIONS, PAIRS, first, second, LABEL};
    struct ranking_pairs shared = {TEXT, f.len, 5, PAIRS, a, b, LABEL};
    double once = ranking_net_loss(f.net, f.weights, &apart, f.grads);
    assert_close(ranking_net_loss(f.net, f.weights, &shared, f.unused), once, 1e-6, 1e-6);
    double norm = 0, apart_by = 0;
    for (size_t i = 0; i < f.floats; i++) {
        norm += (double)f.grads[i] * (double)f.grads[i];
        apart_by += pow((double)(f.grads[i] - f.unused[i]), 2);
    }
    assert_true(norm > 0 && sqrt(apart_by) < 1e-4 * sqrt(norm));
    destroy(&f);
}

static void it_has_as_many_parameters_as_the_original(void **state)
{
    (void)state;
    struct message_head *net = ranking_net_create();
    assert_int_equal(params_count(message_head_params(net)), 306945);
    message_head_free(net);
}

static const double LOSS_ROUNDING = 2e-7;

/* Along the gradient of one tensor: many weights move together, so that the difference of two
 * float32 losses says something. Their rounding depends on the kernels that the BLAS chooses. */
static void gradients_of_every_tensor_agree_with_differences(void **state)
{
    (void)state;
    struct fixture f = create(3);
    const struct params *p = message_head_params(f.net);
    for (size_t i = 0; i < f.floats; i++) /* at the start the rewards hardly differ */
        f.weights[i] *= 2.0f;
    loss(&f, f.grads);
    float *kept = xaligned(f.floats * sizeof(float));
    memcpy(kept, f.weights, f.floats * sizeof(float));
    for (int t = 0; t < p->count; t++) {
        const struct param *q = &p->param[t];
        double norm = 0, moved[2];
        size_t n = (size_t)q->rows * (size_t)q->cols;
        for (size_t i = q->offset; i < q->offset + n; i++)
            norm += (double)f.grads[i] * (double)f.grads[i];
        if (strcmp(q->name, "head.2.b") == 0) { /* the same for both captions of a pair */
            assert_close(norm, 0, 0, 1e-12);
            continue;
        }
        assert_true(norm > 2.5e-5); /* above what the losses' rounding would hide */
        double h = 2e-4 / sqrt(norm);
        for (int side = 0; side < 2; side++) {
            for (size_t i = q->offset; i < q->offset + n; i++)
                f.weights[i] = kept[i] + (float)((side ? -h : h) * (double)f.grads[i]);
            moved[side] = loss(&f, f.unused);
            memcpy(f.weights, kept, f.floats * sizeof(float));
        }
        assert_close((moved[0] - moved[1]) / (2 * h), norm, 1e-2, LOSS_ROUNDING / (2 * h));
    }
    free(kept);
    destroy(&f);
}

static void it_learns_the_order_of_the_pairs(void **state)
{
    (void)state;
    static const struct adam ADAM = {0.9, 0.999, 1e-8};
    struct fixture f = create(4);
    double before = loss(&f, f.grads);
    for (uint64_t step = 1; step <= 60; step++) {
        loss(&f, f.grads);
        adam_step(&ADAM, f.weights, f.m, f.v, f.grads, f.floats, 1.0, 1e-3, step);
    }
    assert_true(loss(&f, f.grads) < 0.5 * before);
    float r[CAPTIONS];
    ranking_net_score(f.net, f.weights, TEXT, f.len, CAPTIONS, r);
    for (int i = 0; i < PAIRS; i++)
        if (LABEL[i] != 0.5f)
            assert_true((r[i + PAIRS] > r[i]) == (LABEL[i] > 0.5f));
    destroy(&f);
}

static void a_score_does_not_depend_on_the_company(void **state)
{
    (void)state;
    struct fixture f = create(5);
    float together[CAPTIONS], alone;
    ranking_net_score(f.net, f.weights, TEXT, f.len, CAPTIONS, together);
    for (int i = 0; i < CAPTIONS; i++) {
        ranking_net_score(f.net, f.weights, &TEXT[i], &f.len[i], 1, &alone);
        assert_memory_equal(&alone, &together[i], sizeof alone);
    }
    destroy(&f);
}

static void a_step_that_is_warm_allocates_nothing(void **state)
{
    (void)state;
    struct fixture f = create(7);
    loss(&f, f.grads);
    uint64_t before = xmalloc_calls();
    loss(&f, f.grads);
    assert_int_equal(xmalloc_calls(), before);
    destroy(&f);
}

static int start(void **state)
{
    (void)state;
    struct onic_err err;
    return blas_start(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_as_many_parameters_as_the_original),
        cmocka_unit_test(captions_may_be_shared_by_pairs),
        cmocka_unit_test(gradients_of_every_tensor_agree_with_differences),
        cmocka_unit_test(it_learns_the_order_of_the_pairs),
        cmocka_unit_test(a_score_does_not_depend_on_the_company),
        cmocka_unit_test(a_step_that_is_warm_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
