/* SPDX-License-Identifier: MIT */
/* test_status.c - `onic status`: true from the first second of a run to long after its end, for its
 * owner and for others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

/* The document; the caller gives it back. */
static json_t *status(struct scene *s)
{
    struct program p = {0};
    json_error_t why;
    assert_int_equal(program_run(&p, s->dir, "status", "onic", "status run --json", SCENE_SOON_MS),
                     0);
    json_t *o = json_loads(program_text(p.out), JSON_REJECT_DUPLICATES, &why);
    if (!o)
        fail_msg("no JSON (%s): %s", why.text, program_text(p.out));
    return o;
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_non_null(v); /* every key is always there */
    return json_is_null(v) ? (double)NAN : json_number_value(v);
}

static bool text_is(const json_t *o, const char *key, const char *want)
{
    const char *is = json_string_value(json_object_get(o, key));
    return is && strcmp(is, want) == 0;
}

static void state_is(struct scene *s, const char *want)
{
    json_t *o = status(s);
    if (!text_is(o, "state", want))
        fail_msg("not %s: %s", want, json_dumps(o, 0));
    json_decref(o);
}

static bool directory_is_there(void *ctx)
{
    struct scene *s = ctx;
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/config.yaml", s->run);
    return stat(path, &st) == 0;
}

/* Before its learner has written a line, and from then on. What a line of metrics counts the ledger
 * that is there with it counts too: one that is written every ten seconds says 0 of a young run. */
static void a_run_is_told_truly_from_its_first_second(void **state)
{
    struct scene *s = *state;
    program_start(&s->a, s->dir, "a", "onic",
                  "train --run-dir=run --annotator.id=rules --env.id=minigrid:KeyCorridorS3R3 "
                  "--env.count=8 --train.batch=1024 --frames=1000000000");
    assert_true(wait_until(directory_is_there, s, SCENE_LONG_MS));
    json_t *o = status(s);
    assert_true(text_is(o, "state", "running"));
    assert_true(text_is(o, "env", "minigrid:KeyCorridorS3R3"));
    assert_true(number(o, "env_steps") >= 0);
    json_decref(o);
    scene_await_metric(s, "updates", 0);
    scene_await_metric(s, "annot/connected", 0);
    double consumed = metrics_last(s->run, "ledger/consumed");
    assert_true(consumed > 0);
    o = status(s);
    assert_true(text_is(o, "state", "running"));
    assert_true(number(o, "env_steps") > 0);
    assert_true(number(o, "frames") == 1e9);
    assert_true(number(o, "progress") > 0 && number(o, "progress") < 0.5);
    assert_true(number(o, "age_s") >= 0);
    assert_true(number(o, "actors") >= 1);
    json_t *annotator = json_object_get(o, "annotator");
    assert_true(text_is(annotator, "state", "ok"));
    assert_true(number(annotator, "labels") >= 0);
    json_t *trajectories = json_object_get(json_object_get(o, "ledger"), "trajectories");
    assert_true(number(trajectories, "consumed") >= consumed);
    assert_true(json_is_array(json_object_get(o, "warnings")));
    json_decref(o);
}

static bool has_an_eta(void *ctx)
{
    json_t *o = status(ctx);
    bool has = isfinite(number(o, "eta_s")) && isfinite(number(o, "steps_per_s_1min"));
    if (has) {
        double left = number(o, "frames") - number(o, "env_steps");
        assert_close(number(o, "eta_s") * number(o, "steps_per_s_1min"), left, 1e-3 * left, 1e-3);
    }
    json_decref(o);
    return has;
}

static void a_run_is_running_then_stopped_then_crashed_then_finished(void **state)
{
    struct scene *s = *state;
    scene_train(s, "");
    assert_true(wait_until(has_an_eta, s, SCENE_LONG_MS));
    scene_drain(&s->a);
    json_t *o = status(s);
    assert_true(text_is(o, "state", "stopped"));
    assert_int_equal((int)number(o, "exit"), 0);
    assert_int_equal((int)number(o, "life"), 1);
    assert_true(number(o, "steps_per_s") == 0 && isnan(number(o, "eta_s")));
    double steps = number(o, "env_steps");
    assert_true(steps == number(json_object_get(o, "checkpoint"), "env_steps"));
    json_decref(o);
    scene_train(s, "");
    scene_await_metric(s, "env_steps", steps);
    state_is(s, "running");
    program_kill(&s->a); /* all of it, with SIGKILL */
    state_is(s, "crashed");
    char args[200];
    struct program p = {0};
    snprintf(args, sizeof args, "train --run-dir=run --frames=%.0f",
             metrics_last(s->run, "env_steps") + 10000);
    assert_int_equal(program_run(&p, s->dir, "end", "onic", args, SCENE_LONG_MS), 0);
    state_is(s, "finished");
}

