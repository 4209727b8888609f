/* SPDX-License-Identifier: MIT */
/* test_process.c - what a program inherits; each case in a child, whose exit code is the verdict.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/process.h"
#include "tests/onic_test.h"

static int in_a_child(int (*body)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(body());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_null(int fd)
{
    struct stat got, want;
    return fstat(fd, &got) == 0 && stat("/dev/null", &want) == 0 && got.st_rdev == want.st_rdev;
}

static int open_all_after_closing(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    process_start();
    int next = open("/dev/zero", O_RDONLY);
    return is_null(0) && is_null(1) && is_null(2) && next > 2 ? 0 : 1;
}

static int open_the_middle_one(void)
{
    dup2(open("/dev/zero", O_RDWR), 0);
    dup2(0, 2);
    close(1);
    process_start();
    return is_null(1) && !is_null(0) && !is_null(2) ? 0 : 1;
}

static void closed_standard_descriptors_become_dev_null(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(open_all_after_closing), 0);
    assert_int_equal(in_a_child(open_the_middle_one), 0);
}

static int raise_and_restore(void)
{
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    rlim_t hard = r.rlim_max;
    r.rlim_cur = hard / 2;
    setrlimit(RLIMIT_NOFILE, &r);
    process_start();
    getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur != hard || process_files_before() != hard / 2)
        return 1;
    process_restore_limits();
    getrlimit(RLIMIT_NOFILE, &r);
    return r.rlim_cur == hard / 2 && r.rlim_max == hard ? 0 : 2;
}

static void the_limit_of_open_files_is_raised_and_given_back(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(raise_and_restore), 0);
}

static int ask_for_stop_signals(void)
{
    int sig[PROCESS_STOPS_MAX];
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_DFL);
    if (process_stop_signals(sig) != 3 || sig[0] != SIGHUP || sig[1] != SIGINT || sig[2] != SIGTERM)
        return 1;
    signal(SIGHUP, SIG_IGN);
    return process_stop_signals(sig) == 2 && sig[0] == SIGINT && sig[1] == SIGTERM ? 0 : 2;
}

static void an_ignored_hangup_is_no_stop_and_an_ignored_interrupt_is(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(ask_for_stop_signals), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_standard_descriptors_become_dev_null),
        cmocka_unit_test(the_limit_of_open_files_is_raised_and_given_back),
        cmocka_unit_test(an_ignored_hangup_is_no_stop_and_an_ignored_interrupt_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
