/* SPDX-License-Identifier: MIT */
/* test_torchbeast.c - the network torchbeast whole, and in the parts that it can be built of. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "tests/onic_test.h"
#include "tests/support/policy_net.h"

/* Thousands of ReLUs and maxima share a bias here, and every step crosses some (errors up to
 * 0.05 and 0.4, a part that is joined wrongly has about 1): this test is about how the parts are
 * joined. What they compute is proven in test_glyph_conv and, in double, in test_message_net. */
static void gradients_of_torchbeast_match_differences(void **state)
{
    (void)state;
    static const char *const choices[] = {
        "map", "crop", "status", "message", "message-small", "crop,status", "status,message-small"};
    struct net_options o = {.along_max = 0.1, .across_max = 0.5};
    /* all in one: the small ones are near the rounding of the large */
    net_check_gradients("torchbeast", "gru", 24, 2, 2, &o);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        o.parts = choices[i];
        net_check_gradients("torchbeast", "none", 24, 1, 3, &o);
    }
    o.parts = "crop";
    o.compat_oni = true;
    net_check_gradients("torchbeast", "none", 24, 1, 3, &o);
}

/* Rows that share messages and glyphs must add up: the gradient of a batch is the sum of its rows'.
 */
static void rows_with_the_same_message_add_up(void **state)
{
    (void)state;
    enum { N = 5 };
    struct net n = net_create("torchbeast", "none", 8, NULL);
    struct net_batch b = net_batch_create(&n, 1, N);
    const struct policy_config *c = policy_config(n.p);
    for (int i = 2; i < N; i++)
        for (int f = 0; f < c->obs.nfields; f++)
            if (i % 2 || strcmp(c->obs.field[f].name, "message") == 0)
                memcpy(b.obs + (size_t)i * c->obs.obs_bytes + c->obs.field[f].offset,
                       b.obs + (size_t)(i % 2) * c->obs.obs_bytes + c->obs.field[f].offset,
                       c->obs.field[f].bytes);
    struct policy_trainer *w = policy_trainer_create(n.p, 1, N);
    size_t floats = policy_params(n.p)->floats, A = (size_t)c->actions.n;
    float *sum = xcalloc(floats, sizeof *sum), *logits = xcalloc(N, A * sizeof *logits);
    for (size_t i = 0; i < N; i++) {
        policy_forward(n.p, w, n.params, b.rows + i, NULL, b.state0, b.reset + i, 1, 1,
                       logits + i * A, b.value + 2 * i);
        policy_backward(n.p, w, n.params, b.dlogits + i * A, b.dvalue + 2 * i, sum);
    }
    net_loss(&n, w, &b);
    policy_backward(n.p, w, n.params, b.dlogits, b.dvalue, n.grads);
    for (size_t i = 0; i < N * A; i++)
        assert_close(b.logits[i], logits[i], 1e-5, 1e-5);
    for (size_t i = 0; i < floats; i++)
        assert_close(n.grads[i], sum[i], 1e-3, 1e-4);
    free(sum);
    free(logits);
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

/* Parameters of the original with its switches, counted by hand. */
static void torchbeast_has_the_size_of_the_original(void **state)
{
    (void)state;
    static const struct {
        const char *parts;
        int count;
    } encoders[] = {{"", 1933488},
                    {"map,crop,status,message", 1933488},
                    {"message", 141824 + 128 * 256 + 256 + 131584},
                    {"status,message-small", 20096 + 22176 + 160 * 256 + 256 + 131584}};
    for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++) {
        struct net n = net_create("torchbeast", "none", 512,
                                  &(struct net_options){.parts = encoders[i].parts});
        int heads = 513 * (policy_config(n.p)->actions.n + 2);
        assert_int_equal(params_count(policy_params(n.p)), encoders[i].count + heads);
        net_free(&n);
    }
}

static void refuse_parts(const char *net, const char *list, const char *complaint)
{
    struct policy_config c = {.actions = {.n = 5}};
    struct policy *p = NULL;
    struct onic_err err = {0};
    snprintf(c.net, sizeof c.net, "%s", net);
    c.core = POLICY_CORE_NONE;
    snprintf(c.parts, sizeof c.parts, "%s", list);
    net_fields(&c.obs, net);
    assert_int_equal(policy_create(&p, &c, &err), ONIC_ECONFIG);
    if (!strstr(err.msg, complaint))
        fail_msg("%s", err.msg);
}

static void wrong_parts_are_named(void **state)
{
    (void)state;
    refuse_parts("torchbeast", "map,maps", "'maps', which is no part");
    refuse_parts("torchbeast", "map,,crop", "'', which is no part");
    refuse_parts("torchbeast", "crop,", "'', which is no part");
    refuse_parts("torchbeast", "crop,crop", "has crop twice");
    refuse_parts("torchbeast", "message,message-small", "has message twice");
    refuse_parts("mlp", "map", "the network mlp has no parts");
}

/* ONI's crop shows the corner of the map wherever the hero is. */
static void like_oni_the_crop_stays_in_the_corner(void **state)
{
    (void)state;
    for (int oni = 0; oni < 2; oni++) {
        struct net n = net_create("torchbeast", "none", 8,
                                  &(struct net_options){.parts = "crop", .compat_oni = oni});
        struct net_batch b = net_batch_create(&n, 1, 2);
        size_t at = obs_spec_find(&policy_config(n.p)->obs, "blstats")->offset;
        size_t bytes = policy_config(n.p)->obs.obs_bytes;
        struct policy_trainer *w = policy_trainer_create(n.p, 1, 2);
        memcpy(b.obs + bytes, b.obs, bytes);
        for (int64_t i = 0; i < 2; i++)
            memcpy(b.obs + (size_t)i * bytes + at, &(int64_t){10 + 3 * i}, sizeof(int64_t));
        memcpy(b.obs + at + 8, &(int64_t){9}, sizeof(int64_t));
        memcpy(b.obs + bytes + at + 8, &(int64_t){9}, sizeof(int64_t));
        net_loss(&n, w, &b);
        assert_int_equal(b.logits[0] == b.logits[policy_config(n.p)->actions.n], oni);
        policy_trainer_free(w);
        net_batch_free(&b);
        net_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_torchbeast_match_differences),
        cmocka_unit_test(rows_with_the_same_message_add_up),
        cmocka_unit_test(torchbeast_has_the_size_of_the_original),
        cmocka_unit_test(like_oni_the_crop_stays_in_the_corner),
        cmocka_unit_test(wrong_parts_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
