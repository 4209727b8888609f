/* SPDX-License-Identifier: MIT */
/* test_supervise.c - the supervisor's policy on real processes: shell scripts that die, hang and
 * drain on demand.
 *
 * supervise() runs in a child of the test, so that signals and exit codes are real. Each part
 * appends words to <dir>/events; the test waits for words, never for time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deploy/cli/supervise.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

enum { PARTS_MAX = 4 };

struct scene {
    char dir[256];
    struct child_spec specs[PARTS_MAX];
    char scripts[PARTS_MAX][300];
    char *argv[PARTS_MAX][3];
    struct supervise_params params;
    pid_t pid; /* of the supervisor */
};

static char shell[] = "/bin/sh";

static int setup(void **state)
{
    static struct scene scene;
    memset(&scene, 0, sizeof scene);
    temp_dir_create(scene.dir);
    char path[300];
    snprintf(path, sizeof path, "%s/log", scene.dir);
    if (mkdir(path, 0700) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/events", scene.dir);
    files_write(path, "");
    scene.params = (struct supervise_params){.run_dir = scene.dir,
                                             .children = scene.specs,
                                             .lock_fd = -1,
                                             .restarts = 5,
                                             .stall_warn_s = 100,
                                             .stall_kill_s = 100,
                                             .drain_s = 60};
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    if (s->pid) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    temp_dir_remove(s->dir);
    return 0;
}

/* A part that runs `body`; $EV appends a word to the events. */
static void part(struct scene *s, const char *role, enum child_kind kind, const char *body)
{
    int i = s->params.count++;
    assert_true(i < PARTS_MAX);
    char path[300];
    snprintf(path, sizeof path, "%s/%s.sh", s->dir, role);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "cd '%s'\nev() { echo \"$1\" >> events; }\n"
            "beat() { printf x > /proc/$$/fd/${ONIC_PULSE#fd:}; }\n"
            "await() { while ! grep -q \"$1\" \"${2:-events}\"; do sleep 0.05; done; }\n%s\n",
            s->dir, body);
    fclose(f);
    memcpy(s->scripts[i], path, sizeof path);
    s->argv[i][0] = shell;
    s->argv[i][1] = s->scripts[i];
    s->specs[i] = (struct child_spec){.kind = kind, .argv = s->argv[i]};
    snprintf(s->specs[i].role, sizeof s->specs[i].role, "%s", role);
}

static void start(struct scene *s)
{
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid) {
        setpgid(s->pid, s->pid);
        return;
    }
    setpgid(0, 0);
    char path[300];
    struct onic_err sentence = {0};
    snprintf(path, sizeof path, "%s/stderr", s->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDERR_FILENO);
    int code = supervise(&s->params, &sentence);
    fprintf(stderr, "SENTENCE %s\n", sentence.msg);
    _exit(code);
}

static const char *slurp(struct scene *s, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return program_text(path);
}

static bool gone(void *ctx)
{
    struct scene *s = ctx;
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == s->pid;
}

/* A run that should end and does not is a failure, not a test that hangs. */
static int finish(struct scene *s)
{
    int status = 0;
    if (!wait_until(gone, s, 60000))
        fail_msg("the run does not end: %.2000s", slurp(s, "stderr"));
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int count_word(struct scene *s, const char *name, const char *word)
{
    int n = 0;
    for (const char *p = slurp(s, name); (p = strstr(p, word)) != NULL; p++)
        n++;
    return n;
}

struct wish {
    struct scene *s;
    const char *file, *word;
    int times;
};

static bool wish_came_true(void *ctx)
{
    struct wish *w = ctx;
    return count_word(w->s, w->file, w->word) >= w->times;
}

static void await(struct scene *s, const char *word, int times)
{
    struct wish w = {s, "events", word, times};
    if (!wait_until(wish_came_true, &w, 30000)) {
        print_error("no '%s' x %d in: %s\n", word, times, slurp(s, "events"));
        print_error("stderr: %s\n", slurp(s, "stderr"));
        fail();
    }
}

/* A part that says so when it is up and when SIGTERM comes. (A shell runs its trap when the sleep
 * is over.) */
#define UNTIL_TERM(word)                                                                           \
    "trap 'ev " word "-term; exit 0' TERM; ev " word "-up; while :; do sleep 0.1; done"

static void the_learners_exit_0_ends_the_run(void **state)
{
    struct scene *s = *state;
    part(s, "reward-server", CHILD_REWARD, UNTIL_TERM("reward"));
    part(s, "learner", CHILD_LEARNER, "await actor-up; await reward-up; exit 0");
    part(s, "actor-0", CHILD_ACTOR, UNTIL_TERM("actor"));
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "actor-term"), 1);
    assert_int_equal(count_word(s, "events", "reward-term"), 1);
}

