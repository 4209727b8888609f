/* SPDX-License-Identifier: MIT */
/* test_watch.c - an actor whose step hangs ends itself; one that shows signs of life, or is between
 * steps, does not. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/envs/progress.h"
#include "actor/watch.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/onic_test.h"

enum { LIMIT_S = 1, LONGER_MS = 2500, FINE = 3 };

/* In a child, because the watch ends its process. What it says goes to said[1]. */
static int exit_of(void (*act)(struct watch *), const int said[2])
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (said)
            dup2(said[1], STDERR_FILENO);
        struct watch *w;
        struct onic_err err = {0};
        alarm(60); /* a watch that sees nothing */
        if (watch_create(&w, LIMIT_S, &err) != ONIC_OK)
            _exit(70);
        act(w);
        _exit(FINE);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void hang(struct watch *w)
{
    watch_begin(w);
    for (;;)
        pause();
}

static void let_pass(void (*each)(struct watch *), struct watch *w)
{
    for (int64_t end = clock_ms() + LONGER_MS; clock_ms() < end;) {
        each(w);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

static void step_slowly(struct watch *w)
{
    watch_begin(w);
    let_pass(watch_progress, w);
}

static void wait_between_steps(struct watch *w)
{
    watch_begin(w);
    let_pass(watch_end, w);
}

static void wait_in_a_step(struct watch *w)
{
    watch_begin(w);
    let_pass(watch_extend, w);
}

static void extend_nothing(struct watch *w)
{
    watch_extend(w);
    nanosleep(&(struct timespec){.tv_sec = LONGER_MS / 1000}, NULL);
}

static void hear_sign(void *heard)
{
    *(bool *)heard = true;
}

/* As a vector of environments that are quick by themselves. */
static void step_until_a_sign_is_asked_for(struct watch *w)
{
    bool heard = false;
    (void)w;
    env_progress_to(hear_sign, &heard);
    while (!heard) {
        env_progress_if_asked();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* Asked to stop twice, with more between than a terminal's echo takes; the first is a wish. */
static void be_asked_twice(struct watch *w)
{
    (void)w;
    kill(getpid(), SIGTERM);
    nanosleep(&(struct timespec){.tv_sec = LONGER_MS / 1000, .tv_nsec = 500000000}, NULL);
    kill(getpid(), SIGTERM);
    for (;;)
        pause();
}

static void ends_with_75_and_says(void (*act)(struct watch *), const char *sentence)
{
    int said[2];
    char text[600] = "";
    size_t len = 0;
    assert_int_equal(pipe(said), 0);
    assert_int_equal(exit_of(act, said), 75);
    close(said[1]);
    for (ssize_t n; (n = read(said[0], text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)n;
    close(said[0]);
    if (!strstr(text, sentence))
        fail_msg("\"%s\" is not in: %s", sentence, text);
}

static void a_step_that_hangs_ends_the_actor(void **state)
{
    (void)state;
    ends_with_75_and_says(hang, "environment step hung; ending this actor so that its supervisor "
                                "restarts it limit_s=1");
}

static void a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    ends_with_75_and_says(be_asked_twice, "second signal: stopping at once");
}

static void signs_of_life_and_time_between_steps_do_not(void **state)
{
    (void)state;
    assert_int_equal(exit_of(step_slowly, NULL), FINE);
    assert_int_equal(exit_of(wait_between_steps, NULL), FINE);
    assert_int_equal(exit_of(wait_in_a_step, NULL), FINE);
    assert_int_equal(exit_of(extend_nothing, NULL), FINE);
}

static void it_asks_for_signs_of_life(void **state)
{
    (void)state;
    assert_int_equal(exit_of(step_until_a_sign_is_asked_for, NULL), FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_hangs_ends_the_actor),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        cmocka_unit_test(signs_of_life_and_time_between_steps_do_not),
        cmocka_unit_test(it_asks_for_signs_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
