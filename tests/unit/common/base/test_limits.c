/* SPDX-License-Identifier: MIT */
/* test_limits.c - limits of memory and threads are seen before they hurt, and named. Real limits
 * are set in children; control groups are made up. */
#define _GNU_SOURCE
#include "common/base/limits.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"

enum { MB = 1 << 20, SOMEBODY = 54321 };

static void control_groups_are_read_on_all_levels(void **state)
{
    (void)state;
    char root[256], text[LIMITS_TEXT_MAX];
    temp_dir_create(root);
    files_make(root, "/proc/self/cgroup", "0::/a/b\n");
    files_make(root, "/proc/vmstat", "nr_free_pages 1\noom_kill 7\n");
    assert_close(limits_group_memory(root), 0, 0, 0);
    assert_int_equal(limits_oom_kills(root), 7); /* of the machine: the group does not tell */
    files_make(root, "/sys/fs/cgroup/a/b/memory.max", "max\n");
    files_make(root, "/sys/fs/cgroup/a/memory.max", "31457280\n");
    files_make(root, "/sys/fs/cgroup/a/b/pids.max", "12\n");
    files_make(root, "/sys/fs/cgroup/a/memory.events", "low 0\noom 9\noom_kill 5\n");
    assert_close(limits_group_memory(root), 30.0 * MB, 0, 0);
    assert_int_equal(limits_oom_kills(root), 5);
    files_make(root, "/sys/fs/cgroup/a/b/memory.events", "low 0\noom 2\noom_kill 0\n");
    assert_int_equal(limits_oom_kills(root), 0); /* our own group knows best */
    limits_memory_text(root, text, sizeof text);
    assert_non_null(strstr(text, "control group (container) is 30 MB"));
    limits_threads_text(root, text, sizeof text);
    assert_non_null(strstr(text, "control group (container) is 12"));
    temp_dir_remove(root);
}

static void version_1_groups_are_read(void **state)
{
    (void)state;
    char root[256];
    temp_dir_create(root);
    files_make(root, "/proc/self/cgroup", "4:memory:/x/y\n3:cpu,cpuacct:/\n0::/\n");
    files_make(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_close(limits_group_memory(root), 0, 0, 0);
    files_make(root, "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "62914560\n");
    files_make(root, "/sys/fs/cgroup/memory/x/y/memory.oom_control", "under_oom 0\noom_kill 3\n");
    assert_close(limits_group_memory(root), 60.0 * MB, 0, 0);
    assert_int_equal(limits_oom_kills(root), 3);
    temp_dir_remove(root);
}

static void what_can_be_had_is_had(void **state)
{
    (void)state;
    struct limits_need need = {.who = "it", .threads = 8, .address_mb = 64, .memory_mb = 1};
    assert_ok(limits_check(&need, &err));
}

/* The exit code of a child that runs `body`, and what it says on stderr. */
static int in_child(void (*body)(void), char text[1024])
{
    int fds[2], status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], text, 1023);
    text[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void limit(int what, rlim_t value)
{
    struct rlimit r = {value, value};
    if (setrlimit((__rlimit_resource_t)what, &r) != 0)
        _exit(90);
}

static void end_by(const struct limits_need *need)
{
    struct onic_err err = {0};
    int rc = limits_check(need, &err);
    fprintf(stderr, "%s", err.msg);
    _exit(err_exit_code(rc));
}

static void ask_for_threads(void)
{
    if (getuid() == 0 && (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0)) /* root has no limit */
        _exit(91);
    limit(RLIMIT_NPROC, 3);
    end_by(&(struct limits_need){.who = "it", .threads = 8, .address_mb = 1});
}

static void a_limit_of_threads_is_named(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(in_child(ask_for_threads, text), 64);
    assert_non_null(strstr(text, "it needs 9 threads and gets"));
    assert_non_null(strstr(text, "is 3 (ulimit -u)"));
}

static void *do_nothing(void *arg)
{
    return arg;
}

static void begin_a_thread(void)
{
    pthread_t thread;
    if (getuid() == 0 && (setgid(SOMEBODY) != 0 || setuid(SOMEBODY) != 0)) /* root has no limit */
        _exit(91);
    limit(RLIMIT_NPROC, 1);
    limits_create_thread(&thread, do_nothing, NULL);
}

/* One that comes later than the check at the start. */
static void a_thread_that_cannot_be_had_ends_the_program_with_the_limit(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(in_child(begin_a_thread, text), 64);
    assert_non_null(strstr(text, "onic: a thread cannot be created: the "));
    assert_non_null(strstr(text, "is 1 (ulimit -u)"));
}

static void ask_for_address_space(void)
{
    limit(RLIMIT_AS, 300ull * MB);
    end_by(&(struct limits_need){.who = "it", .address_mb = 400});
}

/* More than a processor of today can address. */
static void ask_for_more_than_there_is(void)
{
    end_by(&(struct limits_need){.who = "it", .address_mb = (size_t)1 << 30});
}

static void what_is_not_there_is_named(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(in_child(ask_for_more_than_there_is, text), 64);
    assert_non_null(strstr(text, "it needs 1073741824 MB more of address space and does not get "
                                 "them ("));
}

static void ask_for_data(void)
{
    limit(RLIMIT_DATA, 300ull * MB);
    end_by(&(struct limits_need){.who = "it", .address_mb = 400});
}

static void take_too_much(void)
{
    limit(RLIMIT_AS, 300ull * MB);
    free(xmalloc(400ull * MB));
}

static void a_limit_of_memory_is_named(void **state)
{
    (void)state;
    char text[1024];
    if (SANITIZED)
        skip(); /* a sanitizer needs more address space than any limit */
    assert_int_equal(in_child(ask_for_address_space, text), 64);
    assert_non_null(strstr(text, "it needs 400 MB more"));
    assert_non_null(strstr(text, "is 300 MB (ulimit -v)"));
    assert_int_equal(in_child(ask_for_data, text), 64);
    assert_non_null(strstr(text, "is 300 MB (ulimit -d)"));
    assert_int_equal(in_child(take_too_much, text), 64);
    assert_non_null(strstr(text, "onic: there is no more memory: the "));
    assert_non_null(strstr(text, "is 300 MB (ulimit -v); raise that limit, or ask for less "
                                 "(train.threads, train.batch, env.count)\n"));
}

static void *signals_of_a_thread(void *blocked)
{
    pthread_sigmask(SIG_BLOCK, NULL, blocked);
    return NULL;
}

static void threads_leave_signals_to_the_one_that_acts_on_them(void **state)
{
    (void)state;
    sigset_t inside, before, after;
    pthread_t thread;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    assert_false(sigismember(&before, SIGTERM));
    limits_create_thread(&thread, signals_of_a_thread, &inside);
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    assert_true(sigismember(&inside, SIGTERM) && sigismember(&inside, SIGUSR1));
    assert_false(sigismember(&inside, SIGSEGV)); /* a crash is reported */
    assert_false(sigismember(&after, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_groups_are_read_on_all_levels),
        cmocka_unit_test(version_1_groups_are_read),
        cmocka_unit_test(what_can_be_had_is_had),
        cmocka_unit_test(a_limit_of_threads_is_named),
        cmocka_unit_test(a_thread_that_cannot_be_had_ends_the_program_with_the_limit),
        cmocka_unit_test(what_is_not_there_is_named),
        cmocka_unit_test(a_limit_of_memory_is_named),
        cmocka_unit_test(threads_leave_signals_to_the_one_that_acts_on_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
