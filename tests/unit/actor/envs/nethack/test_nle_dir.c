/* SPDX-License-Identifier: MIT */
/* test_nle_dir.c - a game's folder that cannot be filled, and one that a cleaner took away. */
#define _GNU_SOURCE
#include "actor/envs/nethack/nle_dir.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"

static char data[300];

static int data_setup(void **state)
{
    int rc = files_setup(state);
    snprintf(data, sizeof data, "%s", files_in("nhdat"));
    files_write(data, "the game's data");
    return rc;
}

static void a_folder_that_was_taken_away_is_named(void **state)
{
    struct nle_dir d = {0};
    char line[PATHS_MAX + 20], want[PATHS_MAX + 100];
    (void)state;
    assert_ok(nle_dir_create(&d, data, &err));
    assert_ok(nle_dir_clear(&d, false, &err));
    snprintf(line, sizeof line, "rm -r '%s'", d.scratch.path);
    assert_int_equal(system(line), 0);
    snprintf(want, sizeof want,
             "the folder %s of a running NetHack disappeared: No such file or directory",
             d.scratch.path);
    assert_err(nle_dir_clear(&d, false, &err), ONIC_EIO, want);
    nle_dir_free(&d);
}

static void data_that_is_not_there_is_named(void **state)
{
    struct nle_dir d = {0};
    (void)state;
    assert_err(nle_dir_create(&d, "/nowhere/nhdat", &err), ONIC_ECONFIG,
               "NetHack's data file /nowhere/nhdat cannot be read: No such file or directory");
}

/* A memory disk, where it is looked for first, with room for the folder and its owner's file. */
static void a_folder_that_cannot_be_filled_is_named(void **state)
{
    struct nle_dir d = {0};
    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "nr_inodes=3") != 0) {
        print_message("a file system cannot be mounted here\n");
        skip();
    }
    assert_err(nle_dir_create(&d, data, &err), ONIC_ECANTCREATE,
               " for NetHack's files cannot be filled: No space left on device");
    assert_int_equal(umount("/dev/shm"), 0);
    assert_ok(nle_dir_create(&d, data, &err));
    nle_dir_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_that_was_taken_away_is_named, data_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(data_that_is_not_there_is_named, data_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_filled_is_named, data_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
