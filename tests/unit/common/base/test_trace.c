/* SPDX-License-Identifier: MIT */
/* test_trace.c - what a process leaves of itself for a checker, whatever happens to it. */
#define _GNU_SOURCE
#include "common/base/trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "tests/support/said.h"

enum { EVENTS_MAX = 4096 };

static struct trace_event got[EVENTS_MAX];

/* The only trace of a folder; -1: there is none. */
static long read_only_trace(const char *folder)
{
    char path[600] = "";
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (d)
        closedir(d);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -1;
    long n = (long)read(fd, got, sizeof got);
    close(fd);
    return n;
}

static void without_the_variable_nothing_is_written(void **state)
{
    (void)state;
    unsetenv("ONIC_TRACE");
    assert_ok(trace_open("learner", &err));
    assert_false(trace_on);
    int computed = 0;
    trace(MADE, .seq = (uint64_t)++computed);
    assert_int_equal(computed, 0);
}

static void every_event_is_a_record_with_its_time_and_check(void **state)
{
    (void)state;
    const char *folder = files_in("traces");
    setenv("ONIC_TRACE", folder, 1);
    assert_ok(trace_open("learner", &err));
    unsetenv("ONIC_TRACE");
    trace(CONSUMED, .actor = 3, .incarnation = 5, .seq = 17, .version = 2);
    trace(ENDED, .n = 0);
    trace_end();
    assert_int_equal(read_only_trace(folder), 3 * TRACE_RECORD_BYTES);
    assert_int_equal(got[0].kind, TRACE_PROCESS);
    assert_int_equal(got[0].n, (uint32_t)getpid());
    assert_int_equal(got[1].kind, TRACE_CONSUMED);
    assert_int_equal(got[1].actor, 3);
    assert_int_equal(got[1].seq, 17);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(got[i].check, trace_check(&got[i]));
        assert_true(i == 0 || got[i].time_ns >= got[i - 1].time_ns);
        got[i].seq ^= 1;
        assert_int_not_equal(got[i].check, trace_check(&got[i]));
    }
}

static void a_killed_process_has_left_every_event(void **state)
{
    (void)state;
    const char *folder = files_in("traces");
    pid_t pid = fork();
    if (pid == 0) {
        struct onic_err err;
        if (trace_begin(folder, "actor", &err) == ONIC_OK)
            for (uint64_t i = 1; i <= 1000; i++)
                trace(MADE, .seq = i);
        raise(SIGKILL);
    }
    assert_true(waitpid(pid, NULL, 0) == pid);
    assert_int_equal(read_only_trace(folder), 1001 * TRACE_RECORD_BYTES);
    assert_int_equal(got[1000].seq, 1000);
}

static void a_trace_that_cannot_be_written_is_emptied(void **state)
{
    (void)state;
    const char *folder = files_in("traces");
    struct rlimit old, low;
    assert_ok(trace_begin(folder, "learner", &err));
    trace(MADE, .seq = 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    low = old;
    low.rlim_cur = 2 * TRACE_RECORD_BYTES + 8; /* the next one is written in part */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    said_begin(LOG_ERROR);
    trace(MADE, .seq = 2);
    said_end();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_false(trace_on);
    assert_said("the trace of this process cannot be written and is given up (ONIC_TRACE) why=\"a "
                "short write\"");
    trace(MADE, .seq = 3);
    trace_end();
    assert_int_equal(read_only_trace(folder), 0);
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/missing/traces", files_folder());
    assert_err(trace_begin(path, "learner", &err), ONIC_ECANTCREATE, "ONIC_TRACE");
    assert_false(trace_on);
}

int main(void)
{
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(without_the_variable_nothing_is_written),
        IN_FOLDER(every_event_is_a_record_with_its_time_and_check),
        IN_FOLDER(a_killed_process_has_left_every_event),
        IN_FOLDER(a_trace_that_cannot_be_written_is_emptied),
        IN_FOLDER(a_folder_that_cannot_be_made_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
