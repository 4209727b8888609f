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
             "train --run-dir=run --env.plugin=%s/tests/plugin_env.so --env.id=coin "
             "--actors.count=1 %s",
             getenv("ONIC_BUILD"), more);
}

static void trains(struct scene *s, const char *model)
{
    char more[200], args[900];
    snprintf(more, sizeof more, "--frames=20000 --on-exists=overwrite --reward.model=%s", model);
    train_coin(args, more);
    int code = program_run(&s->a, s->dir, "a", "onic", args, SCENE_LONG_MS);
    if (code != 0)
        fail_msg("%s: %d\n%s", more, code, program_text(s->a.err));
}

/* Trains until there is a label, of this goal. */
static void is_labelled(struct scene *s, const char *more, const char *goal_name)
{
    char with[400], args[900];
    snprintf(with, sizeof with, "--frames=1000000000 --metrics.every_s=0.2 %s", more);
    train_coin(args, with);
    program_start(&s->a, s->dir, "a", "onic", args);
    scene_await_metric(s, "annot/labels_total", 0);
    scene_drain(&s->a);
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", "labels export run", SCENE_SOON_MS),
                     0);
    assert_non_null(strstr(program_text(s->b.out), goal_name));
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
    trains(*state, "none");
    trains(*state, "counts");
    trains(*state, "rnd");
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
    write_file(*state, "heads.yaml", goal);
    is_labelled(*state, "--annotator.id=rules --annotator.goal=heads.yaml",
                "\"goal\":\"coin/heads\"");
}

/* Nobody but the sentence model reads a pool; that one refuses what is none. */
static void a_pool_that_is_no_good_is_refused_by_who_reads_it(void **state)
{
    struct scene *s = *state;
    write_file(s, "heads.yaml", goal);
    write_file(s, "pool.txt", "The coin shows heads.\n");
    write_file(s, "words.vec", "2 2\nheads 1 0\ntails 0 1\n");
    is_refused(s,
               "--annotator.id=embedding --embedding.source=file --embedding.vectors=words.vec "
               "--annotator.goal=heads.yaml",
               "./pool.txt has 1 captions");
    is_labelled(s, "--annotator.id=rules --annotator.goal=heads.yaml", "\"goal\":\"coin/heads\"");
}

static void who_goes_by_no_goal_needs_none(void **state)
{
    is_labelled(*state, "--annotator.id=random", "\"goal\":\"coin/unstated\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_language_it_needs_no_goals),
        TEST(with_language_it_is_told_what_to_write),
        TEST(a_goal_file_is_all_that_rules_need),
        TEST(a_pool_that_is_no_good_is_refused_by_who_reads_it),
        TEST(who_goes_by_no_goal_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
