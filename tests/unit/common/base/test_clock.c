/* SPDX-License-Identifier: MIT */
/* test_clock.c - stand-stills of a process are not counted by clock_ms. A child is stopped, and
 * reports what its clocks say. */
#define _GNU_SOURCE
#include "common/base/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { STOPPED_MS = 2000 };

struct report {
    int64_t real_ms, counted_ms, left_out_ms;
};

/* The child: from "go" on stdin's pipe to the next byte. */
static void watch_clocks(int in, int out, bool leave_out)
{
    char byte = 0;
    if (leave_out)
        clock_leave_out_standstills();
    struct report r = {.real_ms = -clock_ns() / 1000000, .counted_ms = -clock_ms()};
    if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
        _exit(1);
    r.real_ms += clock_ns() / 1000000;
    r.counted_ms += clock_ms();
    for (int i = 0; leave_out && clock_stood_still_ms() == 0 && i < 5000; i++)
        usleep(1000); /* the thread looks soon */
    r.left_out_ms = clock_stood_still_ms();
    _exit(write(out, &r, sizeof r) == sizeof r ? 0 : 1);
}

static bool time_has_passed(void *until_ms)
{
    return clock_ms() >= *(int64_t *)until_ms;
}

static struct report stop_a_process(bool leave_out)
{
    int to[2], from[2];
    char byte = 0;
    struct report r;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        watch_clocks(to[0], from[1], leave_out);
    assert_int_equal(read(from[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    int64_t until = clock_ms() + STOPPED_MS + 100;
    assert_true(wait_until(time_has_passed, &until, 60000));
    assert_int_equal(write(to[1], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(read(from[0], &r, sizeof r), sizeof r);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
    }
    return r;
}

static void a_stretch_in_which_the_process_stood_still_is_left_out(void **state)
{
    (void)state;
    struct report r = stop_a_process(true);
    assert_true(r.real_ms >= STOPPED_MS);
    assert_true(r.left_out_ms >= STOPPED_MS - 1100);
    assert_true(r.counted_ms <= r.real_ms - (STOPPED_MS - 1100));
    assert_true(r.counted_ms >= 0);
}

static void without_the_thread_every_second_counts(void **state)
{
    (void)state;
    struct report r = stop_a_process(false);
    assert_true(r.counted_ms >= STOPPED_MS);
    assert_int_equal(r.left_out_ms, 0);
}

/* fork copies the numbers but not the thread that keeps them. */
static void a_forked_child_does_not_stand_still_for_ever(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        clock_leave_out_standstills();
        if (fork() != 0) {
            int status;
            wait(&status);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        }
        int64_t begin = clock_ms(), until = begin + 1500;
        _exit(wait_until(time_has_passed, &until, 30000) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stretch_in_which_the_process_stood_still_is_left_out),
        cmocka_unit_test(without_the_thread_every_second_counts),
        cmocka_unit_test(a_forked_child_does_not_stand_still_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
