/* SPDX-License-Identifier: MIT */
/* test_paths.c - folders that are made with those above them. */
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/paths.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void folders_above_are_made_too(void **state)
{
    (void)state;
    assert_ok(paths_make_dirs(files_in("a/b/c"), &err));
    assert_true(is_folder(files_in("a/b/c")));
    assert_ok(paths_make_dirs(files_in("a/b/c"), &err)); /* those that are there stay */
}

static void a_file_in_the_way_is_named(void **state)
{
    (void)state;
    fclose(fopen(files_in("file"), "w"));
    assert_err(paths_make_dirs(files_in("file/b"), &err), ONIC_ECANTCREATE, "file/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_above_are_made_too),
        cmocka_unit_test(a_file_in_the_way_is_named),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
