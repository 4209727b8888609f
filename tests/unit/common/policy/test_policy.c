/* SPDX-License-Identifier: MIT */
/* test_policy.c - whole networks: acting equals training, slices add up, nothing is allocated, and
 * what a policy says of itself. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/encoders/encoder.h"
#include "tests/onic_test.h"
#include "tests/support/policy_net.h"

/* Parameters of ONI's network, counted by hand; a second value head is 513 parameters and 512
 * products more. */
static void oni_default_has_the_size_of_the_original(void **state)
{
    (void)state;
    struct policy_config c = {.actions = {.n = 28}};
    snprintf(c.net, sizeof c.net, "oni-default");
    c.core = POLICY_CORE_GRU;
    net_fields(&c.obs, "oni-default");
    struct policy *p = NULL;
    assert_ok(policy_create(&p, &c, &err));
    assert_int_equal(params_count(policy_params(p)), 2798205 + 513);
    assert_close(policy_macs(p), 6726016 + 512, 0, 0);
    policy_free(p);
    c.compat_oni = true;
    assert_ok(policy_create(&p, &c, &err));
    assert_int_equal(params_count(policy_params(p)), 2798205);
    assert_close(policy_macs(p), 6726016, 0, 0);
    policy_free(p);
}

/* The same trajectory through policy_act step by step and through policy_forward at once. */
static void check_act_equals_forward(const char *id, const char *core, const struct net_options *o)
{
    enum { T = 9, N = 5 };
    struct net n = net_create(id, core, 0, o);
    struct net_batch b = net_batch_create(&n, T, N);
    struct policy_trainer *w = policy_trainer_create(n.p, T, N);
    struct policy_actor *a = policy_actor_create(n.p, N);
    net_loss(&n, w, &b);
    int A = action_dist_outputs(policy_actions(n.p)), S = policy_state_size(n.p),
        X = policy_last_size(n.p);
    float *s = xcalloc((size_t)(N * S) + 1, sizeof *s), logits[N * 8], value[N * 2];
    memcpy(s, b.state0, (size_t)(N * S) * sizeof *s);
    for (int t = 0; t < T; t++) {
        for (int i = 0; i < N; i++)
            if (b.reset[t * N + i])
                memset(s + i * S, 0, (size_t)S * sizeof *s);
        policy_act(n.p, a, n.params, b.rows + t * N, N, s, logits, value);
        for (int i = 0; i < N * A; i++)
            assert_close(logits[i], b.logits[t * N * A + i], 1e-5, 1e-5);
        for (int i = 0; i < N * 2; i++)
            assert_close(value[i], b.value[t * N * 2 + i], 1e-5, 1e-5);
        for (int i = 0; i < N * X; i++) /* the next step sees this one */
            s[i / X * S + S - X + i % X] = b.done[t * N * X + i];
    }
    free(s);
    policy_actor_free(a);
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

static void layer_norm_stands_between_encoder_and_core(void **state)
{
    (void)state;
    const struct net_options o = {.layer_norm = true};
    net_check_gradients("grid-small", "lstm", 24, 6, 5, &o);
    net_check_gradients("mlp", "gru", 17, 6, 5, &o);
    net_check_gradients("mlp", "none", 16, 1, 3, &o);
    check_act_equals_forward("nethack-compact", "lstm", &o);
    check_act_equals_forward("mlp", "none", &o);
    struct net with = net_create("mlp", "gru", 8, &o);
    struct net without = net_create("mlp", "gru", 8, NULL);
    assert_int_equal(params_count(policy_params(with.p)),
                     params_count(policy_params(without.p)) + 2 * 8);
    net_free(&with);
    net_free(&without);
}

static void like_oni_there_is_one_value_head(void **state)
{
    (void)state;
    const struct net_options o = {.compat_oni = true};
    net_check_gradients("grid-small", "lstm", 24, 6, 5, &o);
    net_check_gradients("mlp", "none", 16, 1, 3, &o);
    check_act_equals_forward("oni-default", "gru", &o);
    struct net n = net_create("mlp", "gru", 8, &o);
    struct net_batch b = net_batch_create(&n, 2, 3);
    struct policy_trainer *w = policy_trainer_create(n.p, 2, 3);
    net_loss(&n, w, &b);
    for (int i = 0; i < 2 * 3; i++)
        assert_true(b.value[2 * i] != 0 && b.value[2 * i + 1] == 0);
    assert_null(params_find(policy_params(n.p), "value_int.w"));
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

static void acting_step_by_step_equals_the_training_pass(void **state)
{
    (void)state;
    check_act_equals_forward("grid-small", "lstm", NULL);
    check_act_equals_forward("mlp", "lstm", NULL);
    check_act_equals_forward("nethack-compact", "lstm", NULL);
    check_act_equals_forward("grid-small", "gru", NULL);
    check_act_equals_forward("mlp", "gru", NULL);
    check_act_equals_forward("nethack-compact", "gru", NULL);
    check_act_equals_forward("mlp", "none", NULL);
}

static const struct net_options seeing[] = {
    {.last_action = true},
    {.last_reward = true},
    {.last_action = true, .last_reward = true, .layer_norm = true},
    {.last_action = true, .last_reward = true, .compat_oni = true},
    {.actions = {.kind = ACTION_MULTI, .n = 2, .choices = {3, 4}},
     .last_action = true,
     .last_reward = true},
    {.actions = {.kind = ACTION_CONTINUOUS, .n = 2, .low = {-1, 0}, .high = {1, 5}},
     .last_action = true,
     .last_reward = true},
};

/* Every network, core and kind of action: the step before is an input that acting and training see
 * alike, over episodes that end within the rollout. */
static void the_step_before_is_seen_alike_by_acting_and_training(void **state)
{
    (void)state;
    static const char *const nets[] = {"grid-small",  "mlp",        "nethack-compact",
                                       "oni-default", "torchbeast", "pixels"};
    static const char *const cores[] = {"lstm", "gru", "mingru", "none"};
    for (size_t o = 0; o < sizeof seeing / sizeof seeing[0]; o++)
        for (size_t c = 0; c < 4; c++)
            check_act_equals_forward("mlp", cores[c], &seeing[o]);
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        check_act_equals_forward(nets[i], "gru", &seeing[2]);
        check_act_equals_forward(nets[i], "none", &seeing[4]);
    }
}

static void gradients_past_the_step_before_match_differences(void **state)
{
    (void)state;
    for (size_t o = 0; o < sizeof seeing / sizeof seeing[0]; o++) {
        net_check_gradients("mlp", "lstm", 17, 6, 5, &seeing[o]);
        net_check_gradients("mlp", "none", 16, 4, 3, &seeing[o]);
    }
    net_check_gradients("grid-small", "gru", 24, 6, 5, &seeing[2]);
    net_check_gradients("grid-small", "mingru", 24, 6, 5, &seeing[2]);
    net_check_gradients("nethack-compact", "lstm", 13, 4, 3, &seeing[2]);
    net_check_gradients("oni-default", "gru", 9, 2, 2, &seeing[3]);
}

/* Another step before, another output; at a reset none counts. */
static void the_step_before_matters_but_not_over_an_end(void **state)
{
    (void)state;
    enum { T = 3, N = 2, A = 5 };
    struct net n = net_create("mlp", "none", 8, &seeing[2]);
    struct net_batch b = net_batch_create(&n, T, N);
    struct policy_trainer *w = policy_trainer_create(n.p, T, N);
    float before[T * N * A];
    memset(b.reset, 0, T * N);
    b.reset[1 * N + 1] = 1;
    net_loss(&n, w, &b);
    memcpy(before, b.logits, sizeof before);
    for (int i = 0; i < N * policy_last_size(n.p); i++)
        b.done[i] += 1.0f; /* of step 0 */
    net_loss(&n, w, &b);
    for (int row = 0; row < T * N; row++) {
        bool same = memcmp(before + row * A, b.logits + row * A, A * sizeof *before) == 0;
        assert_int_equal(same, row != N); /* step 1 of the first environment alone */
    }
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

/* Two networks that differ in this alone say so, near the start: a refusal shows what differs. */
static void the_step_before_is_in_the_text_of_the_network(void **state)
{
    (void)state;
    static const char *const texts[] = {"last action;", "last reward;", "last action reward;"};
    for (int o = 0; o < 3; o++) {
        struct buf text;
        struct net n = net_create("mlp", "gru", 8, &seeing[o]);
        buf_init(&text, 1 << 16);
        policy_text(n.p, &text);
        assert_non_null(strstr(text.data, texts[o]));
        buf_release(&text);
        net_free(&n);
    }
}

/* policy.squash and policy.deviation are what the policy acts and learns by, not only words of its
 * text. */
static void numbers_are_bounded_as_the_configuration_says(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool squash = i & 1, of_state = i & 2;
        struct policy_config c = {
            .net = "mlp",
            .core = POLICY_CORE_NONE,
            .squash = squash,
            .state_deviation = of_state,
            .actions = {.kind = ACTION_CONTINUOUS, .n = 1, .low = {-2}, .high = {2}}};
        net_fields(&c.obs, "mlp");
        struct policy *p = NULL;
        assert_ok(policy_create(&p, &c, &err));
        union action_cell done = {.number = 0.5f};
        action_dist_act(policy_actions(p), &done, 1);
        assert_close(done.number, squash ? 2 * tanh(0.5) : 1.0, 1e-6, 0);
        assert_int_equal(action_dist_columns(policy_actions(p)), of_state ? 2 : 1);
        assert_int_equal(params_find(policy_params(p), "policy.log_deviation") != NULL, !of_state);
        policy_free(p);
    }
}

/* Slices over N, as the learner makes them, add up to the whole batch; a last row without gradient
 * changes nothing. */
static void slices_add_up_and_the_bootstrap_row_is_free(void **state)
{
    (void)state;
    enum { T = 7, N = 6 };
    struct net n = net_create("grid-small", "lstm", 16, NULL);
    struct net_batch b = net_batch_create(&n, T, N);
    int A = policy_config(n.p)->actions.n, S = policy_state_size(n.p);
    memset(b.dlogits + (T - 1) * N * A, 0, (size_t)(N * A) * sizeof(float));
    memset(b.dvalue + (T - 1) * N * 2, 0, (size_t)(N * 2) * sizeof(float));
    struct policy_trainer *w = policy_trainer_create(n.p, T, N);
    net_loss(&n, w, &b);
    policy_backward(n.p, w, n.params, b.dlogits, b.dvalue, n.grads);
    float *whole = n.grads;
    size_t floats = policy_params(n.p)->floats;
    n.grads = xaligned(floats * sizeof(float));
    for (int first = 0; first < N; first += 2) {
        for (int steps = T - 1; steps < T; steps++) {
            struct net_batch part = net_batch_create(&n, steps, 2);
            for (int t = 0; t < steps; t++) {
                size_t from = (size_t)(t * N + first), to = (size_t)(t * 2);
                memcpy(part.rows + to, b.rows + from, 2 * sizeof *b.rows);
                memcpy(part.reset + to, b.reset + from, 2);
                memcpy(part.dlogits + to * (size_t)A, b.dlogits + from * (size_t)A,
                       2 * (size_t)A * sizeof(float));
                memcpy(part.dvalue + to * 2, b.dvalue + from * 2, 4 * sizeof(float));
            }
            memcpy(part.state0, b.state0 + first * S, 2 * (size_t)S * sizeof(float));
            net_loss(&n, w, &part);
            policy_backward(n.p, w, n.params, part.dlogits, part.dvalue, n.grads);
            net_batch_free(&part);
        }
    }
    for (size_t i = 0; i < floats; i++)
        assert_close(n.grads[i], whole[i], 1e-4, 2e-5);
    free(whole);
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

/* The cut at the last step with a gradient must not lose a step that has only a value's. */
static void a_single_value_gradient_reaches_its_head(void **state)
{
    (void)state;
    enum { T = 3, N = 2 };
    struct net n = net_create("grid-small", "lstm", 16, NULL);
    struct net_batch b = net_batch_create(&n, T, N);
    struct policy_trainer *w = policy_trainer_create(n.p, T, N);
    memset(b.dlogits, 0, (size_t)(T * N * policy_config(n.p)->actions.n) * sizeof(float));
    memset(b.dvalue, 0, (size_t)(T * N * 2) * sizeof(float));
    b.dvalue[(T * N - 1) * 2 + POLICY_INT] = -2.0f;
    net_loss(&n, w, &b);
    policy_backward(n.p, w, n.params, b.dlogits, b.dvalue, n.grads);
    const struct params *p = policy_params(n.p);
    assert_close(n.grads[params_find(p, "value_int.b")->offset], -2, 0, 0);
    assert_close(n.grads[params_find(p, "value_ext.b")->offset], 0, 0, 0);
    assert_true(n.grads[params_find(p, "grid.b1")->offset + 1] != 0.0f ||
                n.grads[params_find(p, "grid.b1")->offset + 2] != 0.0f);
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

static void acting_and_training_allocate_nothing(void **state)
{
    (void)state;
    struct net n = net_create("grid-small", "lstm", 0, NULL);
    struct net_batch b = net_batch_create(&n, 5, 4);
    struct policy_trainer *w = policy_trainer_create(n.p, 5, 4);
    struct policy_actor *a = policy_actor_create(n.p, 4);
    uint64_t before = xmalloc_calls();
    net_loss(&n, w, &b);
    policy_backward(n.p, w, n.params, b.dlogits, b.dvalue, n.grads);
    policy_act(n.p, a, n.params, b.rows, 4, b.state0, b.logits, b.value);
    assert_int_equal(xmalloc_calls(), before);
    policy_actor_free(a);
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}

/* oni-spec: GRU 795 -> 512 has 2,010,624 parameters; here the same formula, 3H (E + H + 2). */
static void a_gru_has_two_biases_and_starts_uniform(void **state)
{
    (void)state;
    struct net n = net_create("grid-small", "gru", 16, NULL);
    const struct params *p = policy_params(n.p);
    static const char *const names[] = {"core.w_x", "core.w_h", "core.b_x", "core.b_h"};
    int floats = 0;
    for (int k = 0; k < 4; k++) {
        const struct param *t = params_find(p, names[k]);
        assert_non_null(t);
        floats += t->rows * t->cols;
        float most = 0;
        for (int i = 0; i < t->rows * t->cols; i++)
            most = fmaxf(most, fabsf(n.params[t->offset + (size_t)i]));
        assert_in_range((long)(1000 * most), 200, 250); /* 1/sqrt(16) */
    }
    assert_int_equal(floats, 3 * 16 * (16 + 16 + 2));
    assert_int_equal(policy_state_size(n.p), 16);
    net_free(&n);
}

static void a_bad_configuration_is_one_sentence(void **state)
{
    (void)state;
    struct policy *p = NULL;
    struct policy_config c = {.net = "grid-smal", .core = POLICY_CORE_LSTM, .actions = {.n = 3}};
    assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "grid-small");
    snprintf(c.net, sizeof c.net, "grid-small");
    obs_spec_add(&c.obs, "position", OBS_U8, 1, (const int[]){1});
    assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "'image'");
    obs_spec_add(&c.obs, "image", OBS_U8, 2, (const int[]){7, 7});
    assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "uint8[height,width,3]");
    c.core = POLICY_CORES;
    assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "lstm, gru, none or mingru");
    assert_null(p);
}