static void append(const struct scene *s, const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->run, name);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A short run that has ended, for tests that look at its files. */
static void train_a_little(struct scene *s)
{
    struct program p = {0};
    assert_int_equal(program_run(&p, s->dir, "short", "onic",
                                 "train --run-dir=run --annotator.id=rules --env.id=corridor "
                                 "--env.count=4 --train.batch=256 --frames=2000",
                                 SCENE_LONG_MS),
                     0);
}

static void the_newest_warnings_are_shown_of_all_parts_and_formats(void **state)
{
    struct scene *s = *state;
    train_a_little(s);
    append(s, "log/actor-0.log", "2099-01-01T00:00:02.000Z warn actor 0 second thing n=1\n");
    append(s, "log/learner.log",
           "{\"time\":\"2099-01-01T00:00:01.000Z\",\"level\":\"error\",\"role\":\"learner\","
           "\"msg\":\"first \\u001b[31mthing\"}\n"
           "2099-01-01T00:00:09.000Z info learner nothing\n");
    append(s, "log/reward-server.log", "2099-01-01T00:00:03.000Z error reward-server third\n");
    json_t *o = status(s), *w = json_object_get(o, "warnings");
    size_t n = json_array_size(w);
    assert_true(n >= 3);
    assert_true(text_is(json_array_get(w, n - 3), "text", "first  [31mthing"));
    assert_true(text_is(json_array_get(w, n - 3), "level", "error"));
    assert_true(text_is(json_array_get(w, n - 2), "text", "actor 0 second thing n=1"));
    assert_true(text_is(json_array_get(w, n - 2), "role", "actor-0"));
    assert_true(text_is(json_array_get(w, n - 1), "role", "reward-server"));
    json_decref(o);
}

/* Lines that are damaged, and numbers that are none, are unknown and no end of the command. */
static void a_damaged_file_is_read_as_far_as_it_goes(void **state)
{
    struct scene *s = *state;
    train_a_little(s);
    append(s, "metrics.jsonl", "{\"time\":1e999}\nnonsense\n[1]\n{\"env_steps\":\"x\"");
    json_t *o = status(s);
    assert_true(text_is(o, "state", "finished"));
    assert_true(number(o, "env_steps") >= 2000);
    json_decref(o);
    append(s, "metrics.jsonl", ",\"wall_s\":{},\"event\":7}\n");
    o = status(s);
    assert_true(text_is(o, "state", "finished")); /* as its checkpoint says */
    assert_true(number(o, "env_steps") >= 2000);
    assert_true(isnan(number(o, "wall_s")));
    json_decref(o);
}

/* As a file has them after a power cut. */
static void zero_bytes_hide_no_later_line(void **state)
{
    struct scene *s = *state;
    char path[400];
    train_a_little(s);
    snprintf(path, sizeof path, "%s/metrics.jsonl", s->run);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    for (int i = 0; i < 512; i++)
        fputc(0, f);
    fputs("{}\n{\"env_steps\":1}", f);
    fputc(0, f);
    fputs("\n{\"time\":1,\"wall_s\":77,\"env_steps\":4321}\n", f);
    fclose(f);
    json_t *o = status(s);
    assert_true(fabs(number(o, "env_steps") - 4321) < 0.5);
    json_decref(o);
    /* and by a name that is not English */
    struct program p = {0};
    snprintf(path, sizeof path, "%s/l\xc3\xa4ufe", s->dir);
    assert_int_equal(symlink(s->run, path), 0);
    assert_int_equal(
        program_run(&p, s->dir, "u", "onic", "status l\xc3\xa4ufe --json", SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(p.out), "l\xc3\xa4ufe\""));
}

