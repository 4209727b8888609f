/* SPDX-License-Identifier: MIT */
/* test_checkpoint_faults.c - a disk that does not give a file is no damage of the file. The calls
 * of the C library that read files and folders are this program's own: those of one name fail. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static const char *fails_on;   /* part of a file's name; NULL: nothing fails */
static int error, calls_until; /* error 0: it ends there */

static bool fails(int fd)
{
    char link[64], path[512];
    if (!fails_on)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    if (!strstr(path, fails_on) || calls_until-- > 0)
        return false;
    errno = error;
    return true;
}

ssize_t read(int fd, void *data, size_t n)
{
    return fails(fd) ? (error ? -1 : 0) : syscall(SYS_read, fd, data, n);
}

ssize_t __read_chk(int fd, void *data, size_t n, size_t room);
ssize_t __read_chk(int fd, void *data, size_t n, size_t room)
{
    ONIC_ASSERT(n <= room);
    return read(fd, data, n);
}

struct dirent *readdir(DIR *dir)
{
    static struct dirent *(*real)(DIR *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "readdir");
    return fails(dirfd(dir)) ? NULL : real(dir);
}

static int setup(void **state)
{
    fails_on = NULL;
    calls_until = 0;
    return files_setup(state);
}

static void versions(uint64_t from, uint64_t to)
{
    static const float numbers[3] = {7.0f, 8.0f, 9.0f};
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_f32(c, "adam.m", 1, 3, numbers);
    for (uint64_t v = from; v <= to; v++)
        assert_ok(checkpoint_write_version(c, files_folder(), v, NULL, &err));
    checkpoint_free(c);
}

static void a_checkpoint_that_cannot_be_read_now_is_not_passed_over(void **state)
{
    static const int errors[] = {EIO, ESTALE, ETIMEDOUT};
    struct checkpoint_file *f;
    struct buf report;
    (void)state;
    versions(1, 2);
    buf_init(&report, 1 << 16);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        char part[200];
        error = errors[i];
        fails_on = "ckpt-000000000002";
        snprintf(part, sizeof part, "/ckpt-000000000002.safetensors: %s; this may pass",
                 strerror(error));
        assert_err(checkpoint_newest_valid(&f, files_folder(), &report, &err), ONIC_EIO, part);
        assert_err(checkpoint_newest_valid(&f, files_folder(), &report, &err), ONIC_EIO,
                   "rename or remove the file if it can never be read");
        assert_false(checkpoint_make_room(files_folder(), 3)); /* not of one that may be needed */
        assert_int_equal(report.len, 0);
        fails_on = NULL;
        assert_ok(checkpoint_newest_valid(&f, files_folder(), &report, &err));
        assert_non_null(strstr(checkpoint_path(f), "ckpt-000000000002"));
        checkpoint_close(f);
    }
    buf_release(&report);
}

/* Its last bytes may be on the way from another host. */
static void a_checkpoint_that_becomes_shorter_is_not_passed_over(void **state)
{
    struct checkpoint_file *f;
    (void)state;
    versions(1, 2);
    error = 0;
    fails_on = "ckpt-000000000002";
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EIO,
               "ckpt-000000000002.safetensors: it became shorter; this may pass");
}

static void what_fits_into_no_checkpoint_is_said(void **state)
{
    struct checkpoint *c = checkpoint_create();
    char name[32];
    (void)state;
    assert_err(checkpoint_write_version(c, files_folder(), 1000000000000, NULL, &err), ONIC_ELIMIT,
               "version 1000000000000 or the path ");
    for (int i = 0; i <= CHECKPOINT_TENSORS_MAX; i++) {
        snprintf(name, sizeof name, "t%d", i);
        checkpoint_add_bytes(c, name, "x", 1);
    }
    assert_err(checkpoint_write_version(c, files_folder(), 1, NULL, &err), ONIC_ELIMIT,
               "the checkpoint has more than 1024 tensors, 256 facts, ");
    checkpoint_free(c);
}

/* The user's word: it is renamed. And what lies below one that is fine may be unreadable. */
static void one_that_was_renamed_is_not_asked_for(void **state)
{
    struct checkpoint_file *f;
    (void)state;
    versions(1, 3);
    error = EIO;
    fails_on = "ckpt-000000000003";
    assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EIO, "try again");
    assert_int_equal(rename(files_in("ckpt-000000000003.safetensors"), files_in("unreadable")), 0);
    fails_on = "ckpt-000000000001";
    assert_ok(checkpoint_newest_valid(&f, files_folder(), NULL, &err));
    assert_non_null(strstr(checkpoint_path(f), "ckpt-000000000002"));
    checkpoint_close(f);
}

static void one_that_is_damaged_is_passed_over_as_ever(void **state)
{
    struct checkpoint_file *f;
    struct buf report;
    (void)state;
    versions(1, 4);
    buf_init(&report, 1 << 16);
    assert_int_equal(truncate(files_in("ckpt-000000000004.safetensors"), 100), 0);
    FILE *file = fopen(files_in("ckpt-000000000003.safetensors"), "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, -1, SEEK_END), 0);
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    assert_ok(checkpoint_newest_valid(&f, files_folder(), &report, &err));
    assert_non_null(strstr(checkpoint_path(f), "ckpt-000000000002"));
    assert_non_null(strstr(report.data, "000004.safetensors: "));
    assert_non_null(strstr(report.data, "its checksum does not match its bytes"));
    checkpoint_close(f);
    buf_release(&report);
}

/* Else the run would begin anew, or with an older one. */
static void a_folder_that_cannot_be_listed_is_not_empty(void **state)
{
    struct checkpoint_file *f;
    char folder[300];
    (void)state;
    versions(1, 3);
    error = ESTALE;
    snprintf(folder, sizeof folder, "%s", strrchr(files_folder(), '/'));
    for (int listed = 0; listed < 4; listed++) {
        fails_on = folder;
        calls_until = listed;
        assert_err(checkpoint_newest_valid(&f, files_folder(), NULL, &err), ONIC_EIO,
                   "cannot be read: Stale file handle");
        fails_on = NULL;
    }
    assert_int_equal(checkpoint_prune(files_folder(), 1, 3), 2);
}

int main(void)
{
#define FAULT(name) cmocka_unit_test_setup_teardown(name, setup, files_teardown)
    const struct CMUnitTest tests[] = {
        FAULT(a_checkpoint_that_cannot_be_read_now_is_not_passed_over),
        FAULT(a_checkpoint_that_becomes_shorter_is_not_passed_over),
        FAULT(what_fits_into_no_checkpoint_is_said),
        FAULT(one_that_was_renamed_is_not_asked_for),
        FAULT(one_that_is_damaged_is_passed_over_as_ever),
        FAULT(a_folder_that_cannot_be_listed_is_not_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