/* As many as an environment may have, a description may name and a step may carry. */
static void all_actions_there_may_be_can_be_acted(void **state)
{
    (void)state;
    static float outputs[BOUND_ACTIONS];
    struct policy *p = NULL;
    struct policy_config c = {
        .net = "mlp", .core = POLICY_CORE_NONE, .actions = {.n = BOUND_ACTIONS}};
    obs_spec_add(&c.obs, "x", OBS_U8, 1, (const int[]){1});
    assert_ok(policy_create(&p, &c, &err));
    policy_free(p);
    struct action_dist d = {.space = c.actions};
    union action_cell a;
    float logp, u = 0.999999f;
    outputs[BOUND_ACTIONS - 1] = 100;
    action_dist_sample(&d, outputs, NULL, &u, 1, &a, &logp);
    assert_int_equal(a.choice, BOUND_ACTIONS - 1);
    c.actions.n++;
    assert_err(policy_create(&p, &c, &err), ONIC_ECONFIG, "no actions, or more than 4096");
}

static void the_text_names_everything_peers_must_share(void **state)
{
    (void)state;
    struct net n = net_create("grid-small", "lstm", 0, NULL);
    struct buf text;
    buf_init(&text, 65536);
    policy_text(n.p, &text);
    assert_non_null(strstr(text.data, "net grid-small hidden 64; core lstm 64; actions 5"));
    assert_non_null(strstr(text.data, "image uint8[7,7,3]"));
    assert_non_null(strstr(text.data, "core.w_x [64,256]"));
    buf_release(&text);
    net_free(&n);
}

