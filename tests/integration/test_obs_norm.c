/* SPDX-License-Identifier: MIT */
/* test_obs_norm.c - policy.obs_norm end to end: what is normalised by travels with the weights and
 * lies in the checkpoint, so a run in two lives is the run in one, and eval plays what was trained.
 */
#include <jansson.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

#define USUAL                                                                                      \
    "train --run-dir=run --deterministic --seed=1 --actors.count=1 --env.id=pendulum "             \
    "--reward.model=none --policy.core=none --train.lr=0.002 --train.epochs=4 "

static void run_well(struct scene *s, const char *args)
{
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("onic %s: %d\n%s", args, code, program_text(s->a.err));
}

/* A number that hardly two policies share. */
static double measured(struct scene *s)
{
    run_well(s, "eval run --episodes=50 --seed=5 --json=-");
    json_t *o = json_loads(program_text(s->a.out), 0, NULL);
    double mean = json_number_value(json_object_get(json_object_get(o, "return"), "mean"));
    assert_non_null(o);
    json_decref(o);
    return mean;
}

static void a_run_in_two_lives_is_one_in_one(void **state)
{
    struct scene *s = *state;
    run_well(s, USUAL "--policy.obs_norm=true --frames=40000");
    run_well(s, USUAL "--frames=80000");
    double continued = measured(s);
    scene_fails_within(s, "onic", USUAL "--policy.obs_norm=false --frames=90000", 64,
                       "\"obs_norm.mean [1,3]\" then, \"mlp.w1 [3,64]\" now", 4);
    assert_close(measured(s), continued, 0, 0);
    run_well(s, USUAL "--policy.obs_norm=true --frames=80000 --on-exists=overwrite");
    assert_close(measured(s), continued, 0, 0);
}

static void nothing_to_normalise_is_one_sentence(void **state)
{
    struct scene *s = *state;
    scene_fails_within(
        s, "onic", "train --run-dir=run --policy.obs_norm=true", 64,
        "policy.obs_norm is for float32 fields that the network mlp or pixels reads, and "
        "grid-small reads none here; leave it off",
        4);
    scene_fails_within(s, "onic", "train --run-dir=run --env.id=corridor --policy.obs_norm=true",
                       64, "mlp reads none here", 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_in_two_lives_is_one_in_one),
        TEST(nothing_to_normalise_is_one_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
