/* SPDX-License-Identifier: MIT */
/* test_watch.c - an actor whose step hangs ends itself; one that shows signs of life, or is between
 * steps, does not. While a step is long the watching thread keeps what it was given. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/envs/progress.h"
#include "actor/watch.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/onic_test.h"
#include "tests/support/said.h"

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

/* --- what is kept meanwhile; the clock stands still until it is set forward ------------------ */

enum { KEPT_LIMIT_S = 100 };

static atomic_llong kept_clock_ns;
static atomic_int kept_times;
static struct watch *keeping;

static int64_t kept_clock_now_ns(void)
{
    return atomic_load(&kept_clock_ns);
}

static void keep_what_was_given(void *times)
{
    atomic_fetch_add((atomic_int *)times, 1);
}

static int keeping_setup(void **state)
{
    (void)state;
    atomic_store(&kept_clock_ns, 3600000000000);
    atomic_store(&kept_times, 0);
    clock_replace(kept_clock_now_ns);
    assert_ok(watch_create(&keeping, KEPT_LIMIT_S, &err));
    watch_keep(keeping, "slow", keep_what_was_given, &kept_times);
    said_begin(LOG_WARN);
    return 0;
}

static int keeping_teardown(void **state)
{
    (void)state;
    said_end();
    watch_free(keeping);
    clock_replace(NULL);
    return 0;
}

/* How often the watching thread has kept since, in a look that began after that. */
static int times_after(double seconds)
{
    atomic_fetch_add(&kept_clock_ns, (long long)(seconds * 1e9));
    env_progress_if_asked();
    step_until_a_sign_is_asked_for(keeping);
    int before = atomic_load(&kept_times);
    step_until_a_sign_is_asked_for(keeping);
    env_progress_to(NULL, NULL);
    return atomic_load(&kept_times) - before;
}

static void a_step_is_kept_while_it_gives_no_sign_of_life(void **state)
{
    (void)state;
    watch_begin(keeping);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(times_after(0.9), 0);
        watch_progress(keeping);
    }
    assert_int_not_equal(times_after(1.1), 0);
    watch_extend(keeping);
    assert_int_equal(times_after(0.9), 0);
    assert_int_not_equal(times_after(KEPT_LIMIT_S - 1), 0);
    watch_end(keeping);
    assert_int_equal(times_after(20), 0);
}

static void environments_are_made_until_the_limit_and_nothing_is_ended(void **state)
{
    (void)state;
    watch_begin_making(keeping);
    assert_int_not_equal(times_after(KEPT_LIMIT_S - 1), 0);
    assert_said("making an environment takes long; its actor keeps its place for 120 s more than "
                "actors.step_timeout_s env=\"slow\" for_s=99 limit_s=100");
    assert_int_equal(times_after(KEPT_LIMIT_S), 0);
    watch_extend(keeping);
    assert_int_not_equal(times_after(KEPT_LIMIT_S - 1), 0);
    watch_end(keeping);
}

static int times_said(const char *part)
{
    int n = 0;
    for (const char *at = said_text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void steps_that_take_long_are_told_and_not_each_of_them(void **state)
{
    static const char one[] = "one step or reset of an environment takes long; its actor keeps its "
                              "place until actors.step_timeout_s env=\"slow\" for_s=";
    (void)state;
    watch_begin(keeping);
    times_after(9);
    assert_int_equal(times_said(one), 0);
    times_after(1.5);
    assert_said("for_s=10 limit_s=100");
    times_after(8);
    assert_int_equal(times_said(one), 1);
    times_after(2);
    assert_said("for_s=20 limit_s=100");
    watch_progress(keeping);
    times_after(12);
    assert_int_equal(times_said(one), 2);
    watch_end(keeping);
    times_after(600);
    watch_begin(keeping);
    times_after(12);
    assert_said("for_s=12 limit_s=100");
    assert_int_equal(times_said(one), 3);
    watch_end(keeping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_hangs_ends_the_actor),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        cmocka_unit_test(signs_of_life_and_time_between_steps_do_not),
        cmocka_unit_test(it_asks_for_signs_of_life),
        cmocka_unit_test_setup_teardown(a_step_is_kept_while_it_gives_no_sign_of_life,
                                        keeping_setup, keeping_teardown),
        cmocka_unit_test_setup_teardown(environments_are_made_until_the_limit_and_nothing_is_ended,
                                        keeping_setup, keeping_teardown),
        cmocka_unit_test_setup_teardown(steps_that_take_long_are_told_and_not_each_of_them,
                                        keeping_setup, keeping_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
