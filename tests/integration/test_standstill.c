/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_standstill.c - a whole run that is suspended, as by Ctrl-Z or a laptop that sleeps, for
 * longer than every deadline in it: afterwards nothing is overdue. And a run whose files are
 * rotated away.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/onic_test.h"
#include "tests/support/scene.h"
#include "tests/support/scripted.h"

enum { PATIENCE_MS = 60000, STOPPED_MS = 5000 };

static const char *file_of(const struct scene *s, const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->run, name);
    return program_text(path);
}

static bool trains(void *ctx)
{
    const struct scene *s = ctx;
    return metrics_last(s->run, "env_steps") > 0 && metrics_last(s->run, "annot/labels_total") > 0;
}

struct progress {
    const struct scene *s;
    double steps, labels;
};

static bool has_gone_on(void *ctx)
{
    const struct progress *p = ctx;
    return metrics_last(p->s->run, "env_steps") > p->steps &&
           metrics_last(p->s->run, "annot/labels_total") > p->labels;
}

static void goes_on(struct scene *s)
{
    struct progress p = {s, metrics_last(s->run, "env_steps"),
                         metrics_last(s->run, "annot/labels_total")};
    if (!wait_until(has_gone_on, &p, PATIENCE_MS)) {
        print_error("%s\n", program_text(s->a.err));
        fail_msg("training did not go on");
    }
}

static bool time_has_passed(void *until_ms)
{
    return clock_ms() >= *(int64_t *)until_ms;
}

static void never_says(const char *text, const char *what)
{
    if (strstr(text, what))
        fail_msg("it says \"%s\": %s", what, text);
}

static void let_pass(int ms)
{
    int64_t until = clock_ms() + ms;
    assert_true(wait_until(time_has_passed, &until, PATIENCE_MS));
}

/* Trains, stops everything for longer than the deadlines in `annotator` and goes on. server: a
 * process of the same machine that is stopped too, and wakes up a moment later; 0 = none. */
static void suspend_a_run(struct scene *s, const char *annotator, pid_t server)
{
    char options[1200];
    snprintf(options, sizeof options,
             "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 "
             "--actors.count=1 --metrics.every_s=0.2 --actors.step_timeout_s=3 "
             "--actors.orphan_timeout_s=4 --bench.captions_per_s=40 %s",
             annotator);
    program_start(&s->a, s->dir, "train", "onic", options);
    if (!wait_until(trains, s, PATIENCE_MS))
        fail_msg("it does not train: %s", program_text(s->a.err));
    if (server)
        assert_int_equal(kill(server, SIGSTOP), 0);
    let_pass(100); /* a question is under way by now */
    assert_int_equal(kill(-s->a.pid, SIGSTOP), 0);
    let_pass(STOPPED_MS);
    assert_int_equal(kill(-s->a.pid, SIGCONT), 0);
    let_pass(500);
    if (server)
        assert_int_equal(kill(server, SIGCONT), 0);
    goes_on(s);
    kill(s->a.pid, SIGINT);
    assert_int_equal(program_wait(&s->a, PATIENCE_MS), 0);
    never_says(program_text(s->a.err), "died");
    never_says(program_text(s->a.err), "does not report");
    never_says(file_of(s, "log/actor-0.log"), "hung");
    never_says(file_of(s, "log/actor-0.log"), "giving up");
    assert_non_null(strstr(program_text(s->a.err), "the run stood still"));
}

/* An environment is stepped nearly always, and a question flies nearly always. */
static void a_suspended_run_goes_on_as_if_nothing_had_been(void **state)
{
    struct scene *s = *state;
    char annotator[600];
    snprintf(annotator, sizeof annotator,
             "--annotator.id=command --command.timeout_s=3 --command.window=1 "
             "--command.run=%s/tests/support/slow_annotator.sh",
             getenv("ONIC_SOURCE"));
    suspend_a_run(s, annotator, 0);
    never_says(file_of(s, "log/reward-server.log"), "is started again");
}

static void answers_of_a_server_are_not_late_after_a_standstill(void **state)
{
    struct scene *s = *state;
    struct scripted server;
    char annotator[300];
    assert_true(scripted_start(&server, "scripted_llm/scripted_llm.py", "", 0));
    snprintf(annotator, sizeof annotator,
             "--annotator.id=llm --llm.url=http://127.0.0.1:%d/unhurried --llm.model=m "
             "--llm.deadline_s=3",
             server.port);
    suspend_a_run(s, annotator, server.pid);
    never_says(file_of(s, "log/reward-server.log"), "timed out");
    never_says(file_of(s, "log/reward-server.log"), "language model failed");
    scripted_stop(&server);
}

static void move_away(const struct scene *s, const char *name)
{
    char from[400], to[410];
    snprintf(from, sizeof from, "%s/%s", s->run, name);
    snprintf(to, sizeof to, "%s.1", from);
    assert_int_equal(rename(from, to), 0);
}

static bool is_there_again(void *ctx)
{
    const struct scene *s = ctx;
    char last[64] = "";
    const char *log = file_of(s, "log/learner.log");
    snprintf(last, sizeof last, "%.60s", log);
    return last[0] != '\0' && metrics_lines(s->run) > 1;
}

static void a_run_whose_files_are_rotated_away_writes_new_ones(void **state)
{
    struct scene *s = *state;
    program_start(&s->a, s->dir, "train", "onic",
                  "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 "
                  "--actors.count=1 --metrics.every_s=0.2 --annotator.id=rules "
                  "--bench.captions_per_s=40");
    assert_true(wait_until(trains, s, PATIENCE_MS));
    move_away(s, "metrics.jsonl");
    move_away(s, "log/learner.log");
    assert_true(wait_until(is_there_again, s, PATIENCE_MS));
    goes_on(s);
    kill(s->a.pid, SIGINT);
    assert_int_equal(program_wait(&s->a, PATIENCE_MS), 0);
    assert_non_null(strstr(file_of(s, "log/learner.log"), "draining"));
    assert_null(strstr(file_of(s, "log/learner.log.1"), "draining"));
    assert_non_null(strstr(file_of(s, "metrics.jsonl"), "\"event\":\"end\""));
    assert_non_null(strstr(program_text(s->a.err), "info learner draining")); /* followed */
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_suspended_run_goes_on_as_if_nothing_had_been),
        SCENE(answers_of_a_server_are_not_late_after_a_standstill),
        SCENE(a_run_whose_files_are_rotated_away_writes_new_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
