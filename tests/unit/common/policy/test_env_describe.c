/* SPDX-License-Identifier: MIT */
/* Description of an environment as text: round trip, and refusal of what is damaged. */
#include "tests/onic_test.h"

#include "common/policy/env_describe.h"

static struct env_description sample(void)
{
    struct env_description d = {.actions = {.n = 7},
                                .max_steps = 270,
                                .has_success = true,
                                .nstats = 2,
                                .default_count = 16,
                                .snapshot_bytes = 4096};
    strcpy(d.id, "minigrid:KeyCorridorS3R3");
    strcpy(d.domain, "minigrid");
    strcpy(d.stat_names[0], "rooms");
    strcpy(d.stat_names[1], "max_depth");
    strcpy(d.default_net, "minigrid");
    strcpy(d.default_goal, "KeyCorridor");
    obs_spec_add(&d.obs, "image", OBS_U8, 3, (int[]){7, 7, 3});
    obs_spec_add(&d.obs, "blstats", OBS_I64, 1, (int[]){27});
    obs_spec_add(&d.obs, "direction", OBS_U8, 1, (int[]){1});
    return d;
}

static void text_of(const struct env_description *d, struct buf *out)
{
    buf_init(out, ENV_DESCRIPTION_TEXT_MAX);
    env_describe_write(d, out);
}

static void a_description_survives_the_round_trip(void **state)
{
    (void)state;
    struct env_description d = sample(), back;
    struct buf text;
    text_of(&d, &text);
    assert_ok(env_describe_read(text.data, text.len, &back, &err));
    assert_string_equal(back.id, d.id);
    assert_string_equal(back.domain, d.domain);
    assert_string_equal(back.default_net, d.default_net);
    assert_string_equal(back.default_goal, d.default_goal);
    assert_string_equal(back.stat_names[1], "max_depth");
    assert_int_equal(back.nstats, 2);
    assert_int_equal(back.actions.n, 7);
    assert_int_equal(back.max_steps, 270);
    assert_int_equal(back.default_count, 16);
    assert_int_equal(back.snapshot_bytes, 4096);
    assert_true(back.has_success);
    assert_int_equal(back.obs.nfields, 3);
    assert_int_equal(back.obs.obs_bytes, d.obs.obs_bytes);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(&back.obs.field[i], &d.obs.field[i], sizeof d.obs.field[i]);
    struct buf again;
    text_of(&back, &again);
    assert_string_equal(again.data, text.data);
    buf_release(&again);
    buf_release(&text);
}

static void an_environment_without_statistics_is_fine(void **state)
{
    (void)state;
    struct env_description d = sample(), back;
    d.nstats = 0;
    d.has_success = false;
    struct buf text;
    text_of(&d, &text);
    assert_ok(env_describe_read(text.data, text.len, &back, &err));
    assert_int_equal(back.nstats, 0);
    assert_false(back.has_success);
    buf_release(&text);
}

static struct env_description was_read; /* by read_changed */

/* The sample's text with `from` replaced by `to`. */
static int read_changed(const char *from, const char *to, struct onic_err *err)
{
    struct env_description d = sample();
    struct buf text, changed;
    text_of(&d, &text);
    buf_init(&changed, ENV_DESCRIPTION_TEXT_MAX);
    char *at = strstr(text.data, from);
    assert_non_null(at);
    buf_append(&changed, text.data, (size_t)(at - text.data));
    buf_puts(&changed, to);
    buf_puts(&changed, at + strlen(from));
    int rc = env_describe_read(changed.data, changed.len, &was_read, err);
    buf_release(&text);
    buf_release(&changed);
    return rc;
}

static void damage_is_refused_and_named(void **state)
{
    (void)state;
    assert_err(read_changed("actions: 7", "actions: 0", &err), ONIC_EPROTO, "actions: 0");
    assert_err(read_changed("actions: 7", "actions: 4097", &err), ONIC_EPROTO, "actions");
    assert_ok(read_changed("actions: 7", "actions: 4096", &err));
    assert_err(read_changed("actions: 7", "actions: 7x", &err), ONIC_EPROTO, "actions");
    assert_err(read_changed("actions: 7\n", "", &err), ONIC_EPROTO, "lacks \"actions\"");
    assert_err(read_changed("actions: 7\n", "actions: 7\nactions: 7\n", &err), ONIC_EPROTO,
               "actions");
    assert_err(read_changed("actions: 7", "moves: 7", &err), ONIC_EPROTO, "moves");
    assert_err(read_changed("[7,7,3]", "[7,7,3,1]", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("[7,7,3]", "[7,7,99999999]", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("[7,7,3]", "[7,0,3]", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("[7,7,3]", "[7,7", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("image uint8", "direction uint8", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("image uint8", "image uint9", &err), ONIC_EPROTO, "observation");
    assert_err(read_changed("success: yes", "success: maybe", &err), ONIC_EPROTO, "success");
    assert_err(read_changed("id: ", "id ", &err), ONIC_EPROTO, "without a key");
}

static void every_kind_of_action_is_read_back(void **state)
{
    (void)state;
    assert_ok(read_changed("actions: 7", "actions: 7 masked", &err));
    assert_true(was_read.actions.masked && was_read.actions.kind == ACTION_DISCRETE);
    assert_ok(read_changed("actions: 7", "actions: multi 3,2", &err));
    assert_true(was_read.actions.kind == ACTION_MULTI && was_read.actions.choices[1] == 2);
    assert_ok(read_changed("actions: 7", "actions: continuous -2:2,0:1", &err));
    assert_true(was_read.actions.kind == ACTION_CONTINUOUS && was_read.actions.low[0] == -2.0f);
    assert_err(read_changed("actions: 7", "actions: multi 3000,3000", &err), ONIC_EPROTO,
               "actions");
    assert_err(read_changed("actions: 7", "actions: continuous 2:-2", &err), ONIC_EPROTO,
               "actions");
}

static void zero_bytes_and_excess_length_are_refused(void **state)
{
    (void)state;
    struct env_description d;
    assert_err(env_describe_read("id: a\0b\n", 8, &d, &err), ONIC_EPROTO, "not text");
    assert_err(env_describe_read("", ENV_DESCRIPTION_TEXT_MAX + 1, &d, &err), ONIC_EPROTO,
               "at most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_survives_the_round_trip),
        cmocka_unit_test(an_environment_without_statistics_is_fine),
        cmocka_unit_test(damage_is_refused_and_named),
        cmocka_unit_test(every_kind_of_action_is_read_back),
        cmocka_unit_test(zero_bytes_and_excess_length_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
