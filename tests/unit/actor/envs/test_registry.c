/* SPDX-License-Identifier: MIT */
/* test_registry.c - ids, suggestions, field selection and plug-ins. */
#include <stdlib.h>

#include "actor/envs/env.h"
#include "actor/envs/open.h"
#include "actor/envs/vec_env.h"
#include "tests/onic_test.h"

static struct config cfg;

static int defaults(void **state)
{
    (void)state;
    config_defaults(&cfg);
    return 0;
}

static void ids_are_found(void **state)
{
    (void)state;
    const struct env_family *f;
    const char *name;
    assert_ok(env_find("minigrid:DoorKey-8x8", &f, &name, &err));
    assert_string_equal(f->family, "minigrid");
    assert_string_equal(name, "DoorKey-8x8");
    assert_ok(env_find("corridor", &f, &name, &err));
    assert_string_equal(f->family, "corridor");
    assert_string_equal(name, "");
}

static void misspelt_ids_are_answered_with_the_nearest_one(void **state)
{
    (void)state;
    struct env *e;
    assert_err(env_create(&e, "minigrid:KeyCoridorS3R3", &cfg, 0, &err), ONIC_ECONFIG,
               "minigrid:KeyCorridorS3R3");
    assert_null(e);
    assert_err(env_create(&e, "minigird:Unlock", &cfg, 0, &err), ONIC_ECONFIG, "minigrid:Unlock'");
    assert_err(env_create(&e, "FourRooms", &cfg, 0, &err), ONIC_ECONFIG, "minigrid:FourRooms");
    assert_err(env_create(&e, "coridor", &cfg, 0, &err), ONIC_ECONFIG, "'corridor'");
    assert_err(env_create(&e, "", &cfg, 0, &err), ONIC_ECONFIG, "onic env list");
}

/* The spelling of the libraries that the worlds come from is no other word. */
static void ids_of_other_libraries_are_answered_with_ours(void **state)
{
    (void)state;
    struct env *e;
    assert_err(env_create(&e, "MiniGrid-KeyCorridorS3R3-v0", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'minigrid:KeyCorridorS3R3'");
    assert_err(env_create(&e, "NetHackScore-v0", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'nethack:Score'");
    assert_err(env_create(&e, "doorkey-8X8", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'minigrid:DoorKey-8x8'");
    assert_err(env_create(&e, "CartPole-v1", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'cartpole'");
    assert_err(env_create(&e, "Pendulum-v1", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'pendulum'");
    assert_err(env_create(&e, "KeyCorridor", &cfg, 0, &err), ONIC_ECONFIG,
               "nearest name is 'minigrid:KeyCorridorS3R");
}

static void what_is_like_nothing_is_told_what_there_is(void **state)
{
    static const char *const ids[] = {"MountainCar-v0", "ALE/Pong-v5", "HalfCheetah", "x", ""};
    (void)state;
    struct env *e;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct onic_err err = {0};
        assert_int_equal(env_create(&e, ids[i], &cfg, 0, &err), ONIC_ECONFIG);
        assert_null(strstr(err.msg, "nearest"));
        assert_non_null(strstr(err.msg, "minigrid ("));
        assert_non_null(strstr(err.msg, "nethack ("));
        assert_non_null(strstr(err.msg, "corridor ("));
        assert_non_null(strstr(err.msg, "`onic env list` shows all"));
        assert_non_null(strstr(err.msg, "--env.plugin=FILE"));
    }
    struct onic_err err = {0};
    assert_int_equal(env_create(&e, "minigrid:SpaceInvaders", &cfg, 0, &err), ONIC_ECONFIG);
    assert_non_null(strstr(err.msg, "for example minigrid:"));
    assert_null(strstr(err.msg, "nethack")); /* the family is known */
}

static void fields_follow_the_option(void **state)
{
    (void)state;
    assert_true(env_wants_field(cfg.env_obs, "image", "image,direction"));
    assert_false(env_wants_field(cfg.env_obs, "mission", "image,direction"));
    assert_false(env_wants_field(cfg.env_obs, "imag", "image,direction"));
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "all");
    assert_true(env_wants_field(cfg.env_obs, "mission", "image,direction"));
    snprintf(cfg.env_obs, sizeof cfg.env_obs, " mission , blstats");
    assert_true(env_wants_field(cfg.env_obs, "mission", "image"));
    assert_true(env_wants_field(cfg.env_obs, "blstats", "image"));
    assert_false(env_wants_field(cfg.env_obs, "image", "image"));
}

static void unknown_fields_are_refused(void **state)
{
    (void)state;
    struct env *e;
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "image,imgae");
    assert_err(env_create(&e, "minigrid:Unlock", &cfg, 0, &err), ONIC_ECONFIG, "'imgae'");
    assert_null(e);
}

static void a_plugin_adds_a_family(void **state)
{
    (void)state;
    const char *build = getenv("ONIC_BUILD");
    assert_non_null(build);
    int before = env_family_count();
    struct vec_env *v;
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "%s/tests/plugin_env.so", build);
    snprintf(cfg.env_id, sizeof cfg.env_id, "coin");
    assert_ok(vec_env_open(&v, &cfg, 0, 0, &err));
    assert_int_equal(vec_env_count(v), 4);
    assert_int_equal(env_family_count(), before + 1); /* four environments, one loading */
    uint8_t obs[4 * 8];
    struct env_result r[4];
    assert_ok(vec_env_reset_all(v, obs, r, &err));
    assert_ok(vec_env_step(v, (const union action_cell[]){{0}, {1}, {1}, {0}}, obs, r, &err));
    assert_true(r[1].terminated && r[1].success && !r[0].success);
    assert_string_equal(r[2].caption, "The coin shows heads.");
    assert_int_equal(vec_env_snapshot_bytes(v), 0);
    vec_env_free(v);
}

static void broken_plugins_are_one_sentence(void **state)
{
    (void)state;
    struct env *e;
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "/nonexistent/plugin.so");
    assert_err(env_create(&e, "corridor", &cfg, 0, &err), ONIC_ECONFIG, "/nonexistent/plugin.so");
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "libm.so.6");
    assert_err(env_create(&e, "corridor", &cfg, 0, &err), ONIC_ECONFIG, "no function onic_env");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ids_are_found, defaults),
        cmocka_unit_test_setup(misspelt_ids_are_answered_with_the_nearest_one, defaults),
        cmocka_unit_test_setup(ids_of_other_libraries_are_answered_with_ours, defaults),
        cmocka_unit_test_setup(what_is_like_nothing_is_told_what_there_is, defaults),
        cmocka_unit_test_setup(fields_follow_the_option, defaults),
        cmocka_unit_test_setup(unknown_fields_are_refused, defaults),
        cmocka_unit_test_setup(a_plugin_adds_a_family, defaults),
        cmocka_unit_test_setup(broken_plugins_are_one_sentence, defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
