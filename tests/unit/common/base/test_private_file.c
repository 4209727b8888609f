/* SPDX-License-Identifier: MIT */
/* test_private_file.c - secret bytes are read only from a file that nobody else can read. */
#define _DEFAULT_SOURCE
#include "common/base/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"

static void what_was_written_is_read_and_is_private(void **state)
{
    char dir[256], path[300], got[5] = "";
    struct stat st;
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/key", dir);
    mode_t before = umask(0);
    assert_false(private_file_read(path, got, 4));
    assert_ok(private_file_write(path, "abcd", 4, &err));
    assert_ok(private_file_write(path, "efgh", 4, &err));
    umask(before);
    assert_true(private_file_read(path, got, 4));
    assert_string_equal(got, "efgh");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    temp_dir_remove(dir);
}

static void another_length_or_an_open_mode_is_no_secret(void **state)
{
    char dir[256], path[300], link_path[300], got[8];
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/key", dir);
    snprintf(link_path, sizeof link_path, "%s/link", dir);
    assert_ok(private_file_write(path, "abcd", 4, &err));
    assert_false(private_file_read(path, got, 3));
    assert_false(private_file_read(path, got, 5));
    static const mode_t modes[] = {0640, 0620, 0604, 0602, 0610};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_false(private_file_read(path, got, 4));
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(symlink(path, link_path), 0);
    assert_false(private_file_read(link_path, got, 4));
    assert_true(private_file_read(path, got, 4));
    if (geteuid() == 0) { /* who else could make it another user's */
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_false(private_file_read(path, got, 4));
    }
    temp_dir_remove(dir);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_err(private_file_write("/nowhere/at/all", "abcd", 4, &err), ONIC_ECANTCREATE,
               "/nowhere/at/all cannot be written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_and_is_private),
        cmocka_unit_test(another_length_or_an_open_mode_is_no_secret),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
