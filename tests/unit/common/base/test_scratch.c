/* SPDX-License-Identifier: MIT */
/* test_scratch.c - private folders: where they are made, and who may remove them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/scratch.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static const struct scratch_wish wish = {.prefix = "onic-x-", .what = "tests"};

static void the_first_place_that_can_hold_it_is_taken(void **state)
{
    (void)state;
    struct scratch s;
    struct stat st;
    assert_int_equal(mkdir(files_in("b"), 0700), 0);
    const char *const places[] = {NULL, "", files_in("missing"), files_in("b"), files_folder()};
    assert_ok(scratch_create(&s, &wish, places, 5, &err));
    assert_memory_equal(s.path, files_in("b/onic-x-"), strlen(files_in("b/onic-x-")));
    assert_int_equal(stat(s.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    char path[sizeof s.path];
    memcpy(path, s.path, sizeof path);
    scratch_remove(&s);
    assert_false(exists(path));
    scratch_remove(&s); /* nothing is left to remove */
}

/* They could put a folder of theirs in its place: sockets in it would be theirs. */
static void places_that_others_can_write_come_last(void **state)
{
    (void)state;
    struct scratch s;
    static const mode_t shared[] = {0702, 0772, 0777};
    const char *const places[] = {files_in("shared"), files_in("sticky"), files_in("own")};
    for (int i = 0; i < 3; i++)
        assert_int_equal(mkdir(places[i], 0700), 0);
    assert_int_equal(chmod(places[1], 01777), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(chmod(places[0], shared[i]), 0);
        assert_ok(scratch_create(&s, &wish, places, 3, &err));
        assert_memory_equal(s.path, places[1], strlen(places[1])); /* as /tmp is */
        scratch_remove(&s);
        assert_ok(scratch_create(&s, &wish, places, 1, &err)); /* the only one */
        assert_memory_equal(s.path, places[0], strlen(places[0]));
        scratch_remove(&s);
    }
    assert_int_equal(chmod(places[0], 0775), 0); /* what umask 002 makes of a run directory */
    assert_ok(scratch_create(&s, &wish, places, 3, &err));
    assert_memory_equal(s.path, places[0], strlen(places[0]));
    scratch_remove(&s);
    if (geteuid() == 0) { /* who else could give it away */
        assert_true(chmod(places[0], 0755) == 0 && chown(places[0], 65534, 65534) == 0);
        assert_ok(scratch_create(&s, &wish, places, 3, &err));
        assert_memory_equal(s.path, places[1], strlen(places[1]));
        scratch_remove(&s);
    }
}

static void a_path_that_is_too_long_is_passed_over_and_the_limit_said(void **state)
{
    (void)state;
    struct scratch s;
    struct scratch_wish tight = wish;
    const char *deep = files_in("a-folder-with-a-long-name");
    assert_int_equal(mkdir(deep, 0700), 0);
    tight.path_max = strlen(files_folder()) + 1 + strlen("onic-x-XXXXXX");
    const char *const places[] = {deep, files_folder()};
    assert_ok(scratch_create(&s, &tight, places, 2, &err));
    assert_memory_equal(s.path, files_in("onic-x-"), strlen(files_in("onic-x-")));
    scratch_remove(&s);
    char limit[64];
    snprintf(limit, sizeof limit, "(%zu bytes may stand before", strlen(files_folder()));
    assert_err(scratch_create(&s, &tight, places, 1, &err), ONIC_ECANTCREATE, limit);
}

