/* SPDX-License-Identifier: MIT */
/* test_sweep.c - `onic sweep` with real runs: what is done stays done, what was stopped goes on,
 * and the comparison of what came out. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

static const char FILE_OF_TWO[] =
    "options: {env.id: corridor, annotator.id: rules, actors.count: 1, env.count: 8,\n"
    "          train.batch: 512, train.threads: 1, metrics.every_s: 0.2, run.frames: 20000}\n"
    "seeds: [1, 2]\n"
    "grid:\n"
    "  reward:\n"
    "    hash: {reward.model: hash}\n"
    "    none: {reward.model: none, reward.coef_int: 0}\n"
    "eval: {episodes: 20}\n";

static void write_in(const struct scene *s, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    files_write(path, text);
}

static bool there_is(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return access(path, F_OK) == 0;
}

static const char *text_in(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return program_text(path);
}

static double steps_of(const struct scene *s, const char *run)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, run);
    return metrics_last(path, "env_steps");
}

static int sweep(struct scene *s, const char *args)
{
    char line[600];
    snprintf(line, sizeof line, "sweep %s", args);
    return program_run(&s->a, s->dir, "sweep", "onic", line, SCENE_LONG_MS);
}

static void assert_said(const struct scene *s, const char *part)
{
    if (!strstr(program_text(s->a.err), part))
        fail_msg("nobody said '%s':\n%s", part, program_text(s->a.err));
}

static const char *const RUNS[] = {"hash-s1", "hash-s2", "none-s1", "none-s2"};

static void all_runs_are_trained_once_and_compared(void **state)
{
    struct scene *s = *state;
    char name[100];
    write_in(s, "two.yaml", FILE_OF_TWO);
    assert_int_equal(sweep(s, "two.yaml --jobs=2"), 0);
    assert_said(s, "4 of 4 runs are done");
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "runs/two/%s", RUNS[i]);
        assert_true(steps_of(s, name) >= 20000);
        snprintf(name, sizeof name, "runs/two/%s/eval.json", RUNS[i]);
        assert_non_null(strstr(text_in(s, name), "\"episodes\":20"));
    }
    assert_non_null(strstr(text_in(s, "runs/two/none-s2/config.yaml"), "model: 'none'"));
    assert_int_equal(sweep(s, "two.yaml"), 0); /* nothing is repeated */
    assert_said(s, "4 runs in runs/two, 4 done");
    assert_null(strstr(program_text(s->a.err), "begins"));
    assert_null(strstr(program_text(s->a.err), "goes on"));
    assert_int_equal(sweep(s, "two.yaml --dry-run"), 0);
    assert_string_equal(program_text(s->a.out), "");
    assert_int_equal(program_run(&s->a, s->dir, "compare", "onic",
                                 "compare runs/two --out=c.svg --html=c.html", SCENE_LONG_MS),
                     0);
    const char *table = program_text(s->a.out);
    assert_non_null(strstr(table, "corridor: "));
    assert_non_null(strstr(table, "reward.model=hash"));
    assert_non_null(strstr(table, "reward.model=none"));
    assert_null(strstr(table, "seed"));
    /* how many rows of metrics so short a run has depends on the machine: perhaps no curve */
    assert_non_null(strstr(text_in(s, "c.svg"), "reward.model=hash"));
    assert_non_null(strstr(text_in(s, "c.html"), "reward.model=none reward.coef_int=0"));
}

/* By name, and what was not asked for is no run that is left. */
static void only_the_runs_that_were_asked_for_are_trained(void **state)
{
    struct scene *s = *state;
    write_in(s, "two.yaml", FILE_OF_TWO);
    assert_int_equal(sweep(s, "two.yaml --only=hash-s2,none-* --dry-run"), 0);
    assert_said(s, "3 runs in runs/two, 0 done");
    assert_null(strstr(program_text(s->a.out), "hash-s1"));
    assert_int_equal(sweep(s, "two.yaml --only=*-s2 --frames=2000"), 0);
    assert_said(s, "2 of 2 runs are done");
    assert_true(there_is(s, "runs/two/hash-s2/eval.json"));
    assert_true(there_is(s, "runs/two/none-s2/eval.json"));
    assert_false(there_is(s, "runs/two/hash-s1"));
    scene_fails(s, "onic", "sweep two.yaml --only=*-s2,hsh-*", 64, "is called 'hsh-*'");
}

