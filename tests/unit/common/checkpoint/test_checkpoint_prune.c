/* SPDX-License-Identifier: MIT */
/* test_checkpoint_prune.c - which files of a folder of checkpoints are removed, which are not. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static void versions(uint64_t from, uint64_t to)
{
    struct checkpoint *c = checkpoint_create();
    for (uint64_t v = from; v <= to; v++)
        assert_ok(checkpoint_write_version(c, files_folder(), v, NULL, &err));
    checkpoint_free(c);
}

/* A temporary file of that process, written to so many seconds ago. */
static const char *left_behind(const char *name, pid_t pid, int seconds)
{
    char text[100];
    snprintf(text, sizeof text, "%s.tmp.%ld.0123456789abcdef", name, (long)pid);
    const char *path = files_in(text);
    files_write(path, "x");
    struct timespec then[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
    return path;
}

/* No process has its number any more, at least not this one's child. */
static pid_t dead_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

/* Of a process that lives, and of one on another machine that shares the folder. */
static void a_file_that_somebody_is_writing_is_not_pruned(void **state)
{
    (void)state;
    char lives[300], elsewhere[300];
    versions(1, 2);
    snprintf(lives, sizeof lives, "%s",
             left_behind("ckpt-000000000003.safetensors", getppid(), 700));
    snprintf(elsewhere, sizeof elsewhere, "%s", left_behind("LATEST", dead_process(), 5));
    assert_int_equal(checkpoint_prune(files_folder(), 2, 2), 0);
    assert_int_equal(access(lives, F_OK), 0);
    assert_int_equal(access(elsewhere, F_OK), 0);
}

static void pruning_keeps_the_newest_and_removes_what_a_crash_left(void **state)
{
    (void)state;
    pid_t gone = dead_process();
    versions(1, 6);
    left_behind("ckpt-000000000007.safetensors", gone, 700);
    left_behind("LATEST", gone, 700);
    left_behind("ckpt-000000000008.safetensors", getpid(), 700); /* as process 1 of a container */
    files_write(files_in("notes.txt"), "x");
    assert_int_equal(checkpoint_prune(files_folder(), 2, 6), 7);
    assert_int_equal(access(files_in("ckpt-000000000006.safetensors"), F_OK), 0);
    assert_int_equal(access(files_in("ckpt-000000000005.safetensors"), F_OK), 0);
    assert_int_equal(access(files_in("notes.txt"), F_OK), 0);
    assert_int_not_equal(access(files_in("ckpt-000000000004.safetensors"), F_OK), 0);
    char hint[64];
    FILE *latest = fopen(files_in("LATEST"), "re");
    assert_non_null(latest);
    size_t n = fread(hint, 1, sizeof hint, latest);
    fclose(latest);
    assert_int_equal(n, strlen("ckpt-000000000006.safetensors\n"));
    assert_memory_equal(hint, "ckpt-000000000006.safetensors\n", n);
    /* 6 turned out to be damaged, the run went on from 4: 5 is the newest good one */
    assert_int_equal(checkpoint_prune(files_folder(), 1, 5), 0);
    assert_int_equal(access(files_in("ckpt-000000000005.safetensors"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_somebody_is_writing_is_not_pruned, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(pruning_keeps_the_newest_and_removes_what_a_crash_left,
                                        files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