static void a_folder_that_was_removed_is_made_again(void **state)
{
    (void)state;
    struct scratch s;
    struct stat st;
    const char *const places[] = {files_folder()};
    assert_ok(scratch_create(&s, &wish, places, 1, &err));
    char path[sizeof s.path], owner[sizeof s.path + 10];
    memcpy(path, s.path, sizeof path);
    assert_false(scratch_keep(&s)); /* it is there */
    snprintf(owner, sizeof owner, "%s/.owner", path);
    assert_int_equal(unlink(owner), 0);
    assert_int_equal(rmdir(path), 0);
    assert_true(scratch_keep(&s));
    assert_string_equal(s.path, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    struct scratch other; /* whose start removes what dead ones left */
    assert_ok(scratch_create(&other, &wish, places, 1, &err));
    assert_true(exists(path));
    scratch_remove(&other);
    scratch_remove(&s);
    assert_false(exists(path));
}

static int refuse(const char *path)
{
    return exists(path) ? ENOTSUP : 0;
}

static void a_place_that_fails_the_test_is_left_clean_and_named(void **state)
{
    (void)state;
    struct scratch s;
    struct scratch_wish checked = wish;
    checked.check = refuse;
    const char *const places[] = {files_folder()};
    assert_err(scratch_create(&s, &checked, places, 1, &err), ONIC_ECANTCREATE, files_folder());
    assert_int_equal(rmdir(files_folder()), 0); /* empty */
    assert_int_equal(mkdir(files_folder(), 0700), 0);
}

/* A process that is killed with its folder in place `dir`; the folder's path. */
static void leave_behind(char out[300])
{
    int fds[2];
    char path[PATHS_MAX] = "";
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct scratch s;
        const char *const places[] = {files_folder()};
        if (scratch_create(&s, &wish, places, 1, NULL) != ONIC_OK ||
            mkdir(strcat(strcpy(path, s.path), "/sub"), 0700) != 0 ||
            write(fds[1], s.path, strlen(s.path)) < 0)
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], path, sizeof path - 1);
    close(fds[0]);
    waitpid(pid, NULL, 0);
    assert_true(n > 0 && n < 300);
    snprintf(out, 300, "%.*s", (int)n, path);
    assert_true(exists(out));
}

static void what_a_killed_process_left_is_removed_from_every_place(void **state)
{
    (void)state;
    char dead[300];
    struct scratch s;
    leave_behind(dead);
    assert_int_equal(mkdir(files_in("first"), 0700), 0);
    const char *const places[] = {files_in("first"), files_folder()};
    assert_ok(scratch_create(&s, &wish, places, 2, &err));
    assert_false(exists(dead));
    scratch_remove(&s);
}

static void what_may_be_anothers_or_alive_is_left_alone(void **state)
{
    (void)state;
    struct scratch alive, s;
    const char *const places[] = {files_folder()};
    assert_ok(scratch_create(&alive, &wish, places, 1, &err));
    assert_int_equal(mkdir(files_in("onic-x-by-hand"), 0700),
                     0); /* no owner file: not provably dead */
    assert_int_equal(mkdir(files_in("onic-y-else"), 0700), 0);
    assert_int_equal(symlink(files_in("onic-y-else"), files_in("onic-x-link")), 0);
    assert_ok(scratch_create(&s, &wish, places, 1, &err));
    assert_true(exists(alive.path));
    assert_true(exists(files_in("onic-x-by-hand")));
    assert_true(exists(files_in("onic-x-link")));
    assert_true(exists(files_in("onic-y-else")));
    scratch_remove(&alive);
    scratch_remove(&s);
}

static void another_users_dead_folder_is_left_alone(void **state)
{
    (void)state;
    char dead[300];
    struct scratch s;
    const char *const places[] = {files_folder()};
    leave_behind(dead);
    if (geteuid() != 0 || chown(dead, 12345, 12345) != 0)
        skip(); /* only root can give a folder away */
    assert_ok(scratch_create(&s, &wish, places, 1, &err));
    assert_true(exists(dead));
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_place_that_can_hold_it_is_taken, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_was_removed_is_made_again, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(places_that_others_can_write_come_last, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_passed_over_and_the_limit_said,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_place_that_fails_the_test_is_left_clean_and_named,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_process_left_is_removed_from_every_place,
                                        files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(what_may_be_anothers_or_alive_is_left_alone, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(another_users_dead_folder_is_left_alone, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
