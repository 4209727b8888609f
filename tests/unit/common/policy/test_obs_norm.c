/* SPDX-License-Identifier: MIT */
/* test_obs_norm.c - policy.obs_norm in the network mlp: float32 fields alone are normalised, by the
 * formula, and nothing in them can blow up. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/obs_norm.h"
#include "common/policy/policy.h"
#include "tests/onic_test.h"
#include "tests/support/policy_net.h"

static void the_formula_and_its_limits(void **state)
{
    (void)state;
    assert_close(obs_norm_apply(7.0f, 5.0f, 0.5f), 1.0, 0, 0);
    assert_close(obs_norm_apply(-1.0f, 5.0f, 0.5f), -3.0, 0, 0);
    assert_close(obs_norm_apply(1e30f, 5.0f, 0.5f), 10.0, 0, 0);
    assert_close(obs_norm_apply(-1e30f, 5.0f, 1e6f), -10.0, 0, 0);
    assert_close(obs_norm_apply(NAN, 5.0f, 0.5f), 0, 0, 0);
    assert_close(obs_norm_apply(INFINITY, 5.0f, 0.5f), 0, 0, 0);
    assert_close(obs_norm_apply(16777217.0f, 16777216.0f, 1.0f), 0, 0, 0);
}

struct seen { /* a picture, an id, a count and two float fields between them */
    float near_[2];
    uint8_t picture[4];
    float far_[1];
    int32_t count;
    uint8_t id;
};

static void fields(struct obs_spec *s)
{
    obs_spec_add(s, "near", OBS_F32, 1, (int[]){2});
    obs_spec_add(s, "picture", OBS_U8, 3, (int[]){2, 2, 1});
    obs_spec_add(s, "far", OBS_F32, 1, (int[]){1});
    obs_spec_add(s, "count", OBS_I32, 1, (int[]){1});
    obs_spec_add(s, "id", OBS_U8, 1, (int[]){1});
}

/* Value of the network; the two networks have the same weights but for the normalisation. */
static double value_of(bool norm, const struct seen *o)
{
    struct policy_config c = {.net = "mlp",
                              .core = POLICY_CORE_NONE,
                              .hidden = 16,
                              .actions = {.n = 4},
                              .obs_norm = norm};
    static const float mean[] = {3.0f, -1.0f, 1000.0f}, scale[] = {2.0f, 0.5f, 0.001f};
    fields(&c.obs);
    struct policy *p;
    assert_ok(policy_create(&p, &c, &err));
    const struct params *table = policy_params(p);
    float *params = xaligned(table->floats * sizeof *params);
    params_init(table, params, 3);
    struct obs_norm n = obs_norm_find(table);
    assert_int_equal(n.count, norm ? 3 : 0);
    for (int i = 0; i < n.count; i++) {
        assert_close(params[n.mean + (size_t)i], 0, 0, 0); /* at first: as it is */
        assert_close(params[n.scale + (size_t)i], 1, 0, 0);
        params[n.mean + (size_t)i] = mean[i];
        params[n.scale + (size_t)i] = scale[i];
    }
    uint8_t *row = xcalloc(1, c.obs.obs_bytes);
    memcpy(row + obs_spec_find(&c.obs, "near")->offset, o->near_, sizeof o->near_);
    memcpy(row + obs_spec_find(&c.obs, "picture")->offset, o->picture, sizeof o->picture);
    memcpy(row + obs_spec_find(&c.obs, "far")->offset, o->far_, sizeof o->far_);
    memcpy(row + obs_spec_find(&c.obs, "count")->offset, &o->count, sizeof o->count);
    row[obs_spec_find(&c.obs, "id")->offset] = o->id;
    struct policy_actor *w = policy_actor_create(p, 1);
    float logits[4], value[2];
    policy_act(p, w, params, &(const uint8_t *){row}, 1, NULL, logits, value);
    policy_actor_free(w);
    free(row);
    free(params);
    policy_free(p);
    return (double)value[0];
}

static void float_fields_alone_are_normalised(void **state)
{
    (void)state;
    const struct seen raw = {{4.5f, 3.0f}, {1, 2, 255, 7}, {-500.0f}, 77, 9};
    const struct seen by_hand = {{3.0f, 2.0f}, {1, 2, 255, 7}, {-1.5f}, 77, 9};
    struct seen wild = raw, tame = by_hand;
    assert_close(value_of(true, &raw), value_of(false, &by_hand), 1e-6, 1e-6);
    wild.near_[0] = NAN;
    wild.near_[1] = 1e35f;
    wild.far_[0] = -INFINITY;
    tame.near_[0] = 0;
    tame.near_[1] = 10;
    tame.far_[0] = 0;
    assert_close(value_of(true, &wild), value_of(false, &tame), 1e-6, 1e-6);
}

static void gradients_past_the_normalisation_match_differences(void **state)
{
    (void)state;
    const struct net_options o = {.obs_norm = true};
    net_check_gradients("mlp", "lstm", 17, 6, 5, &o);
    net_check_gradients("mlp", "none", 16, 1, 3, &o);
}

static void a_network_without_such_fields_is_refused(void **state)
{
    (void)state;
    static const char *const nets[] = {"grid-small", "nethack-compact", "oni-default", "torchbeast",
                                       "mlp"};
    for (int i = 0; i < 5; i++) {
        struct policy_config c = {.core = POLICY_CORE_NONE, .actions = {.n = 4}, .obs_norm = true};
        struct policy *p;
        snprintf(c.net, sizeof c.net, "%s", nets[i]);
        if (i < 4)
            net_fields(&c.obs, nets[i]);
        else
            obs_spec_add(&c.obs, "id", OBS_U8, 1, (int[]){1});
        assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "policy.obs_norm is for float32");
        assert_null(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_formula_and_its_limits),
        cmocka_unit_test(float_fields_alone_are_normalised),
        cmocka_unit_test(gradients_past_the_normalisation_match_differences),
        cmocka_unit_test(a_network_without_such_fields_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