static void a_run_of_another_version_is_read_with_one_sentence(void **state)
{
    struct scene *s = *state;
    struct program p = {0};
    char path[400];
    train_a_little(s);
    append(s, "version.txt", "2099-01-01T00:00:00Z onic 9.9.9 (git x; y; CPU path z)\n");
    append(s, "config.yaml", "future:\n  option: 1\n");
    snprintf(path, sizeof path, "%s/run_id", s->run); /* with it a broken checksum is said, too */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(program_run(&p, s->dir, "v", "onic", "status run", SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(p.err), "was last run by onic 9.9.9 and this is "));
    assert_int_equal(program_lines(&p), 1);
    assert_non_null(strstr(program_text(p.out), "finished"));
}

static void what_is_no_run_gets_one_sentence(void **state)
{
    struct scene *s = *state;
    scene_fails(s, "onic", "status", 64, "give a run directory");
    scene_fails(s, "onic", "status nowhere", 64, "nowhere");
    files_make(s->dir, "/sweep/sweep.json", "{}");
    scene_fails(s, "onic", "status sweep", 64, "sweep is the folder of a sweep: name one of");
    scene_fails(s, "onic", "top sweep --once", 64, "sweep is the folder of a sweep: name one of");
    scene_fails(s, "onic", "play sweep", 64, "sweep is the folder of a sweep: name one of");
    scene_fails(s, "onic", "status .", 64, "is a folder, not a run directory");
    scene_fails(s, "onic", "status run other", 64, "one run at a time");
    scene_fails(s, "onic", "train --run-dir=run --env.id=minigrid:NoSuchWorld", 64, "NoSuchWorld");
    mkdir(s->run, 0755);
    append(s, "config.yaml.refused", "");
    scene_fails(s, "onic", "status run", 64, "was refused before it trained");
}

/* Who may read a run may ask, though only its owner can open its lock. */
static void a_run_of_another_user_is_told_as_well(void **state)
{
    struct scene *s = *state;
    struct program p = {0};
    char line[900];
    if (geteuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0) {
        print_message("skipped: needs root and setpriv to be somebody else\n");
        skip();
    }
    chmod(s->dir, 0755);
    scene_train(s, "");
    chmod(s->run, 0755);
    snprintf(line, sizeof line,
             "exec setpriv --reuid=65534 --regid=65534 --clear-groups $ONIC_BUILD/onic status %s "
             "--json",
             s->run);
    program_start_shell(&p, s->dir, "other", line);
    assert_int_equal(program_wait(&p, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(p.out), "\"state\":\"running\""));
    program_kill(&s->a);
    program_start_shell(&p, s->dir, "other", line);
    assert_int_equal(program_wait(&p, SCENE_SOON_MS), 0);
    json_t *o = json_loads(program_text(p.out), 0, NULL);
    assert_false(text_is(o, "state", "finished"));
    json_decref(o);
    append(s, "metrics.jsonl", "{\"time\":1,\"env_steps\":5}\n"); /* too old to tell by */
    char lock[400];
    snprintf(lock, sizeof lock, "%s/lock", s->run);
    int fd = open(lock, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    program_start_shell(&p, s->dir, "other", line);
    assert_int_equal(program_wait(&p, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(p.out), "\"state\":\"running\""));
    close(fd);
    program_start_shell(&p, s->dir, "other", line);
    assert_int_equal(program_wait(&p, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(p.out), "\"state\":\"crashed\""));
    chmod(s->run, 0700);
    program_start_shell(&p, s->dir, "other", line);
    assert_int_equal(program_wait(&p, SCENE_SOON_MS), 77);
    assert_int_equal(program_lines(&p), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        T(a_run_is_told_truly_from_its_first_second),
        T(a_run_is_running_then_stopped_then_crashed_then_finished),
        T(the_newest_warnings_are_shown_of_all_parts_and_formats),
        T(a_damaged_file_is_read_as_far_as_it_goes),
        T(zero_bytes_hide_no_later_line),
        T(a_run_of_another_version_is_read_with_one_sentence),
        T(what_is_no_run_gets_one_sentence),
        T(a_run_of_another_user_is_told_as_well),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
