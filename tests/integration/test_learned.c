/* SPDX-License-Identifier: MIT */
/* test_learned.c - a run whose labels taught the reward model nothing says so at its end, in the
 * terminal. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

static const char *trained(struct scene *s, const char *more)
{
    char args[900];
    snprintf(args, sizeof args,
             "train --run-dir=run --deterministic --env.count=8 --train.batch=1024 "
             "--actors.count=1 --stop.success=0 --metrics.panel=false %s",
             more);
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("%d: %s", code, program_text(s->a.err));
    return program_text(s->a.err);
}

/* With a rate of 0 a network can only guess. */
static void a_classifier_that_ends_at_the_base_rate_warns(void **state)
{
    const char *said = trained(*state, "--frames=60000 --reward.model=classifier --reward.lr=0 "
                                       "--reward.steps_per_arrival=20 --reward.steps_max=100 "
                                       "--annotator.id=random");
    assert_non_null(strstr(said, "the reward model did not learn from its labels why="));
    assert_non_null(strstr(said, "next to nothing was learned"));
    assert_non_null(strstr(said, "reward.train_share"));
}

static void labels_that_all_say_the_same_warn(void **state)
{
    struct scene *s = *state;
    char path[600];
    snprintf(path, sizeof path, "%s/zero.yaml", s->dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("positive: [a]\nnegative: [b]\nrules:\n  - \"what is never said\": 1\n", f);
    fclose(f);
    const char *said = trained(s, "--frames=60000 --reward.model=hash --annotator.id=rules "
                                  "--annotator.goal=zero.yaml");
    assert_non_null(strstr(said, "labels are 0: all captions are worth the same"));
    assert_non_null(strstr(said, "warn learner the intrinsic reward why=\"reward.model=hash paid "
                                 "nothing in the last")); /* long before */
    assert_non_null(strstr(said, "what it pays is decided by annotator.goal"));
}

static void a_run_that_learned_says_nothing(void **state)
{
    const char *said = trained(*state, "--frames=60000 --reward.model=classifier --reward.lr=0.003 "
                                       "--reward.steps_per_arrival=20 --reward.steps_max=100 "
                                       "--annotator.id=rules");
    assert_null(strstr(said, "did not learn"));
}

/* Labels of a coin that always says yes, paid far above the task. */
static void an_intrinsic_share_that_drowns_the_task_warns(void **state)
{
    const char *said = trained(
        *state, "--frames=60000 --env.id=corridor:8 --reward.model=hash --annotator.id=random "
                "--random.probability=1 --reward.coef_int=100 --train.lr=1e-5 "
                "--reward.count_power=0");
    assert_non_null(strstr(said, "of what the policy is paid is intrinsic"));
    assert_non_null(strstr(said, "a reward.coef_int below 100"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_classifier_that_ends_at_the_base_rate_warns),
        TEST(labels_that_all_say_the_same_warn),
        TEST(a_run_that_learned_says_nothing),
        TEST(an_intrinsic_share_that_drowns_the_task_warns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
