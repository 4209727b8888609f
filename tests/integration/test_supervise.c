/* SPDX-License-Identifier: MIT */
/* test_supervise.c - the supervisor's policy on real processes: drains, signals, pulses and logs.
 * Deaths: test_supervise_deaths.c. */
#define _GNU_SOURCE
#include <time.h>

#include "tests/support/supervised.h"

static void the_learners_exit_0_ends_the_run(void **state)
{
    struct supervised *s = *state;
    part(s, "reward-server", CHILD_REWARD, UNTIL_TERM("reward"));
    part(s, "learner", CHILD_LEARNER, "await actor-up; await reward-up; exit 0");
    part(s, "actor-0", CHILD_ACTOR, UNTIL_TERM("actor"));
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "actor-term"), 1);
    assert_int_equal(count_word(s, "events", "reward-term"), 1);
}

static void a_signal_drains_learner_and_actors_before_the_reward_server(void **state)
{
    struct supervised *s = *state;
    part(s, "reward-server", CHILD_REWARD, UNTIL_TERM("reward"));
    part(s, "learner", CHILD_LEARNER,
         "trap 'await actor-term; ev learner-term; exit 0' TERM; ev "
         "learner-up; while :; do sleep 0.1; done");
    part(s, "actor-0", CHILD_ACTOR, UNTIL_TERM("actor"));
    start(s);
    await(s, "-up", 3);
    kill(s->pid, SIGINT);
    assert_int_equal(finish(s), 0);
    const char *events = slurp(s, "events");
    assert_true(strstr(events, "actor-term") < strstr(events, "learner-term"));
    assert_true(strstr(events, "learner-term") < strstr(events, "reward-term"));
}

static void a_second_signal_kills(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "trap 'ev stubborn' TERM; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    await(s, "stubborn", 1);
    struct timespec pause = {.tv_nsec = 600000000}; /* longer than an echo */
    nanosleep(&pause, NULL);
    kill(s->pid, SIGTERM);
    assert_true(wait_until(gone, s, 30000));
    assert_int_equal(finish(s), 75);
    assert_non_null(strstr(slurp(s, "stderr"), "was killed before its drain was complete"));
}

static void an_echo_of_the_first_signal_does_not_kill(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "trap 'ev asked; await all-sent; exit 0' TERM; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    for (int i = 0; i < 5; i++)
        kill(s->pid, i % 2 ? SIGINT : SIGTERM);
    await(s, "asked", 1);
    char path[300];
    snprintf(path, sizeof path, "%s/events", s->dir);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("all-sent\n", f);
    fclose(f);
    assert_int_equal(finish(s), 0);
}

static void a_learner_that_cannot_finish_its_drain_says_why(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "trap 'echo the disk is full >&2; exit 74' TERM; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    assert_int_equal(finish(s), 74);
    assert_non_null(strstr(slurp(s, "stderr"), "exit code 74: the disk is full"));
}

static void a_drain_that_does_not_end_is_ended_and_told(void **state)
{
    struct supervised *s = *state;
    s->params.drain_s = 0.5;
    part(s, "learner", CHILD_LEARNER,
         "trap 'ev stubborn' TERM; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    assert_true(wait_until(gone, s, TEST_PATIENCE_MS));
    assert_int_equal(finish(s), 75);
    assert_non_null(
        strstr(slurp(s, "stderr"),
               "the learner did not finish its drain in time and was killed; the newest "
               "checkpoint holds the state"));
}

/* It dies of the signal: it does not catch any yet. */
static void a_learner_that_has_not_begun_is_drained(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, "ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    assert_int_equal(finish(s), 0);
    assert_null(strstr(slurp(s, "stderr"), "ended its drain with"));
}

static void a_learner_that_dies_of_its_drain_is_told(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, "beat; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    assert_int_equal(finish(s), 75);
    assert_non_null(
        strstr(slurp(s, "stderr"), "the learner ended its drain with signal 15 (Terminated): "));
}

static void a_learner_without_a_pulse_is_named_and_replaced(void **state)
{
    struct supervised *s = *state;
    s->params.stall_warn_s = 0.3;
    s->params.stall_kill_s = 3;
    part(s, "learner", CHILD_LEARNER,
         "ev life; [ $(grep -c life events) -ge 2 ] && exit 0; trap '' TERM; while :; do sleep "
         "0.1; echo '{}' >> metrics.jsonl; done"); /* a file that grows is no sign of life */
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 2);
    assert_non_null(
        strstr(slurp(s, "stderr"), "waiting for the learner: it is running but has not reported"));
    assert_non_null(strstr(slurp(s, "stderr"), "does not report and is replaced"));
}

static void a_learner_that_never_gives_a_sign_of_life_ends_the_run(void **state)
{
    struct supervised *s = *state;
    s->params.stall_kill_s = 1;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev life; echo 'about to hang' >&2; while :; do sleep 0.1; done");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "life"), 2);
    assert_non_null(strstr(slurp(s, "stderr"),
                           "SENTENCE learner gave no sign of life and was killed, 2 times by now "
                           "(run.restarts): about to hang"));
}

static void a_pulse_alone_is_life(void **state)
{
    struct supervised *s = *state;
    s->params.stall_kill_s = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev life; i=0; while [ $i -lt 40 ]; do beat; sleep 0.1; i=$((i+1)); done; exit 0");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 1);
}