static void clear(const struct scene *s, const char *name)
{
    char line[600];
    struct program rm;
    snprintf(line, sizeof line, "rm -r %s/%s", s->dir, name);
    program_start_shell(&rm, s->dir, "rm", line);
    assert_int_equal(program_wait(&rm, SCENE_SOON_MS), 0);
}

/* What is kept of a finished run is enough to compare it and not to repeat it. */
static void a_kept_run_is_not_repeated(void **state)
{
    struct scene *s = *state;
    char text[sizeof FILE_OF_TWO + 100], here[400];
    snprintf(text, sizeof text, "%skeep: few/kept\n", FILE_OF_TWO);
    snprintf(here, sizeof here, "two.yaml --only=*-s1 --run-dir=%s/runs/two", s->dir);
    memcpy(strstr(text, "20000}"), "3000} ", 6);
    write_in(s, "two.yaml", text);
    assert_int_equal(sweep(s, "two.yaml --only=*-s1 --frames=2000"), 0); /* no run of the file */
    assert_said(s, "nothing is kept in few/kept");
    assert_false(there_is(s, "few"));
    assert_int_equal(sweep(s, here), 0);
    assert_non_null(strstr(text_in(s, "runs/two/hash-s1/config.yaml"), s->dir));
    assert_non_null(strstr(text_in(s, "few/kept/hash-s1/config.yaml"), "model: 'hash'"));
    assert_null(strstr(text_in(s, "few/kept/hash-s1/config.yaml"), s->dir));
    assert_non_null(strstr(text_in(s, "few/kept/hash-s1/eval.json"), "\"trained_env_steps\":3"));
    assert_null(strstr(text_in(s, "few/kept/hash-s1/metrics.jsonl"), "perf/_fps"));
    clear(s, "runs");
    assert_int_equal(sweep(s, "two.yaml"), 0);
    assert_said(s, "4 runs in runs/two, 2 done");
    assert_said(s, "4 of 4 runs are done");
    assert_false(there_is(s, "runs/two/hash-s1"));
    clear(s, "few/kept/hash-s2"); /* as if it were trained by somebody else */
    assert_int_equal(sweep(s, "two.yaml"), 0);
    assert_null(strstr(program_text(s->a.err), "begins"));
    assert_true(there_is(s, "few/kept/hash-s2/config.yaml"));
    assert_said(s, "compare few/kept` compares the runs"); /* they have no directories */
    scene_succeeds(s, "compare few/kept --names --out=table.md");
    assert_non_null(strstr(text_in(s, "table.md"), "| hash | 2 | "));
    assert_non_null(strstr(text_in(s, "table.md"), "| none | 2 | "));
}

/* In the place of the first `was` of the file of a sweep whose runs are kept. */
static void refuses_what_is_kept(struct scene *s, const char *was, const char *is, const char *said)
{
    char text[sizeof FILE_OF_TWO + 100], *at;
    snprintf(text, sizeof text, "%skeep: few/kept\n", FILE_OF_TWO);
    at = strstr(text, was);
    assert_non_null(at);
    assert_int_equal(strlen(was), strlen(is));
    memcpy(at, is, strlen(is));
    write_in(s, "two.yaml", text);
    scene_fails(s, "onic", "sweep two.yaml --dry-run", 64, said);
    scene_fails(s, "onic", "sweep two.yaml", 64, said);
}

/* Whatever would make the run another one, named by the file, or named by it no longer. */
static void what_is_kept_of_another_run_is_refused(void **state)
{
    struct scene *s = *state;
    char text[sizeof FILE_OF_TWO + 100];
    snprintf(text, sizeof text, "%skeep: few/kept\n", FILE_OF_TWO);
    write_in(s, "two.yaml", text);
    assert_int_equal(sweep(s, "two.yaml --only=hash-s1"), 0);
    assert_true(there_is(s, "few/kept/hash-s1/config.yaml"));
    refuses_what_is_kept(s, "512", "256",
                         "few/kept/hash-s1 is kept of a run with train.batch=512, and two.yaml "
                         "gives it 256");
    refuses_what_is_kept(s, "env.count: 8,", "             ",
                         "few/kept/hash-s1 is kept of a run with env.count=8, and two.yaml gives "
                         "it 0");
    refuses_what_is_kept(s, "annotator.id: rules, ", "                     ",
                         "with annotator.id=rules, and two.yaml gives it auto");
    refuses_what_is_kept(s, ", run.frames: 20000", ", run.frames: 40000", "run.frames=20000");
    refuses_what_is_kept(s, "episodes: 20", "episodes: 30",
                         "few/kept/hash-s1 is kept with an evaluation of 20 episodes, and "
                         "two.yaml asks for 30");
}

