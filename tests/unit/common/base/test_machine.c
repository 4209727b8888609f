/* SPDX-License-Identifier: MIT */
/* test_machine.c - CPU features and quota (on a made-up file system), paths, the lock of a run
 * directory. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/paths.h"
#include "common/base/run_lock.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static void a_cpu_that_lacks_something_is_named_and_refused(void **state)
{
    (void)state;
    char text[256] = "";
    struct cpu_features all = {.avx2 = true, .fma = true, .bmi2 = true, .f16c = true};
    assert_true(cpu_supported(all, text, sizeof text));
    struct cpu_features old = {.bmi2 = true};
    assert_false(cpu_supported(old, text, sizeof text));
    assert_non_null(strstr(text, "this one lacks AVX2 FMA F16C;"));
    assert_true(cpu_supported(cpu_features(), text, sizeof text)); /* or this test would not run */
}

/* What stands behind `key` in the kernel's description of the first CPU; "" if nothing does. */
static const char *cpuinfo(const char *key)
{
    static char line[4][512];
    static int turn;
    char *at = line[turn++ % 4];
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f && !found && fgets(at, sizeof line[0], f)) {
        size_t n = strcspn(at, "\t:");
        char *value = strchr(at, ':');
        if (n == strlen(key) && strncmp(at, key, n) == 0 && value) {
            value[strcspn(value, "\n")] = '\0';
            value += 1 + strspn(value + 1, " ");
            memmove(at, value, strlen(value) + 1);
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found ? at : "";
}

static void a_cpu_is_named_as_the_kernel_does(void **state)
{
    (void)state;
    char model[CPU_MODEL_MAX], want[CPU_MODEL_MAX];
    cpu_model(model);
    snprintf(want, sizeof want, " (family %.8s, model %.8s)", cpuinfo("cpu family"),
             cpuinfo("model"));
    assert_non_null(strstr(model, want));
    assert_ptr_not_equal(strstr(model, want), model);
    const char *name = cpuinfo("model name");
    if (strcmp(name, "unknown") != 0) { /* of a sandbox that hides it */
        snprintf(want, sizeof want, "%.*s", (int)strcspn(name, " ,"), name);
        assert_int_equal(strncmp(model, want, strlen(want)), 0);
    }
    for (const char *p = model; *p; p++) /* behind ", 2 cores of " in version.txt */
        assert_true(*p >= ' ' && *p <= '~' && strncmp(p, "  ", 2) != 0);
}

static void no_cgroup_means_no_quota(void **state)
{
    assert_close(cpu_quota(*state), 0, 0, 0);
    files_make(*state, "/proc/self/cgroup", "0::/\n");
    assert_close(cpu_quota(*state), 0, 0, 0);
    files_make(*state, "/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_close(cpu_quota(*state), 0, 0, 0);
}

static void the_tightest_cgroup_v2_quota_on_the_way_up_counts(void **state)
{
    files_make(*state, "/proc/self/cgroup", "0::/a/b/c\n");
    files_make(*state, "/sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    assert_close(cpu_quota(*state), 4, 1e-9, 0);
    files_make(*state, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    assert_close(cpu_quota(*state), 1.5, 1e-9, 0);
    files_make(*state, "/sys/fs/cgroup/cpu.max", "50000 100000\n");
    assert_close(cpu_quota(*state), 0.5, 1e-9, 0);
}

static void cgroup_v1_quotas_are_read(void **state)
{
    files_make(*state, "/proc/self/cgroup",
               "5:cpuset:/x\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n");
    files_make(*state, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
               "250000\n"); /* seen from inside a container */
    files_make(*state, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_close(cpu_quota(*state), 2.5, 1e-9, 0);
    files_make(*state, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
    files_make(*state, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    assert_close(cpu_quota(*state), 2.5, 1e-9, 0);
}

static void the_affinity_mask_counts(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(cpu_affinity(), CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
            break;
        }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(cpu_affinity(), 1);
    assert_int_equal(cpu_usable(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_true(cpu_usable() >= 1 && cpu_usable() <= CPU_COUNT(&before));
}

static void paths_are_relative_to_the_program(void **state)
{
    char program[PATHS_MAX], out[PATHS_MAX], want[PATHS_MAX + 16];
    assert_ok(paths_program_dir(program, sizeof program, &err));
    assert_int_equal(program[0], '/');
    /* what is there without the right to run it is not missing */
    assert_err(paths_beside_program("CTestTestfile.cmake", out, sizeof out, &err), ONIC_EAUTH,
               "may not be run by this user");
    assert_err(paths_beside_program("no-such-program", out, sizeof out, &err), ONIC_ENOTFOUND,
               "the program no-such-program is missing beside ");
    assert_err(paths_beside_program("no-such-program", out, sizeof out, &err), ONIC_ENOTFOUND,
               "; build or install all of onic");
    assert_err(paths_share("no/such/file", out, sizeof out, &err), ONIC_ENOTFOUND,
               "no/such/file is neither in the deploy folder of a checkout nor in share/onic");
    assert_err(paths_program_dir(out, 3, &err), ONIC_ELIMIT, "too long");
    setenv("ONIC_CACHE", *state, 1);
    assert_ok(paths_cache_dir(out, sizeof out, &err));
    assert_string_equal(out, *state);
    setenv("ONIC_CACHE", "/nonexistent/cache", 1);
    assert_ok(paths_cache_dir(out, sizeof out, &err));
    assert_string_equal(out, "/nonexistent/cache");
    assert_err(paths_cache_dir(out, 9, &err), ONIC_ELIMIT, "ONIC_CACHE is too long");
    unsetenv("ONIC_CACHE");
    assert_ok(paths_cache_dir(out, sizeof out, &err));
    snprintf(want, sizeof want, "%s/cache", program);
    assert_true(strcmp(out, want) == 0 || access(out, F_OK) == 0);
}

static void one_directory_one_run(void **state)
{
    const char *dir = *state;
    int fd, other, held;
    char text[256];
    assert_int_equal(run_lock_peek(dir, text, sizeof text, &held), ONIC_ENOTFOUND);
    assert_ok(run_lock_take(dir, &fd, &err));
    assert_int_equal(run_lock_describe(fd, "the first run"), ONIC_OK);
    assert_err(run_lock_take(dir, &other, &err), ONIC_ECANTCREATE, "in use by the first run");
    assert_int_equal(other, -1);
    assert_int_equal(run_lock_peek(dir, text, sizeof text, &held), ONIC_OK);
    assert_string_equal(text, "the first run");
    assert_true(held);
    close(fd);
    assert_int_equal(run_lock_peek(dir, text, sizeof text, &held), ONIC_OK);
    assert_false(held);
    assert_ok(run_lock_take(dir, &fd, &err));
    close(fd);
    assert_err(run_lock_take("/nonexistent", &fd, &err), ONIC_ECANTCREATE,
               "/nonexistent/lock cannot be created");
    char far[5000] = {0};
    memset(far, 'd', sizeof far - 1);
    assert_err(run_lock_take(far, &fd, &err), ONIC_ECANTCREATE,
               "the run directory's path is too long");
}

/* `onic labels` looks who holds it; neither that nor a stranger who can read keeps a run out. */
static void who_only_looks_at_the_lock_keeps_nobody_out(void **state)
{
    const char *dir = *state;
    char path[400];
    struct stat st;
    int fd, look, held;
    snprintf(path, sizeof path, "%s/lock", dir);
    mode_t before = umask(022);
    assert_ok(run_lock_take(dir, &fd, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600); /* who may not write may not open it, so not lock */
    close(fd);
    assert_int_equal(chmod(path, 0644), 0); /* as an older onic made it */
    look = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(look, LOCK_SH), 0);
    assert_err(run_lock_take(dir, &fd, &err), ONIC_ECANTCREATE,
               "/lock is locked by a process that does not run this run");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    pid_t pid = fork();
    if (pid == 0) { /* lets go while the other one tries */
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        flock(look, LOCK_UN);
        _exit(0);
    }
    assert_ok(run_lock_take(dir, &fd, &err));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(look);
    char text[256];
    assert_int_equal(run_lock_peek(dir, text, sizeof text, &held), ONIC_OK);
    assert_true(held);
    umask(007); /* a directory that a group shares */
    assert_int_equal(unlink(path), 0);
    assert_ok(run_lock_keep(dir, fd, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(fd);
    umask(before);
}

/* A lock file that was removed is taken again, unless somebody was quicker. */
static void a_removed_lock_file_is_taken_again(void **state)
{
    const char *dir = *state;
    char path[400], text[256];
    int fd, other, held;
    snprintf(path, sizeof path, "%s/lock", dir);
    assert_ok(run_lock_take(dir, &fd, &err));
    run_lock_describe(fd, "the first run");
    assert_ok(run_lock_keep(dir, fd, &err));
    assert_int_equal(unlink(path), 0);
    assert_ok(run_lock_keep(dir, fd, &err));
    assert_int_equal(run_lock_peek(dir, text, sizeof text, &held), ONIC_OK);
    assert_true(held);
    assert_string_equal(text, "the first run");
    assert_err(run_lock_take(dir, &other, &err), ONIC_ECANTCREATE, "in use by the first run");
    assert_int_equal(unlink(path), 0);
    assert_ok(run_lock_take(dir, &other, &err));
    assert_err(run_lock_keep(dir, fd, &err), ONIC_ECANTCREATE, "in use by process");
    close(fd);
    close(other);
}

static void a_child_inherits_the_lock(void **state)
{
    const char *dir = *state;
    int fd, mine, status;
    assert_ok(run_lock_take(dir, &fd, &err));
    pid_t pid = fork();
    if (pid == 0) {
        run_lock_pass(fd);
        struct onic_err err = {0};
        int flags = fcntl(fd, F_GETFD);
        bool ok = flags == 0 && run_lock_take(dir, &mine, &err) == ONIC_OK && mine == fd;
        /* another directory's lock is not covered by it */
        ok = ok && run_lock_take("/nonexistent", &mine, &err) == ONIC_ECANTCREATE;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd);
}

int main(void)
{
    unsetenv("ONIC_HELD_LOCK");
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_that_lacks_something_is_named_and_refused),
        cmocka_unit_test(a_cpu_is_named_as_the_kernel_does),
        IN_DIR(no_cgroup_means_no_quota),
        IN_DIR(the_tightest_cgroup_v2_quota_on_the_way_up_counts),
        IN_DIR(cgroup_v1_quotas_are_read),
        cmocka_unit_test(the_affinity_mask_counts),
        IN_DIR(paths_are_relative_to_the_program),
        IN_DIR(one_directory_one_run),
        IN_DIR(who_only_looks_at_the_lock_keeps_nobody_out),
        IN_DIR(a_removed_lock_file_is_taken_again),
        IN_DIR(a_child_inherits_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
