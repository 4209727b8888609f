/* SPDX-License-Identifier: MIT */
/* test_file_limits.c - a limit of a file's size and a umask are named where they are in the way,
 * and only there. What is set for a process is set in a child. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file_limits.h"
#include "common/base/paths.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { LIMIT = 1000, ANOTHER_USER = 65534 };

static bool holds_in_child(bool (*what)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(what() ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool limit_is_named(void)
{
    static const char text[2 * LIMIT] = "";
    struct rlimit r = {LIMIT, LIMIT};
    int fd = open(files_in("file"), O_WRONLY | O_CREAT, 0600);
    signal(SIGXFSZ, SIG_IGN);
    if (fd < 0 || setrlimit(RLIMIT_FSIZE, &r) != 0)
        return false;
    int some = file_write_code(fd, write(fd, text, sizeof text)),
        none = file_write_code(fd, write(fd, text, sizeof text));
    return some == EFBIG && none == EFBIG &&
           strcmp(file_write_why(EFBIG),
                  "File too large; files may have 1000 bytes at most (ulimit -f)") == 0;
}

static void a_limit_of_a_files_size_is_named(void **state)
{
    (void)state;
    assert_true(holds_in_child(limit_is_named));
}

static void a_disk_that_takes_a_part_is_full(void **state)
{
    int fd = open(files_in("file"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(file_write_code(fd, 1), ENOSPC);
    errno = EIO;
    assert_int_equal(file_write_code(fd, -1), EIO);
    close(fd);
    assert_string_equal(file_write_why(ENOSPC), "No space left on device");
    assert_string_equal(file_write_why(EACCES), "Permission denied");
    assert_string_equal(file_write_why(EFBIG), "File too large"); /* of the file system */
}

/* Whoever runs the tests, it is no root, who may do what no mode allows. */
static bool umask_is_named(void)
{
    static const unsigned masks[] = {0777, 0700, 0400, 0200, 0100};
    struct onic_err why = {0};
    struct stat st;
    if (geteuid() == 0 && setresuid(ANOTHER_USER, ANOTHER_USER, ANOTHER_USER) != 0)
        return false;
    bool named = true;
    for (size_t i = 0; i < sizeof masks / sizeof *masks && named; i++) {
        char want[32];
        umask(masks[i]);
        snprintf(want, sizeof want, "the umask %04o", masks[i]);
        named = file_check_umask(&why) == ONIC_ECANTCREATE && strstr(why.msg, want) &&
                strstr(file_write_why(EACCES), want) &&
                paths_make_dirs(files_in("made"), &why) == ONIC_ECANTCREATE &&
                strstr(why.msg, want) && stat(files_in("made"), &st) != 0;
    }
    umask(0077);
    return named && file_check_umask(&why) == ONIC_OK &&
           strcmp(file_write_why(EACCES), "Permission denied") == 0;
}

static void a_umask_that_locks_its_user_out_is_named_and_nothing_made(void **state)
{
    (void)state;
    assert_int_equal(chmod(files_folder(), 0777), 0);
    assert_true(holds_in_child(umask_is_named));
}

#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_limit_of_a_files_size_is_named),
        IN_DIR(a_disk_that_takes_a_part_is_full),
        IN_DIR(a_umask_that_locks_its_user_out_is_named_and_nothing_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