static bool time_has_passed(void *until_ms)
{
    return clock_ms() >= *(int64_t *)until_ms;
}

/* A laptop that sleeps, Ctrl-Z: whoever watches stood still as well. */
static void a_standstill_of_all_is_nobodys_silence(void **state)
{
    struct supervised *s = *state;
    s->params.stall_warn_s = 2.5;
    s->params.stall_kill_s = 2.7;
    part(
        s, "learner", CHILD_LEARNER,
        "ev life; while ! grep -q go-on events; do beat; sleep 0.1; done; beat; sleep 0.3; exit 0");
    start(s);
    await(s, "life", 1);
    assert_int_equal(kill(-s->pid, SIGSTOP), 0);
    int64_t until = clock_ms() + 4500;
    assert_true(wait_until(time_has_passed, &until, 20000));
    assert_int_equal(kill(-s->pid, SIGCONT), 0);
    char path[300];
    snprintf(path, sizeof path, "%s/events", s->dir);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("go-on\n", f);
    fclose(f);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 1);
    assert_null(strstr(slurp(s, "stderr"), "does not report"));
    assert_null(strstr(slurp(s, "stderr"), "waiting for the learner"));
}

static void move_log(struct supervised *s, const char *role, bool make_new)
{
    char from[300], to[300];
    snprintf(from, sizeof from, "%s/log/%s.log", s->dir, role);
    snprintf(to, sizeof to, "%s/log/%s.log.1", s->dir, role);
    assert_int_equal(rename(from, to), 0);
    if (!make_new)
        return;
    FILE *f = fopen(from, "w");
    assert_non_null(f);
    fclose(f);
}

/* As a child's log writer does: it goes on in the new file from some line on. */
static void a_rotated_log_is_followed(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "echo first >&2; ev up; await moved; echo 'still old' >&2; exec 2>> \"$ONIC_STDERR\"; "
         "echo 'in the new' >&2; await copied; : > \"$ONIC_STDERR\"; sleep 1; "
         "echo 'truncated' >&2; await truncated stderr; exit 0");
    start(s);
    await(s, "up", 1);
    move_log(s, "learner", true);
    char path[300];
    snprintf(path, sizeof path, "%s/events", s->dir);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("moved\n", f);
    fflush(f);
    struct wish shown = {s, "stderr", "in the new", 1};
    assert_true(wait_until(wish_came_true, &shown, 30000));
    fputs("copied\n", f);
    fclose(f);
    assert_int_equal(finish(s), 0);
    assert_non_null(strstr(slurp(s, "stderr"), "first"));
    assert_non_null(strstr(slurp(s, "stderr"), "still old"));
    assert_null(strstr(slurp(s, "log/learner.log"), "still old"));
}

static void children_do_not_outlive_a_killed_front_end(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    start(s);
    await(s, "learner-up", 1);
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
    await(s, "learner-term", 1);
}

static void children_get_the_lock_and_no_option_variables(void **state)
{
    struct supervised *s = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/lock", s->dir);
    s->params.lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    setenv("ONIC_TRAIN_LR", "0.5", 1);
    part(s, "learner", CHILD_LEARNER,
         "env >> events; [ -e /proc/$$/fd/$ONIC_HELD_LOCK ] && ev has-lock; exit 0");
    start(s);
    assert_int_equal(finish(s), 0);
    unsetenv("ONIC_TRAIN_LR");
    close(s->params.lock_fd);
    assert_int_equal(count_word(s, "events", "ONIC_TRAIN_LR"), 0);
    assert_int_equal(count_word(s, "events", "has-lock"), 1);
    assert_int_equal(count_word(s, "events", "OPENBLAS_NUM_THREADS=1"), 1);
}

static void other_parts_are_quiet_unless_they_warn(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "await reward-up; echo 'learner line' >&2; await 'going away' stderr; exit 0");
    part(s, "reward-server", CHILD_REWARD,
         "echo '2026-11-23T19:30:00.123Z info reward all is well' >&2\n"
         "echo '2026-11-23T19:30:00.123Z warn reward the model is going away' >&2\n" UNTIL_TERM(
             "reward"));
    start(s);
    assert_int_equal(finish(s), 0);
    assert_null(strstr(slurp(s, "stderr"), "all is well"));
    assert_non_null(strstr(slurp(s, "stderr"), "learner line"));
    assert_non_null(strstr(slurp(s, "log/reward-server.log"), "all is well"));
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(the_learners_exit_0_ends_the_run),
        SCENE(a_signal_drains_learner_and_actors_before_the_reward_server),
        SCENE(a_second_signal_kills),
        SCENE(an_echo_of_the_first_signal_does_not_kill),
        SCENE(a_learner_that_cannot_finish_its_drain_says_why),
        SCENE(a_drain_that_does_not_end_is_ended_and_told),
        SCENE(a_learner_that_has_not_begun_is_drained),
        SCENE(a_learner_that_dies_of_its_drain_is_told),
        SCENE(a_learner_without_a_pulse_is_named_and_replaced),
        SCENE(a_learner_that_never_gives_a_sign_of_life_ends_the_run),
        SCENE(a_pulse_alone_is_life),
        SCENE(a_standstill_of_all_is_nobodys_silence),
        SCENE(a_rotated_log_is_followed),
        SCENE(children_do_not_outlive_a_killed_front_end),
        SCENE(children_get_the_lock_and_no_option_variables),
        SCENE(other_parts_are_quiet_unless_they_warn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
