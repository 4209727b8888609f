/* SPDX-License-Identifier: MIT */
/* test_plugin.c - shared objects that are not what onic_env.h asks for are one sentence each, what
 * they may leave out is filled in, and their own options reach them. */
#include <stdlib.h>

#include "actor/envs/env.h"
#include "common/base/utf8.h"
#include "tests/onic_test.h"

static struct config cfg;

static int with_plugin(const char *name)
{
    config_defaults(&cfg);
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "%s/tests/%s.so", getenv("ONIC_BUILD"), name);
    return 0;
}

static void what_breaks_the_contract_is_one_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *bad, *says;
    } cases[] = {
        {"abi", "was built with another onic_env.h (ABI 2"},
        {"size", "was built with another onic_env.h"},
        {"nothing", "env.plugin: onic_env() of "},
        {"no step", " lacks one of create, spec, seed, reset, step, observe, free"},
        {"no names", "no family name of letters"},
        {"family", "no family name of letters"},
        {"taken", "the family 'minigrid'"},
        {"no spec", "has no fields, or more than 16"},
        {"no fields", "has no fields, or more than 16"},
        {"type", "has a field of an unknown type or of other than 1 to 3 dimensions"},
        {"dimension", "has a field with a dimension below 1 or above 4194304"},
        {"huge", "has a field of more than 4194304 elements"},
        {"field name", "has a field whose name is not 1 to 23 letters, digits or _"},
        {"twice", "has two fields of one name"},
        {"max_steps", "has no max_steps"},
        {"stats", "has more than 12 statistics, or no names or no function for them"},
        {"count", "has a default_count that is not 0 to 4096"},
        {"snapshot", "has snapshots without save and load, or larger than 64 MiB"},
        {"kind", "actions of an unknown kind"},
        {"continuous", "says neither how many choices nor which bounds"},
        {"bounds", "bounds of a number that are not finite with the low one below"},
        {"nan bounds", "bounds of a number that are not finite"},
        {"several", "says neither how many choices nor which bounds"},
        {"no options", "a choice among less than 1"},
        {"too many", "no choices at once, or more than 64"},
        {"masked", "masks its actions without a function mask"},
        {"no actions", "has no actions"},
        {"action name", "an action without a name"},
        {"create", "bad: give it a map"},
        {"mute", "the plug-in could not make it and did not say why"},
    };
    with_plugin("plugin_bad");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct env *e;
        setenv("PLUGIN_BAD", cases[i].bad, 1);
        /* a family that was taken in stays: the cases of the file come before those of its spec */
        assert_err(env_create(&e, "bad", &cfg, 0, &err), ONIC_ECONFIG, cases[i].says);
        assert_null(e);
    }
    unsetenv("PLUGIN_BAD");
}

static int reset_and_step(struct env *e, struct onic_err *err)
{
    struct env_result r;
    uint8_t obs[64];
    e->family->seed(e, 1);
    int rc = e->family->reset(e, obs, &r, err);
    return rc ? rc : e->family->step(e, 0, obs, &r, err);
}

static void an_episode_that_is_over_at_once_is_refused(void **state)
{
    (void)state;
    struct env *e;
    with_plugin("plugin_bad");
    setenv("PLUGIN_BAD", "over at once", 1);
    assert_ok(env_create(&e, "bad", &cfg, 0, &err));
    assert_err(reset_and_step(e, &err), ONIC_ECONFIG, "ends an episode in its reset");
    env_free(e);
    unsetenv("PLUGIN_BAD");
}

static void what_is_left_out_is_filled_in(void **state)
{
    (void)state;
    struct env *e;
    struct env_result r;
    uint8_t obs[64];
    with_plugin("plugin_bad");
    assert_ok(env_create(&e, "bad", &cfg, 0, &err));
    assert_string_equal(e->spec.default_net, "mlp");
    assert_string_equal(e->spec.default_goal, "none");
    assert_string_equal(e->family->domain, "bad");
    assert_string_equal(e->spec.action_names[1], "1");
    assert_int_equal(e->spec.default_count, 16);
    assert_int_equal(e->spec.state_bytes, 0);
    assert_null(e->family->render);
    e->family->seed(e, 1);
    assert_ok(e->family->reset(e, obs, &r, &err));
    assert_ok(e->family->step(e, 1, obs, &r, &err));
    assert_true(r.terminated && !r.truncated); /* an end is an end */
    assert_string_equal(r.caption, "");
    env_free(e);
}

static void a_long_caption_is_cut_between_characters(void **state)
{
    struct env *e;
    struct env_result r;
    uint8_t obs[64];
    (void)state;
    with_plugin("plugin_bad");
    setenv("PLUGIN_BAD", "long caption", 1);
    assert_ok(env_create(&e, "bad", &cfg, 0, &err));
    e->family->seed(e, 1);
    assert_ok(e->family->reset(e, obs, &r, &err));
    assert_ok(e->family->step(e, 1, obs, &r, &err));
    assert_int_equal(r.caption_len, 254);
    assert_ok(utf8_check(r.caption, (size_t)r.caption_len, "the caption", &err));
    env_free(e);
    unsetenv("PLUGIN_BAD");
}

static void its_own_options_reach_it(void **state)
{
    (void)state;
    struct env *e;
    with_plugin("lake");
    assert_ok(config_set(&cfg, "plugin.slippery", "true", CONFIG_CLI, "--plugin.slippery", &err));
    assert_string_equal(cfg.env_options, "slippery=true");
    assert_ok(env_create(&e, "lake", &cfg, 0, &err));
    env_free(e);
    assert_ok(config_set(&cfg, "plugin.size", "8", CONFIG_CLI, "--plugin.size", &err));
    assert_ok(config_set(&cfg, "plugin.slippery", "no", CONFIG_CLI, "--plugin.slippery", &err));
    assert_string_equal(cfg.env_options, "size=8;slippery=no");
    assert_err(env_create(&e, "lake", &cfg, 0, &err), ONIC_ECONFIG, "it has no option 'size'");
    assert_err(env_create(&e, "minigrid:Unlock", &cfg, 0, &err), ONIC_ECONFIG,
               "for environments of env.plugin");
    snprintf(cfg.env_options, sizeof cfg.env_options, "fast");
    assert_err(env_create(&e, "lake", &cfg, 0, &err), ONIC_ECONFIG,
               "env.options has 'fast', must be pairs key=value with ; between them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_breaks_the_contract_is_one_sentence),
        cmocka_unit_test(an_episode_that_is_over_at_once_is_refused),
        cmocka_unit_test(what_is_left_out_is_filled_in),
        cmocka_unit_test(a_long_caption_is_cut_between_characters),
        cmocka_unit_test(its_own_options_reach_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