static void a_network_says_how_it_uses_each_field(void **state)
{
    (void)state;
    const struct encoder_type *small = encoder_find("grid-small");
    assert_int_equal(encoder_reads(small, "image"), 2);
    assert_int_equal(encoder_reads(small, "direction"), 1);
    assert_int_equal(encoder_reads(small, "imag"), 0);
    assert_int_equal(encoder_reads(encoder_find("mlp"), "anything"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_oni_there_is_one_value_head),
        cmocka_unit_test(layer_norm_stands_between_encoder_and_core),
        cmocka_unit_test(oni_default_has_the_size_of_the_original),
        cmocka_unit_test(acting_step_by_step_equals_the_training_pass),
        cmocka_unit_test(the_step_before_is_seen_alike_by_acting_and_training),
        cmocka_unit_test(gradients_past_the_step_before_match_differences),
        cmocka_unit_test(the_step_before_matters_but_not_over_an_end),
        cmocka_unit_test(the_step_before_is_in_the_text_of_the_network),
        cmocka_unit_test(numbers_are_bounded_as_the_configuration_says),
        cmocka_unit_test(slices_add_up_and_the_bootstrap_row_is_free),
        cmocka_unit_test(a_single_value_gradient_reaches_its_head),
        cmocka_unit_test(acting_and_training_allocate_nothing),
        cmocka_unit_test(a_gru_has_two_biases_and_starts_uniform),
        cmocka_unit_test(a_bad_configuration_is_one_sentence),
        cmocka_unit_test(all_actions_there_may_be_can_be_acted),
        cmocka_unit_test(the_text_names_everything_peers_must_share),
        cmocka_unit_test(a_network_says_how_it_uses_each_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
