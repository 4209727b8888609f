/* SPDX-License-Identifier: MIT */
/* test_rotated.c - a file that is appended to goes on where it was renamed, and nowhere else. */
#define _GNU_SOURCE
#include "common/base/rotated.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { TIMES = 50 };

static int begin(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void a_file_that_was_renamed_is_begun_anew_in_its_folder(void **state)
{
    (void)state;
    int fd = begin(files_in("x.log"));
    struct rotated_folder folder = rotated_folder_of(files_in("x.log"));
    assert_false(rotated_reopen(fd, files_in("x.log"), &folder));
    assert_int_equal(rename(files_in("x.log"), files_in("x.log.1")), 0);
    assert_true(rotated_reopen(fd, files_in("x.log"), &folder));
    assert_int_equal(access(files_in("x.log"), F_OK), 0);
    assert_false(rotated_away(fd, files_in("x.log")));
    close(fd);
    rotated_folder_forget(&folder);
}

/* Many file systems give the number of a folder that was removed to the next one that is made. */
static void a_folder_made_where_it_was_removed_is_another_one(void **state)
{
    char folder[300], path[320];
    (void)state;
    snprintf(folder, sizeof folder, "%s/log", files_folder());
    snprintf(path, sizeof path, "%s/x.log", folder);
    int fd = begin(files_in("moved.log"));
    for (int i = 0; i < TIMES; i++) {
        assert_int_equal(mkdir(folder, 0700), 0);
        struct rotated_folder before = rotated_folder_of(path);
        assert_int_equal(rmdir(folder), 0);
        assert_false(rotated_reopen(fd, path, &before));
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_false(rotated_folder_is(&before, path));
        assert_false(rotated_reopen(fd, path, &before));
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rmdir(folder), 0);
        rotated_folder_forget(&before);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_was_renamed_is_begun_anew_in_its_folder,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_folder_made_where_it_was_removed_is_another_one,
                                        files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
