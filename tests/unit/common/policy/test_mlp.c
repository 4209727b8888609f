/* SPDX-License-Identifier: MIT */
/* test_mlp.c - how the network mlp reads numbers: a picture in parts of 255, everything else at a
 * size that counts. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/policy.h"
#include "tests/onic_test.h"

enum { ELEMENTS = 30, SEED = 3 };

/* Value of the network for one observation of a single field. */
static float value_of(enum obs_type type, int ndim, const int *shape, const void *obs)
{
    struct policy_config c = {
        .net = "mlp", .core = POLICY_CORE_NONE, .hidden = 16, .actions = {.n = 4}};
    obs_spec_add(&c.obs, "field", type, ndim, shape);
    struct policy *p;
    assert_ok(policy_create(&p, &c, &err));
    float *params = xaligned(policy_params(p)->floats * sizeof *params);
    params_init(policy_params(p), params, SEED);
    struct policy_actor *w = policy_actor_create(p, 1);
    const uint8_t *rows[1] = {obs};
    float logits[4], value[2];
    policy_act(p, w, params, rows, 1, NULL, logits, value);
    policy_actor_free(w);
    free(params);
    policy_free(p);
    return value[0];
}

static void bytes_and_numbers(uint8_t bytes[ELEMENTS], float numbers[ELEMENTS], uint8_t v,
                              double as)
{
    memset(bytes, 0, ELEMENTS);
    memset(numbers, 0, ELEMENTS * sizeof *numbers);
    bytes[7] = v;
    numbers[7] = (float)as;
}

static void long_byte_fields_are_read_as_numbers(void **state)
{
    (void)state;
    uint8_t bytes[ELEMENTS];
    float numbers[ELEMENTS];
    for (int v = 1; v < 256; v += 127) {
        bytes_and_numbers(bytes, numbers, (uint8_t)v, log1p(v));
        assert_close(value_of(OBS_U8, 1, (int[]){30}, bytes),
                     value_of(OBS_F32, 1, (int[]){30}, numbers), 1e-6, 1e-5);
        assert_close(value_of(OBS_U8, 2, (int[]){3, 10}, bytes),
                     value_of(OBS_F32, 1, (int[]){30}, numbers), 1e-6, 1e-5);
    }
}

static void three_dimensions_are_a_picture(void **state)
{
    (void)state;
    uint8_t bytes[ELEMENTS];
    float numbers[ELEMENTS];
    bytes_and_numbers(bytes, numbers, 255, 1);
    assert_close(value_of(OBS_U8, 3, (int[]){2, 5, 3}, bytes),
                 value_of(OBS_F32, 1, (int[]){30}, numbers), 1e-6, 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_byte_fields_are_read_as_numbers),
        cmocka_unit_test(three_dimensions_are_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