/* More frames make the same runs longer; another learning rate would make them other runs. */
static void a_folder_is_of_one_sweep(void **state)
{
    struct scene *s = *state;
    char text[sizeof FILE_OF_TWO];
    memcpy(text, FILE_OF_TWO, sizeof text);
    memcpy(strstr(text, "[1, 2]"), "[1]   ", 6); /* half as many runs */
    write_in(s, "two.yaml", text);
    assert_int_equal(sweep(s, "two.yaml --frames=2000"), 0);
    assert_int_equal(sweep(s, "two.yaml --train.lr=0.01"), 64);
    assert_said(s, "train.lr=(default)");
    assert_int_equal(sweep(s, "two.yaml --train.batch=256"), 64);
    assert_said(s, "train.batch=512, and two.yaml gives it 256");
    write_in(s, "other.yaml", "options: {env.id: corridor, run.frames: 2000}\nseeds: [1]\n");
    assert_int_equal(sweep(s, "other.yaml --run-dir=runs/two"), 64);
    assert_said(s, "runs/two holds runs of another sweep");
    assert_false(there_is(s, "runs/two/s1"));
    assert_int_equal(sweep(s, "other.yaml --run-dir=runs"), 73);
    assert_said(s, "not the folder of a sweep");
    assert_int_equal(sweep(s, "runs/two"), 64); /* its copy runs nothing */
    assert_said(s, "give its file, two.yaml");
    assert_int_equal(sweep(s, "two.yaml --frames=4000 --dashboard.listen=127.0.0.1:*"), 0);
    assert_said(s, "goes on");
    assert_true(steps_of(s, "runs/two/hash-s1") >= 4000);
    assert_non_null(strstr(text_in(s, "runs/two/hash-s1/eval.json"), "\"trained_env_steps\":4"));
}

/* Heard twice, at once: by a terminal's foreground, and from whoever is in front of it. */
static void stop_with_an_echo(pid_t sweep)
{
    kill(sweep, SIGSTOP); /* until both are there */
    kill(sweep, SIGINT);
    kill(sweep, SIGTERM);
    kill(sweep, SIGCONT);
}

static void a_stopped_sweep_goes_on_where_it_was(void **state)
{
    struct scene *s = *state;
    struct scene run = *s; /* whose run is the first of the sweep */
    char log[400];
    write_in(s, "two.yaml", FILE_OF_TWO);
    snprintf(log, sizeof log, "%s/runs/two/log/hash-s1.log", s->dir);
    snprintf(run.run, sizeof run.run, "%s/runs/two/hash-s1", s->dir);
    program_start(&s->a, s->dir, "a", "onic", "sweep two.yaml --frames=1000000000");
    scene_await_metric(&run, "env_steps", 0);
    /* another one is refused meanwhile */
    int code = program_run(&s->b, s->dir, "b", "onic", "sweep two.yaml --frames=1000000000",
                           SCENE_LONG_MS);
    assert_int_equal(code, 73);
    assert_non_null(strstr(program_text(s->b.err), "a sweep is going on in runs/two"));
    stop_with_an_echo(s->a.pid);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 0);
    assert_null(strstr(program_text(s->a.err), "killing the runs"));
    assert_said(s, "hash-s1 is stopped where it was");
    assert_said(s, "0 of 4 runs are done, 4 left");
    assert_non_null(strstr(program_text(log), "+ 0 in flight"));
    double before = steps_of(s, "runs/two/hash-s1");
    assert_false(there_is(s, "runs/two/hash-s2"));
    char line[100];
    snprintf(line, sizeof line, "two.yaml --frames=%.0f", before + 5000);
    assert_int_equal(sweep(s, line), 0);
    assert_said(s, "hash-s1 goes on");
    assert_said(s, "4 of 4 runs are done");
    assert_non_null(strstr(text_in(s, "runs/two/hash-s1/epoch"), "2"));
}

