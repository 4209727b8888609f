/* SPDX-License-Identifier: MIT */
/* test_message_head.c - gradients of a network that is sure of its labels cost no more than others.
 */
#include "learner/reward/message_head.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/classifier/classifier_net.h"
#include "tests/onic_test.h"

static volatile float tiny = 1e-30f;

/* With denormal numbers a step takes up to twenty times as long. The arithmetic of the thread is as
 * before afterwards. */
static void no_gradient_is_a_denormal_number(void **state)
{
    static const char *const text[] = {"You kill the newt!", "The door is locked."};
    static const uint16_t len[] = {18, 19};
    (void)state;
    struct message_head *c = classifier_net_create();
    size_t floats = message_head_params(c)->floats, denormals = 0, any = 0;
    float *w = xaligned(floats * sizeof *w), *g = xaligned(floats * sizeof *g);
    message_head_init(c, w, 7);
    message_head_forward(c, w, text, len, 2, 1, 2);
    float *dy = message_head_gradient(c);
    for (int i = 0; i < 4; i++)
        dy[i] = i % 2 ? 1e-37f : -1e-37f;
    message_head_backward(c, w, g);
    for (size_t i = 0; i < floats; i++) {
        denormals += fpclassify(g[i]) == FP_SUBNORMAL;
        any += g[i] < 0 || g[i] > 0;
    }
    assert_int_equal(denormals, 0);
    assert_true(any > 0);
    assert_int_equal(fpclassify(tiny * 1e-10f), FP_SUBNORMAL);
    free(w), free(g);
    message_head_free(c);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_gradient_is_a_denormal_number),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
