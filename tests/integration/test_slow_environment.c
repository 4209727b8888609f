/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_slow_environment.c - environments that take longer than a lease, all of a vector together or
 * one in one step: their actor is heard meanwhile, so it keeps its place. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

static void keeps_its_place(struct scene *s)
{
    static const char *const complaints[] = {"lost: lease expired", "paused for", "step hung"};
    for (int i = 0; i < 3; i++)
        if (strstr(program_text(s->a.err), complaints[i]))
            fail_msg("%s", program_text(s->a.err));
}

static void train_slow(struct scene *s, const char *more)
{
    char args[900];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.plugin=%s/tests/slow_env.so --env.id=slow "
             "--actors.count=1 --train.batch=16 --frames=1000000 --reward.model=none "
             "--metrics.every_s=0.2 --dashboard.listen=off %s",
             getenv("ONIC_BUILD"), more);
    program_start(&s->a, s->dir, "a", "onic", args);
}

/* 16 x 0.7 s: longer than a lease (10 s) and, by step_timeout_s, than a step that hangs. */
static void a_vector_that_takes_longer_than_a_lease_keeps_the_place(void **state)
{
    struct scene *s = *state;
    train_slow(s, "--plugin.us=700000 --env.count=16 --actors.step_timeout_s=5 --train.rollout=1");
    scene_await_metric(s, "env_steps", 15);
    keeps_its_place(s);
}

static void one_step_that_takes_longer_than_a_lease_keeps_the_place(void **state)
{
    struct scene *s = *state;
    train_slow(s, "--plugin.us=1000 --plugin.long_s=12 --env.count=2 --train.rollout=8");
    scene_await_metric(s, "env_steps", 40); /* it is in the second trajectory */
    keeps_its_place(s);
    scene_assert_holds(program_text(s->a.err),
                       "one step or reset of an environment takes long; its actor keeps its place "
                       "until actors.step_timeout_s env=\"slow\" for_s=10 limit_s=30");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vector_that_takes_longer_than_a_lease_keeps_the_place,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(one_step_that_takes_longer_than_a_lease_keeps_the_place,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