static void deaths_by_signal_are_counted_and_end_the_run(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 3;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR, "ev actor-life; echo 'last words' >&2; kill -9 $$");
    int64_t begin = clock_ms();
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "actor-life"), 3);
    assert_int_equal(count_word(s, "events", "learner-term"), 1); /* drained, not killed */
    assert_true(clock_ms() - begin >= 600); /* two back-offs, doubling: 0.2 + 0.4 s at least */
    const char *sentence = strstr(slurp(s, "stderr"), "SENTENCE actor-0 ended with signal 9");
    assert_non_null(sentence);
    assert_non_null(strstr(sentence, "3 times"));
    assert_non_null(strstr(sentence, "out-of-memory killer"));
    assert_non_null(strstr(sentence, "last words"));
}

/* A failed assertion is a signal, memory that is short an exit code: each is a cause with a count,
 * and the sentence has the part's own words. */
static void assertions_and_want_of_memory_are_bounded(void **state)
{
    static const struct {
        const char *end, *sentence;
    } cases[] = {
        {"kill -6 $$", "SENTENCE actor-0 ended with signal 6 (Aborted), 2 times by now "
                       "(run.restarts): onic: what is wrong"},
        {"exit 70", "SENTENCE actor-0 ended with exit code 70, 2 times by now (run.restarts): "
                    "onic: what is wrong"},
    };
    struct scene *s = *state;
    s->params.restarts = 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[200], events[300];
        s->params.count = 0;
        snprintf(events, sizeof events, "%s/events", s->dir);
        files_write(events, "");
        part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
        snprintf(body, sizeof body, "ev life; echo 'onic: what is wrong' >&2; %s", cases[i].end);
        part(s, "actor-0", CHILD_ACTOR, body);
        start(s);
        assert_int_equal(finish(s), 70);
        assert_int_equal(count_word(s, "events", "life"), 2);
        assert_non_null(strstr(slurp(s, "stderr"), cases[i].sentence));
    }
}

static void restarts_0_restarts_without_a_bound(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 0;
    part(s, "learner", CHILD_LEARNER,
         "while [ $(grep -c actor events) -lt 6 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev actor; kill -9 $$");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "actor"), 6);
    assert_non_null(strstr(slurp(s, "stderr"), "signal 9"));
}

static void each_cause_has_its_own_count(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR,
         "ev life; case $(grep -c life events) in 1) kill -11 $$;; 2) exit 70;; 3) kill -6 $$;; "
         "*) kill -11 $$;; esac");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "life"), 4);
    assert_non_null(strstr(slurp(s, "stderr"), "SENTENCE actor-0 ended with signal 11"));
}

static void a_fenced_part_is_replaced(void **state)
{
    struct scene *s = *state;
    part(s, "learner", CHILD_LEARNER, "await second; exit 0");
    part(s, "actor-0", CHILD_ACTOR,
         "ev life; [ $(grep -c life events) -eq 1 ] && exit 76; ev second; " UNTIL_TERM("actor"));
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 2);
}

static void a_part_that_is_fenced_again_and_again_does_not_end_the_run(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "while [ $(grep -c life events) -lt 4 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev life; echo 'number 0 is in use' >&2; exit 76");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 4);
    assert_non_null(strstr(slurp(s, "stderr"), "number 0 is in use"));
}

static void a_part_that_cannot_be_started_ends_the_run(void **state)
{
    struct scene *s = *state;
    char path[300];
    s->params.restarts = 1;
    snprintf(path, sizeof path, "%s/log", s->dir);
    assert_int_equal(rmdir(path), 0);
    FILE *f = fopen(path, "w"); /* where the folder should be */
    assert_non_null(f);
    fclose(f);
    part(s, "learner", CHILD_LEARNER, "ev life");
    start(s);
    assert_int_equal(finish(s), 74);
    assert_int_equal(count_word(s, "events", "life"), 0);
    assert_non_null(strstr(slurp(s, "stderr"), "learner.log cannot be opened"));
}

static void exit_64_ends_the_run_with_the_childs_sentence(void **state)
{
    struct scene *s = *state;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR,
         "await learner-up; echo 'noise' >&2; echo 'onic-actor: the "
         "wheel is missing' >&2; exit 64");
    start(s);
    assert_int_equal(finish(s), 64);
    assert_non_null(
        strstr(slurp(s, "stderr"),
               "SENTENCE actor-0 ended with exit code 64: onic-actor: the wheel is missing"));
    assert_int_equal(count_word(s, "stderr", "the wheel is missing"), 1); /* said once */
    assert_int_equal(count_word(s, "events", "learner-term"), 1);         /* drained, not killed */
}