/* The process of a sweep's first run, which trains. */
static pid_t await_first_run(const struct scene *s, const struct program *sweeps)
{
    struct scene run = *s;
    char path[64];
    snprintf(run.run, sizeof run.run, "%s/runs/two/hash-s1", s->dir);
    await_word(sweeps->err, "hash-s1", SCENE_SOON_MS);
    scene_await_metric(&run, "env_steps", 0);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)sweeps->pid, (int)sweeps->pid);
    pid_t train = atoi(program_text(path));
    assert_true(train > 1);
    return train;
}

static bool stands_still(void *ctx)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)*(const pid_t *)ctx);
    return strstr(program_text(path), ") T ") != NULL;
}

/* Ctrl-Z: the sweep and what it started. Where nobody could continue it, as in a container whose
 * first process it is, it is no more than Ctrl-Z is to other programs. */
static void a_suspended_sweep_stands_still_where_it_can_be_continued(void **state)
{
    struct scene *s = *state;
    write_in(s, "two.yaml", FILE_OF_TWO);
    program_start(&s->a, s->dir, "a", "onic", "sweep two.yaml --frames=1000000000");
    pid_t train = await_first_run(s, &s->a);
    kill(s->a.pid, SIGTSTP);
    assert_true(wait_until(stands_still, &s->a.pid, SCENE_SOON_MS));
    assert_true(wait_until(stands_still, &train, SCENE_SOON_MS));
    kill(s->a.pid, SIGCONT);
    kill(s->a.pid, SIGINT);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 0);

    program_start_session(&s->b, s->dir, "b", "onic", "sweep two.yaml --frames=1000000000");
    await_first_run(s, &s->b);
    kill(s->b.pid, SIGTSTP);
    kill(s->b.pid, SIGINT);
    assert_int_equal(program_wait(&s->b, SCENE_LONG_MS), 0);
}

/* Removed, and used by another sweep: its runs would be trained on with the options of this one. */
static void nothing_is_begun_in_a_folder_that_took_its_place(void **state)
{
    struct scene *s = *state;
    struct scene run = *s;
    char folder[400], away[400], log[420];
    write_in(s, "two.yaml", FILE_OF_TWO);
    snprintf(folder, sizeof folder, "%s/runs/two", s->dir);
    snprintf(away, sizeof away, "%s/away", s->dir);
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(run.run, sizeof run.run, "%s/runs/two/hash-s1", s->dir);
    program_start(&s->a, s->dir, "a", "onic", "sweep two.yaml --frames=1000000000 --jobs=1");
    scene_await_metric(&run, "env_steps", 0);
    assert_int_equal(rename(folder, away), 0);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(mkdir(log, 0755), 0);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 73);
    assert_said(s, "hash-s1 failed: exit code 73 (its log: ");
    assert_said(s, "hash-s2 failed: the folder of the sweep runs/two was removed or replaced while "
                   "it went on");
    assert_said(s, "0 of 4 runs are done, 4 failed:");
    assert_int_equal(rmdir(log), 0);
    assert_int_equal(rmdir(folder), 0);
}

static bool sweep_is_stopping(void *ctx)
{
    return strstr(program_text(((struct scene *)ctx)->a.err), "stopping: each run") != NULL;
}

/* What it was asked for was a drain, and that is not what it came to. */
static void a_run_that_dies_while_it_stops_has_failed(void **state)
{
    struct scene *s = *state;
    write_in(s, "two.yaml", FILE_OF_TWO);
    program_start(&s->a, s->dir, "a", "onic", "sweep two.yaml --frames=1000000000");
    pid_t train = await_first_run(s, &s->a);
    kill(train, SIGSTOP);
    kill(s->a.pid, SIGINT);
    assert_true(wait_until(sweep_is_stopping, s, SCENE_SOON_MS));
    kill(train, SIGKILL);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 70);
    assert_said(s, "hash-s1 failed: signal 9");
    assert_said(s, "0 of 4 runs are done, 3 left, 1 failed: hash-s1");
}

