/* SPDX-License-Identifier: MIT */
/* test_compare.c - `onic compare` of run directories that are as they should be, and of others. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

static void write_in(const struct scene *s, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    files_write(path, text);
}

static const char *text_in(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return program_text(path);
}

static void assert_said(const struct scene *s, const char *part)
{
    if (!strstr(program_text(s->a.err), part))
        fail_msg("nobody said '%s':\n%s", part, program_text(s->a.err));
}

static void make_run(const struct scene *s, const char *name, const char *env, const char *metrics)
{
    char path[100], text[300];
    snprintf(path, sizeof path, "/%s/config.yaml", name);
    snprintf(text, sizeof text, "env:\n  id: '%s'\nrun:\n  seed: 1\n  frames: 300\n", env);
    files_make(s->dir, path, text);
    snprintf(path, sizeof path, "/%s/metrics.jsonl", name);
    files_make(s->dir, path, metrics);
}

static const char LINES[] = "{\"wall_s\":1,\"env_steps\":100,\"policy_stats/success_rate\":0.5}\n"
                            "{\"wall_s\":2,\"env_steps\":200,\"policy_stats/success_rate\":NaN}\n"
                            "{\"wall_s\":3,\"env_steps\":300,\"policy_stats/success_rate\":0.75}\n"
                            "{\"wall_s\":4,\"env_st";

static void odd_runs_are_named_and_the_others_compared(void **state)
{
    struct scene *s = *state;
    make_run(s, "r/a", "corridor", LINES);
    make_run(s, "r/b", "minigrid:DoorKey-5x5", LINES);
    make_run(s, "r/young", "corridor", "");
    make_run(s, "r/broken", "corridor", LINES);
    write_in(s, "r/broken/config.yaml", "env: {id: [1]}\n");
    write_in(s, "r/broken/version.txt", "2030-01-01T00:00:00Z onic 9.9.9 (git x)\n");
    write_in(s, "r/a/version.txt", "2020-01-01T00:00:00Z onic 0.0.1 (git x)\n");
    assert_int_equal(
        program_run(&s->a, s->dir, "c", "onic", "compare r --json=c.json", SCENE_LONG_MS), 74);
    assert_said(s, "r/broken was written by onic 9.9.9 and cannot be read");
    assert_said(s, "r/young has not trained yet");
    assert_said(s, "the runs are of 2 environments, which are compared apart");
    assert_said(s, "r/a of onic 0.0.1");
    assert_int_equal(program_lines(&s->a), 4);
    assert_non_null(strstr(program_text(s->a.out), "0.75"));
    assert_non_null(strstr(text_in(s, "c.json"), "\"last\":{\"iqm\":0.75"));
}

static void what_cannot_be_compared_is_one_sentence(void **state)
{
    struct scene *s = *state;
    make_run(s, "a", "corridor", LINES);
    write_in(s, "file", "x");
    make_run(s, "empty/young", "corridor", "");
    scene_fails(s, "onic", "compare", 64, "name run directories");
    scene_fails(s, "onic", "compare nowhere", 64, "nowhere");
    scene_fails(s, "onic", "compare file", 64, "file is a text file");
    scene_fails(s, "onic", "compare a --metric=no/such", 64, "no run of corridor has the metric");
    scene_fails(s, "onic", "compare a --metric=polcy_stats/succes_rate", 64,
                "did you mean policy_stats/success_rate?");
    scene_fails(s, "onic", "compare a --metric=sucess", 64, "did you mean success?");
    scene_fails(s, "onic", "compare a --metric=success_rate", 64,
                "did you mean policy_stats/success_rate?");
    scene_fails(s, "onic", "compare a --x=hours", 64, "there are frames and seconds");
    scene_fails(s, "onic", "compare a --out=c.pdf", 64, ".svg, .png, .html or .md");
    scene_fails(s, "onic", "compare a --out=no/c.svg", 73, "no/c.svg cannot be written");
    scene_fails(s, "onic", "compare a --thresold=1", 64, "did you mean '--threshold'?");
    scene_fails_within(s, "onic", "compare empty", 64, "no run yet that has trained", 2);
    files_make(s->dir, "/hollow/log/x", "x");
    scene_fails(s, "onic", "compare hollow", 64, "neither a run directory nor a folder");
}

/* Of the files themselves: the last metrics are the columns', statistics are of eval.json. */
static void columns_come_from_metrics_and_evaluation(void **state)
{
    struct scene *s = *state;
    make_run(s, "r/x-s1", "corridor",
             "{\"wall_s\":1,\"env_steps\":100,\"reward/reward\":1,\"train/kl\":0.5}\n"
             "{\"wall_s\":2,\"env_steps\":200,\"reward/reward\":2,\"train/kl\":0.125}\n");
    write_in(s, "r/x-s1/eval.json",
             "{\"episodes\":4,\"return\":{\"mean\":3},"
             "\"length\":{\"mean\":7},\"stats\":{\"score\":{\"mean\":11}}}");
    scene_succeeds(s, "compare r --names --columns=train/kl:max,train/kl,eval/score,eval/length "
                      "--out=table.md --metric=train/kl");
    assert_string_equal(
        text_in(s, "table.md"),
        "| corridor | runs | train/kl in training | return | frames | seconds | "
        "train/kl:max | train/kl | eval/score | eval/length | by run |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n"
        "| x | 1 | 0.12 | 2.00 | 200 | 2.00 | 0.50 | 0.12 | 11.0 | 7.00 | 0.125 |\n");
    scene_fails(s, "onic", "compare r --columns=eval/skore", 64, "no run has eval/skore");
}