static void exit_70_is_restarted_five_times_at_most(void **state)
{
    struct scene *s = *state;
    part(s, "learner", CHILD_LEARNER, "ev learner; echo broken >&2; exit 70");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "learner"), 5);
    assert_non_null(
        strstr(slurp(s, "stderr"),
               "SENTENCE learner ended with exit code 70, 5 times by now (run.restarts): broken"));
}

static void exit_75_again_and_again_ends_the_run(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 3;
    part(s, "learner", CHILD_LEARNER,
         "trap 'ev learner-term; exit 0' TERM; "
         "while [ $(grep -c life events) -lt 6 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev life; echo 'environment step hung' >&2; exit 75");
    start(s);
    assert_int_equal(finish(s), 70); /* whoever supervises us would try 75 for ever */
    assert_in_range(count_word(s, "events", "life"), 3, 4); /* the learner may be the newer one */
    assert_non_null(strstr(slurp(s, "stderr"),
                           "SENTENCE actor-0 ended with exit code 75, 3 times by now "
                           "(run.restarts): environment step hung"));
    assert_int_equal(count_word(s, "events", "learner-term"), 1); /* drained, not killed */
}

static void exit_75_of_a_learner_is_bounded_too(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev learner; [ $(grep -c learner events) -ge 4 ] && exit 0; exit 75");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "learner"), 2);
}

/* Each life of the learner ends after one more of the actor has begun, and each of the actor's when
 * the learner is gone: four of them, where two would end the run. */
static void an_actor_that_misses_its_learner_is_not_counted(void **state)
{
    struct scene *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev learner; n=$(grep -c learner events); [ $n -eq 5 ] && exit 0; "
         "while [ $(grep -c actor events) -lt $n ]; do sleep 0.02; done; exit $n");
    part(s, "actor-0", CHILD_ACTOR,
         "ev actor; n=$(grep -c actor events); "
         "while [ $(grep -c learner events) -le $n ]; do sleep 0.02; done; exit 75");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "learner"), 5);
    assert_true(count_word(s, "events", "actor") >= 4);
}

static void a_signal_drains_learner_and_actors_before_the_reward_server(void **state)
{
    struct scene *s = *state;
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
    struct scene *s = *state;
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
    struct scene *s = *state;
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
    struct scene *s = *state;
    part(s, "learner", CHILD_LEARNER,
         "trap 'echo the disk is full >&2; exit 74' TERM; ev up; while :; do sleep 0.1; done");
    start(s);
    await(s, "up", 1);
    kill(s->pid, SIGTERM);
    assert_int_equal(finish(s), 74);
    assert_non_null(strstr(slurp(s, "stderr"), "exit code 74: the disk is full"));
}

static void a_learner_without_a_pulse_is_named_and_replaced(void **state)
{
    struct scene *s = *state;
    s->params.stall_warn_s = 0.3;
    s->params.stall_kill_s = 3;
    part(s, "learner", CHILD_LEARNER,
         "ev life; [ $(grep -c life events) -ge 2 ] && exit 0; trap '' TERM; while :; do sleep "
         "0.1; echo '{}' >> metrics.jsonl; done"); /* a file that grows is no sign of life */
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 2);
    assert_non_null(strstr(slurp(s, "stderr"), "waiting for the learner"));
    assert_non_null(strstr(slurp(s, "stderr"), "does not report and is replaced"));
}

static void a_learner_that_never_gives_a_sign_of_life_ends_the_run(void **state)
{
    struct scene *s = *state;
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
    struct scene *s = *state;
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
    struct scene *s = *state;
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

static void move_log(struct scene *s, const char *role, bool make_new)
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
    struct scene *s = *state;
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
    struct scene *s = *state;
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
    struct scene *s = *state;
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
    struct scene *s = *state;
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
        SCENE(deaths_by_signal_are_counted_and_end_the_run),
        SCENE(assertions_and_want_of_memory_are_bounded),
        SCENE(restarts_0_restarts_without_a_bound),
        SCENE(each_cause_has_its_own_count),
        SCENE(a_fenced_part_is_replaced),
        SCENE(a_part_that_is_fenced_again_and_again_does_not_end_the_run),
        SCENE(a_part_that_cannot_be_started_ends_the_run),
        SCENE(exit_64_ends_the_run_with_the_childs_sentence),
        SCENE(exit_70_is_restarted_five_times_at_most),
        SCENE(exit_75_again_and_again_ends_the_run),
        SCENE(exit_75_of_a_learner_is_bounded_too),
        SCENE(an_actor_that_misses_its_learner_is_not_counted),
        SCENE(a_signal_drains_learner_and_actors_before_the_reward_server),
        SCENE(a_second_signal_kills),
        SCENE(an_echo_of_the_first_signal_does_not_kill),
        SCENE(a_learner_that_cannot_finish_its_drain_says_why),
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
