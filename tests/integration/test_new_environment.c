/* SPDX-License-Identifier: MIT */
/* test_new_environment.c - what an environment of somebody else's meets: a plug-in for which no
 * goal file was written. Without language it trains; with language it is told what to write. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

static const char goal[] = "positive: [The coin shows heads.]\nnegative: [The coin shows tails.]\n"
                           "rules:\n  - \"*heads.\": 1\n";

static void write_file(const struct scene *s, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void train_coin(char out[900], const char *more)
{
    snprintf(out, 900,
             "train --run-dir=run --env.plugin=%s/tests/plugin_env.so --env.id=coin --frames=20000 "
             "--actors.count=1 %s",
             getenv("ONIC_BUILD"), more);
}

static void trains(struct scene *s, const char *more)
{
    char args[900];
    train_coin(args, more);
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("%s: %d\n%s", more, code, program_text(s->a.err));
}

static void is_refused(struct scene *s, const char *more, const char *part)
{
    char args[900], run[600];
    train_coin(args, more);
    scene_fails(s, "onic", args, 64, part);
    snprintf(run, sizeof run, "%s/run", s->dir);
    assert_int_equal(access(run, F_OK), -1); /* nothing is left that the next command would meet */
}

static void without_language_it_needs_no_goals(void **state)
{
    trains(*state, "--reward.model=none --on-exists=overwrite");
    trains(*state, "--reward.model=counts --on-exists=overwrite");
    trains(*state, "--reward.model=rnd --on-exists=overwrite");
}

static void with_language_it_is_told_what_to_write(void **state)
{
    struct scene *s = *state;
    is_refused(s, "--annotator.id=rules", "there are no goals for \"coin\"");
    assert_non_null(strstr(program_text(s->a.err), "--annotator.goal=./FILE.yaml"));
    write_file(s, "slip.yaml", "postive: [The coin shows heads.]\n");
    is_refused(s, "--annotator.id=rules --annotator.goal=slip.yaml",
               "slip.yaml:1: unknown key 'postive', did you mean 'positive'?");
}

/* A goal file alone: no folder of a domain, no pool of captions. */
static void a_goal_file_is_all_that_rules_need(void **state)
{
    struct scene *s = *state;
    write_file(s, "heads.yaml", goal);
    trains(s, "--annotator.id=rules --annotator.goal=heads.yaml");
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", "labels export run", SCENE_SOON_MS),
                     0);
    assert_non_null(strstr(program_text(s->b.out), "\"goal\":\"coin/heads\""));
}

static void who_goes_by_no_goal_needs_none(void **state)
{
    struct scene *s = *state;
    trains(s, "--annotator.id=random");
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", "labels export run", SCENE_SOON_MS),
                     0);
    assert_non_null(strstr(program_text(s->b.out), "\"goal\":\"coin/unstated\""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_language_it_needs_no_goals),
        TEST(with_language_it_is_told_what_to_write),
        TEST(a_goal_file_is_all_that_rules_need),
        TEST(who_goes_by_no_goal_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