/* Else its figures are those of the training, unsaid; and a pipe has no end. */
static void an_evaluation_that_cannot_be_read_is_said(void **state)
{
    struct scene *s = *state;
    char path[400];
    make_run(s, "r/a", "corridor", LINES);
    make_run(s, "r/b", "corridor", LINES);
    write_in(s, "r/a/eval.json", "{\"episodes\":4,\"return\":{\"mean\":3");
    snprintf(path, sizeof path, "%s/r/b/eval.json", s->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    scene_succeeds(s, "compare r --metric=success");
    assert_said(s, "r/a/eval.json is damaged: it is no JSON; the run counts as one that was not "
                   "evaluated");
    assert_said(s, "r/b/eval.json is a pipe, not a regular file; the run counts as one that was "
                   "not evaluated");
}

/* At its frames or its success a run is done; the table's own word names a metric. */
static void only_what_is_not_at_its_end_is_named(void **state)
{
    struct scene *s = *state;
    make_run(s, "r/x-s1", "corridor", LINES);
    make_run(s, "r/x-s2", "corridor", LINES);
    make_run(s, "r/x-s3", "corridor", LINES);
    write_in(s, "r/x-s1/config.yaml", "env: {id: corridor}\nrun: {seed: 1, frames: 300}\n");
    write_in(s, "r/x-s2/config.yaml",
             "env: {id: corridor}\nrun: {seed: 2, frames: 900}\nstop: {success: 0.7}\n");
    write_in(s, "r/x-s3/config.yaml", "env: {id: corridor}\nrun: {seed: 3, frames: 301}\n");
    scene_succeeds(s, "compare r --names --metric=success");
    assert_said(s, "1 of the 3 runs (r/x-s3 after 300 of 301 frames) is not at the end");
    assert_non_null(strstr(program_text(s->a.out), "corridor: success in training"));
    scene_succeeds(s, "compare r/x-s1 r/x-s2 --names");
    assert_null(strstr(program_text(s->a.err), "not at the end"));
}

/* With a gnuplot that is none: what is missing is said, and what to do without it. */
static void a_png_needs_gnuplot(void **state)
{
    struct scene *s = *state;
    char line[600];
    make_run(s, "a", "corridor", LINES);
    snprintf(line, sizeof line, "PATH=/nowhere exec %s/onic compare a --out=c.png",
             getenv("ONIC_BUILD"));
    program_start_shell(&s->a, s->dir, "png", line);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 64);
    assert_said(s, "gnuplot, which is not installed");
    /* draws what it is told */
    scene_script(s, "gnuplot", "#!/bin/sh\n/bin/cat\necho \"secret: $SOME_API_KEY.\"\n");
    snprintf(line, sizeof line, "SOME_API_KEY=sesame PATH=%s exec %s/onic compare a --out=c.png",
             s->dir, getenv("ONIC_BUILD"));
    program_start_shell(&s->a, s->dir, "png", line);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 0);
    assert_non_null(strstr(text_in(s, "c.png"), "set title 'corridor'"));
    assert_non_null(strstr(text_in(s, "c.png"), "secret: ."));
    scene_script(s, "gnuplot", "#!/bin/sh\n/bin/cat >/dev/null\nexit 1\n");
    program_start_shell(&s->a, s->dir, "png", line);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 74);
    assert_said(s, "gnuplot drew no picture (what it said is above); --out=FILE.svg needs no "
                   "gnuplot");
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(odd_runs_are_named_and_the_others_compared),
        SCENE(what_cannot_be_compared_is_one_sentence),
        SCENE(columns_come_from_metrics_and_evaluation),
        SCENE(an_evaluation_that_cannot_be_read_is_said),
        SCENE(only_what_is_not_at_its_end_is_named),
        SCENE(a_png_needs_gnuplot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