/* A run whose own process dies is named; the others are trained, and the exit code tells. */
static void a_failed_run_is_named_and_stops_no_other(void **state)
{
    struct scene *s = *state;
    write_in(s, "two.yaml", FILE_OF_TWO);
    char path[400];
    snprintf(path, sizeof path, "%s/runs", s->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/runs/two", s->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    write_in(s, "runs/two/hash-s2", "no folder\n"); /* where a run should be */
    write_in(s, "runs/two/sweep.json", "{\"runs\": {}}");
    assert_int_equal(sweep(s, "two.yaml --frames=2000"), 73);
    assert_said(s, "hash-s2 failed: exit code 73: ");
    assert_said(s, "3 of 4 runs are done, 1 failed: hash-s2");
    write_in(s, "runs/two/sweep.json", "{\"ru");
    assert_int_equal(sweep(s, "two.yaml --frames=2000"), 74);
    assert_said(s,
                "runs/two/sweep.json is damaged, so it cannot be told whether the runs beside it "
                "are of this sweep; if they are, remove it");
    assert_true(steps_of(s, "runs/two/none-s2") >= 2000);
}

/* Somebody builds while a sweep goes on: its next run starts from the new file. */
static void a_program_that_is_replaced_is_no_end(void **state)
{
    struct scene *s = *state;
    struct scene run = *s;
    write_in(s, "bare.yaml",
             "options: {env.id: corridor, reward.model: none, actors.count: 1,\n"
             "          train.batch: 512, train.threads: 1}\n"
             "seeds: [1, 2]\n");
    snprintf(run.run, sizeof run.run, "%s/runs/bare/s1", s->dir);
    const char *place = "mkdir bin && cp $ONIC_BUILD/onic bin && cp bin/onic bin/new && "
                        "ln -s $ONIC_BUILD/onic-* bin && "
                        "exec bin/onic sweep bare.yaml --frames=300000";
    program_start_shell(&s->a, s->dir, "a", place);
    scene_await_metric(&run, "env_steps", 0);
    char from[300], to[300];
    snprintf(from, sizeof from, "%s/bin/new", s->dir);
    snprintf(to, sizeof to, "%s/bin/onic", s->dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 0);
    assert_said(s, "2 of 2 runs are done");
}

static void what_is_wrong_is_said_before_anything_begins(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *text, *args, *said;
    } bad[] = {
        {"options: {train.lrr: 1}", "",
         "bad.yaml:1: unknown option 'train.lrr', did you mean "
         "'train.lr'?"},
        {"options: {train.lr: fast}", "", "bad.yaml:1"},
        {"options: {env.id: corridr}", "", "'corridor'"},
        {"options: {reward.model: hsh}", "", "hash"},
        {"options: {run.seed: 4}", "", "run.seed is not for a sweep"},
        {"options: {run.on_exists: overwrite}", "", "run.on_exists is not for a sweep"},
        {"grid: {x: {a: {run.dir: b}}}", "", "run.dir is not for a sweep"},
        {"config: nowhere.yaml", "", "nowhere.yaml"},
        {"grid: {train.lr: [0.1, 0.2]}", "--train.lr=0.3", "bad.yaml varies it"},
        {"seeds: [1]", "--seed=3", "--run.seed is not for a sweep"},
        {"seeds: [1]", "--job=2", "did you mean '--jobs'?"},
        {"seeds: [1]", "--jobs=0", "--jobs is '0'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[200];
        write_in(s, "bad.yaml", bad[i].text);
        snprintf(line, sizeof line, "sweep bad.yaml %s", bad[i].args);
        scene_fails(s, "onic", line, 64, bad[i].said);
        assert_false(there_is(s, "runs"));
    }
    scene_fails(s, "onic", "sweep", 64, "name the file of the sweep");
    scene_fails(s, "onic", "sweep nowhere.yaml", 64, "nowhere.yaml");
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(all_runs_are_trained_once_and_compared),
        SCENE(only_the_runs_that_were_asked_for_are_trained),
        SCENE(a_kept_run_is_not_repeated),
        SCENE(what_is_kept_of_another_run_is_refused),
        SCENE(a_folder_is_of_one_sweep),
        SCENE(a_stopped_sweep_goes_on_where_it_was),
        SCENE(a_suspended_sweep_stands_still_where_it_can_be_continued),
        SCENE(nothing_is_begun_in_a_folder_that_took_its_place),
        SCENE(a_run_that_dies_while_it_stops_has_failed),
        SCENE(a_failed_run_is_named_and_stops_no_other),
        SCENE(a_program_that_is_replaced_is_no_end),
        SCENE(what_is_wrong_is_said_before_anything_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
