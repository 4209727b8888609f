/* SPDX-License-Identifier: MIT */
/* test_policy_learns.c - network, loss gradient, clip and Adam together: something shown once must
 * be remembered. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/layers/softmax_ce/softmax_ce.h"
#include "common/nn/optim/adam.h"
#include "common/nn/optim/grad_clip.h"
#include "common/policy/policy.h"
#include "tests/onic_test.h"

enum { T = 6, N = 16, ACTIONS = 4, CELL = 24 };

/* A coloured key is seen in step 0 only; after it, and again after a reset, the action is its
 * colour. */
struct task {
    uint8_t obs[T * N][152];
    const uint8_t *rows[T * N];
    uint8_t reset[T * N];
    int32_t target[T * N];
};

static void task_draw(struct task *k, const struct obs_field *image, struct rng *r)
{
    memset(k->obs, 0, sizeof k->obs);
    for (int i = 0; i < N; i++) {
        int colour = 0, again = 1 + (int)rng_below(r, T - 1);
        for (int t = 0; t < T; t++) {
            int at = t * N + i;
            k->rows[at] = k->obs[at];
            k->reset[at] = t == 0 || t == again;
            if (k->reset[at]) {
                colour = (int)rng_below(r, ACTIONS);
                uint8_t *cell = k->obs[at] + image->offset + 3 * (size_t)CELL;
                cell[0] = 5;
                cell[1] = (uint8_t)(1 + colour);
            }
            k->target[at] = colour;
        }
    }
}

static void a_colour_seen_once_is_remembered_until_the_reset(void **state)
{
    (void)state;
    struct policy_config c = {
        .net = "grid-small", .core = POLICY_CORE_LSTM, .actions = {.n = ACTIONS}};
    obs_spec_add(&c.obs, "image", OBS_U8, 3, (const int[]){7, 7, 3});
    struct policy *p;
    assert_ok(policy_create(&p, &c, &err));
    size_t floats = policy_params(p)->floats;
    float *block[4]; /* values, gradients, moments */
    for (int i = 0; i < 4; i++)
        block[i] = xaligned(floats * sizeof(float));
    params_init(policy_params(p), block[0], 1);
    struct policy_trainer *w = policy_trainer_create(p, T, N);
    struct task *k = xcalloc(1, sizeof *k);
    struct rng r = rng_stream(1, "task", 0, 0, 0);
    float state0[N * 128], logits[T * N * ACTIONS], value[T * N * 2], dvalue[T * N * 2] = {0};
    float prob[T * N * ACTIONS], loss[T * N], dloss[T * N], dlogits[T * N * ACTIONS];
    const struct adam adam = {0.9, 0.999, 1e-6};
    double mean = 0, first = 0;
    for (int i = 0; i < T * N; i++)
        dloss[i] = 1.0f / (T * N);
    for (int i = 0; i < N * 128; i++)
        state0[i] = 9.0f; /* must not matter: every sequence starts with a reset */
    for (uint64_t step = 1; step <= 200; step++) {
        double norm, scale;
        task_draw(k, &c.obs.field[0], &r);
        policy_forward(p, w, block[0], k->rows, NULL, state0, k->reset, T, N, logits, value);
        softmax_ce_forward(prob, loss, logits, k->target, T * N, ACTIONS);
        memset(dlogits, 0, sizeof dlogits);
        softmax_ce_backward(dlogits, dloss, prob, k->target, T * N, ACTIONS);
        memset(block[1], 0, floats * sizeof(float));
        policy_backward(p, w, block[0], dlogits, dvalue, block[1]);
        assert_true(grad_clip(block[1], floats, 4.0, &norm, &scale));
        adam_step(&adam, block[0], block[2], block[3], block[1], floats, scale, 3e-3, step);
        mean = 0;
        for (int i = 0; i < T * N; i++)
            mean += (double)loss[i] / (T * N);
        first = step == 1 ? mean : first;
    }
    assert_close(first, log(ACTIONS), 0.02, 0); /* a new policy is nearly uniform */
    assert_true(mean < 0.05);
    free(k);
    policy_trainer_free(w);
    policy_free(p);
    for (int i = 0; i < 4; i++)
        free(block[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_colour_seen_once_is_remembered_until_the_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
