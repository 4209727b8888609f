/* SPDX-License-Identifier: MIT */
/* GAE(lambda) against golden numbers of its definition, and against V-trace where they agree. */
#include "tests/onic_test.h"

#include "common/base/rng.h"
#include "learner/train/gae.h"
#include "learner/train/vtrace.h"

/* tests/golden/make_advantages.py: a time limit at step 1, a true end at step 3. */
static void golden_numbers_of_the_definition(void **state)
{
    enum { T = 6 };
    static const float reward[T] = {1, 0, -1, 2, 0.5f, 1}, value[T] = {0.5f, 1, -0.25f, 1.5f, 2, 1},
                       end_value[T] = {0, 2}, bootstrap = 3;
    static const uint8_t ended[T] = {0, 1, 0, 1};
    static const struct {
        double lambda, vs[T], adv[T];
    } want[] = {
        {0, {1.9, 1.8, 0.35, 2, 1.4, 3.7}, {1.4, 0.8, 0.6, 0.5, -0.6, 2.7}},
        {0.6, {2.332, 1.8, 0.62, 2, 2.858, 3.7}, {1.832, 0.8, 0.87, 0.5, 0.858, 2.7}},
        {1, {2.62, 1.8, 0.8, 2, 3.83, 3.7}, {2.12, 0.8, 1.05, 0.5, 1.83, 2.7}},
    };
    float vs[T], adv[T];
    (void)state;
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        gae(vs, adv, reward, value, ended, end_value, &bootstrap, T, 1, 0.9, want[k].lambda);
        for (int t = 0; t < T; t++) {
            assert_close(vs[t], want[k].vs[t], 0, 1e-6);
            assert_close(adv[t], want[k].adv[t], 0, 1e-6);
        }
    }
}

/* Actions of the policy itself: there is nothing for V-trace to correct. More columns than a block
 * has. */
static void vtrace_is_gae_where_the_policy_itself_acted(void **state)
{
    enum { T = 29, B = 131 };
    static float ratio[T * B], reward[T * B], value[T * B], end_value[T * B], boot[B], vs[2][T * B],
        adv[2][T * B];
    static uint8_t ended[T * B];
    struct rng r = rng_stream(2, "test", 0, 0, 0);
    (void)state;
    for (int i = 0; i < T * B; i++) {
        ratio[i] = 1;
        reward[i] = rng_normal(&r);
        value[i] = rng_normal(&r);
        ended[i] = rng_below(&r, 9) == 0;
        end_value[i] = ended[i] && rng_below(&r, 2) ? rng_normal(&r) : 0.0f;
    }
    for (int b = 0; b < B; b++)
        boot[b] = rng_normal(&r);
    for (double lambda = 0; lambda < 1.01; lambda += 0.25) {
        struct vtrace_rule rule = {0.97, lambda, 1, 1};
        gae(vs[0], adv[0], reward, value, ended, end_value, boot, T, B, 0.97, lambda);
        vtrace(vs[1], adv[1], ratio, reward, value, ended, end_value, boot, T, B, &rule);
        for (int i = 0; i < T * B; i++) {
            assert_close(vs[1][i], vs[0][i], 1e-5, 2e-6);
            assert_close(adv[1][i], adv[0][i], 1e-5, 2e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_numbers_of_the_definition),
        cmocka_unit_test(vtrace_is_gae_where_the_policy_itself_acted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
