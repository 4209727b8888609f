/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_slow_environment.c - environments of which each is quick enough and all together are not: an
 * actor is heard between two of them, so it keeps its place. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

/* 16 x 0.7 s: longer than a lease (10 s) and, by step_timeout_s, than a step that hangs. */
static void a_vector_that_takes_longer_than_a_lease_keeps_the_place(void **state)
{
    struct scene *s = *state;
    char args[900];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.plugin=%s/tests/slow_env.so --env.id=slow "
             "--plugin.us=700000 --env.count=16 --actors.count=1 --actors.step_timeout_s=5 "
             "--train.rollout=1 --train.batch=16 --frames=1000000 --reward.model=none "
             "--metrics.every_s=0.2 --dashboard.listen=off",
             getenv("ONIC_BUILD"));
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "env_steps", 15);
    static const char *const complaints[] = {"lost: lease expired", "paused for", "step hung"};
    for (int i = 0; i < 3; i++)
        if (strstr(program_text(s->a.err), complaints[i]))
            fail_msg("%s", program_text(s->a.err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vector_that_takes_longer_than_a_lease_keeps_the_place,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
