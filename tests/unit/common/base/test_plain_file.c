/* SPDX-License-Identifier: MIT */
/* test_plain_file.c - under a file's name there may be something of somebody else. */
#define _GNU_SOURCE
#include "common/base/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"

static const char *in(const char *dir, const char *name)
{
    static char path[4][400];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static int setup(void **state)
{
    static char dir[256];
    temp_dir_create(dir);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    temp_dir_remove(*state);
    return 0;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* A test that hangs here has found a pipe that is waited for. */
static void what_is_no_file_is_not_read_and_not_waited_for(void **state)
{
    const char *dir = *state;
    put(in(dir, "file"), "text");
    assert_int_equal(mkfifo(in(dir, "pipe"), 0600), 0);
    assert_int_equal(symlink("/dev/zero", in(dir, "endless")), 0);
    assert_int_equal(mkdir(in(dir, "folder"), 0700), 0);
    assert_int_equal(symlink(in(dir, "file"), in(dir, "link")), 0);
    static const char *const none[] = {"pipe", "endless", "folder"};
    for (int own = 0; own < 2; own++) {
        for (int i = 0; i < 3; i++) {
            assert_null(plain_file_read(in(dir, none[i]), own));
            assert_int_equal(errno, EINVAL);
        }
        static const char *const some[] = {"file", "link"};
        for (int i = 0; i < 2; i++) {
            char text[8] = "";
            FILE *f = plain_file_read(in(dir, some[i]), own);
            assert_non_null(f);
            assert_int_equal(fread(text, 1, sizeof text - 1, f), 4);
            assert_string_equal(text, "text");
            fclose(f);
        }
        assert_null(plain_file_read(in(dir, "nothing"), own));
        assert_int_equal(errno, ENOENT);
    }
    assert_string_equal(plain_file_why(EINVAL), "it is no regular file");
}

static void is_not_opened(const char *path, int flags)
{
    errno = 0;
    assert_int_equal(plain_file_open_own(path, flags, 0600), -1);
    assert_int_equal(errno, EINVAL);
}

/* Whoever writes into it would wait for who reads it, and whoever reads it would find no end. */
static void what_is_no_file_is_not_written(void **state)
{
    const char *dir = *state;
    assert_int_equal(mkfifo(in(dir, "pipe"), 0600), 0);
    assert_int_equal(symlink("/dev/null", in(dir, "device")), 0);
    is_not_opened(in(dir, "pipe"), O_WRONLY); /* nobody reads it */
    is_not_opened(in(dir, "pipe"), O_RDONLY);
    is_not_opened(in(dir, "device"), O_WRONLY | O_CREAT | O_APPEND);
    int reader = open(in(dir, "pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    is_not_opened(in(dir, "pipe"), O_WRONLY | O_CREAT);
    close(reader);
}

static void folders_are_made_and_links_of_others_are_none(void **state)
{
    const char *dir = *state;
    char link_path[400];
    snprintf(link_path, sizeof link_path, "%s/link", dir);
    assert_ok(plain_folder_make(in(dir, "folder"), &err));
    assert_int_equal(access(in(dir, "folder"), R_OK | W_OK | X_OK), 0);
    assert_ok(plain_folder_make(in(dir, "folder"), &err));
    assert_err(plain_folder_make(in(dir, "no/folder"), &err), ONIC_ECANTCREATE,
               "no/folder cannot be made: No such file");
    put(in(dir, "file"), "");
    assert_err(plain_folder_make(in(dir, "file"), &err), ONIC_ECANTCREATE,
               "file cannot be made: Not a directory");
    assert_int_equal(symlink(in(dir, "folder"), link_path), 0);
    assert_ok(plain_folder_make(link_path, &err)); /* my own: another disk, say */
    if (geteuid() != 0)
        skip();
    assert_int_equal(lchown(link_path, 65534, 65534), 0);
    assert_err(plain_folder_make(link_path, &err), ONIC_ECANTCREATE,
               "link cannot be made: another user made a link there");
}

static void a_link_of_another_user_is_not_followed(void **state)
{
    const char *dir = *state;
    char link_path[400];
    snprintf(link_path, sizeof link_path, "%s/link", dir);
    put(in(dir, "mine"), "mine");
    assert_int_equal(symlink(in(dir, "mine"), link_path), 0);
    int fd = plain_file_open_own(link_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0); /* my own */
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    close(fd);
    assert_false(plain_file_is_foreign_link(link_path));
    if (geteuid() != 0) /* who else could make a link another user's */
        skip();
    assert_int_equal(lchown(link_path, 65534, 65534), 0);
    assert_true(plain_file_is_foreign_link(link_path));
    assert_false(plain_file_is_foreign_link(in(dir, "mine")));
    errno = 0;
    assert_int_equal(plain_file_open_own(link_path, O_WRONLY | O_CREAT | O_APPEND, 0600), -1);
    assert_int_equal(errno, PLAIN_FILE_FOREIGN);
    assert_string_equal(plain_file_why(errno), "another user made a link there");
    assert_null(plain_file_read(link_path, true));
    assert_int_equal(errno, PLAIN_FILE_FOREIGN);
    FILE *f = plain_file_read(link_path, false);
    assert_non_null(f);
    fclose(f);
    /* one that leads nowhere makes nothing there */
    assert_int_equal(unlink(in(dir, "mine")), 0);
    assert_int_equal(plain_file_open_own(link_path, O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(access(in(dir, "mine"), F_OK), -1);
}

/* Nobody else made it. */
static void a_link_to_itself_is_no_link_of_another_user(void **state)
{
    const char *dir = *state;
    assert_int_equal(symlink("itself", in(dir, "itself")), 0);
    assert_int_equal(plain_file_open_own(in(dir, "itself"), O_WRONLY | O_CREAT, 0600), -1);
    assert_int_equal(errno, ELOOP);
    assert_string_equal(plain_file_why(errno), "the link there leads back to itself");
    for (int own = 0; own < 2; own++) {
        assert_null(plain_file_read(in(dir, "itself"), own));
        assert_int_equal(errno, ELOOP);
    }
    assert_err(plain_folder_make(in(dir, "itself"), &err), ONIC_ECANTCREATE,
               "itself cannot be made: the link there leads back to itself");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_read_and_not_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_not_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_of_another_user_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_to_itself_is_no_link_of_another_user, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(folders_are_made_and_links_of_others_are_none, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
