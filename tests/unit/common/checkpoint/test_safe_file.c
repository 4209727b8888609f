/* SPDX-License-Identifier: MIT */
/* test_safe_file.c - the old file survives whatever fails: the n-th call of each kind, a lying
 * disk, a size limit. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"

/* A file layer that fails call number `fail_at` (counted over all kinds), optionally only writes,
 * and can lie. */
static int calls, fail_at;
static bool short_writes, lie, takes_none;

static bool fails(int error)
{
    if (++calls != fail_at)
        return false;
    errno = error;
    return true;
}

static int f_open(const char *path, int flags, mode_t mode)
{
    return fails(EIO) ? -1 : SAFE_IO_POSIX.open(path, flags, mode);
}

static int f_fallocate(int fd, off_t bytes)
{
    return fails(ENOSPC) ? ENOSPC : SAFE_IO_POSIX.fallocate(fd, bytes);
}

static ssize_t f_write(int fd, const void *data, size_t bytes)
{
    if (fails(ENOSPC))
        return -1;
    if (takes_none)
        return 0;
    if (lie) { /* claims success, keeps other bytes */
        char zero = 0;
        ONIC_ASSERT(write(fd, &zero, 1) == 1);
        return 1;
    }
    return write(fd, data, short_writes && bytes > 7 ? 7 : bytes);
}

static ssize_t f_read(int fd, void *data, size_t bytes)
{
    return fails(EIO) ? -1 : read(fd, data, bytes);
}

static int f_fsync(int fd)
{
    return fails(EIO) ? -1 : fsync(fd);
}

static int f_close(int fd)
{
    int rc = close(fd); /* Linux closes even when it reports an error */
    return fails(EIO) ? -1 : rc;
}

static int f_rename(const char *from, const char *to)
{
    return fails(EIO) ? -1 : rename(from, to);
}

static int f_truncate(int fd, off_t bytes)
{
    return fails(EIO) ? -1 : ftruncate(fd, bytes);
}

static const struct safe_io FAULTY = {f_open,  f_fallocate, f_write, f_read,    f_fsync,
                                      f_close, f_rename,    unlink,  f_truncate};

static char dir[256], path[300];

static int setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/ckpt", dir);
    calls = fail_at = 0;
    short_writes = lie = takes_none = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static struct checkpoint *filled(float value)
{
    float v[40];
    for (int i = 0; i < 40; i++)
        v[i] = value;
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_f32(c, "v", 1, 40, v);
    return c;
}

static float stored(void)
{
    struct checkpoint_file *f;
    float v[40];
    assert_ok(checkpoint_open(&f, path, &err));
    assert_ok(checkpoint_get_f32(f, "v", 1, 40, v, &err));
    checkpoint_close(f);
    return v[39];
}

static int files_in_dir(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    struct dirent *e;
    while ((e = readdir(d)))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* What the failing call is named as, in the order in which they are made; some are made more than
 * once. */
static const char *const said[] = {
    "cannot create ",  "cannot reserve ", "cannot write ",    " durable: ",
    "cannot close ",   " back: ",         "cannot close ",    "cannot rename ",
    "open the folder", "make the folder", "close the folder",
};
enum { SAID = sizeof said / sizeof *said };

static void any_single_failing_call_leaves_a_valid_file_and_no_litter(void **state)
{
    (void)state;
    struct checkpoint *old = filled(1.0f), *new = filled(2.0f);
    size_t failures = 0, at = 0;
    for (fail_at = 1;; fail_at++) {
        assert_ok(checkpoint_write(old, path, &err));
        checkpoint_use_io(new, &FAULTY);
        calls = 0;
        struct onic_err why = {0};
        int rc = checkpoint_write(new, path, &why);
        if (calls < fail_at) { /* nothing failed this time: all calls were tried */
            assert_int_equal(rc, ONIC_OK);
            assert_close(stored(), 2.0f, 0, 0);
            break;
        }
        failures++;
        assert_int_not_equal(rc, ONIC_OK);
        at += strstr(why.msg, said[at]) == NULL;
        if (at == SAID || !strstr(why.msg, said[at]) || !strstr(why.msg, dir))
            fail_msg("call %d: %s", fail_at, why.msg);
        assert_true(strstr(why.msg, strerror(EIO)) || strstr(why.msg, strerror(ENOSPC)));
        float now = stored();
        assert_true(now == 1.0f || now == 2.0f); /* 2: only the folder's own sync failed */
        assert_int_equal(files_in_dir(), 1);
    }
    assert_true(failures >= SAID && at == SAID - 1);
    checkpoint_free(old);
    checkpoint_free(new);
}

static void failures_before_the_rename_keep_the_old_file(void **state)
{
    (void)state;
    struct checkpoint *old = filled(1.0f), *new = filled(2.0f);
    assert_ok(checkpoint_write(old, path, &err));
    checkpoint_use_io(new, &FAULTY);
    assert_ok(checkpoint_write(new, path, &err));
    int before_rename = calls - 4; /* rename, then open, fsync, close of the folder */
    assert_ok(checkpoint_write(old, path, &err));
    for (fail_at = 1; fail_at <= before_rename + 1; fail_at++) {
        calls = 0;
        assert_int_not_equal(checkpoint_write(new, path, NULL), ONIC_OK);
        assert_close(stored(), 1.0f, 0, 0);
    }
    checkpoint_free(old);
    checkpoint_free(new);
}

static void short_writes_are_continued(void **state)
{
    (void)state;
    struct checkpoint *c = filled(3.0f);
    short_writes = true;
    checkpoint_use_io(c, &FAULTY);
    assert_ok(checkpoint_write(c, path, &err));
    assert_close(stored(), 3.0f, 0, 0);
    assert_true(calls > 50);
    checkpoint_free(c);
}

static void a_device_that_takes_nothing_is_not_written_to_for_ever(void **state)
{
    (void)state;
    struct checkpoint *c = filled(1.0f);
    takes_none = true;
    checkpoint_use_io(c, &FAULTY);
    assert_err(checkpoint_write(c, path, &err), ONIC_EIO, ": the device takes no more bytes");
    assert_int_equal(files_in_dir(), 0);
    checkpoint_free(c);
}

static void a_disk_that_keeps_other_bytes_is_found_out_before_the_rename(void **state)
{
    (void)state;
    struct checkpoint *old = filled(1.0f), *new = filled(2.0f);
    assert_ok(checkpoint_write(old, path, &err));
    lie = true;
    checkpoint_use_io(new, &FAULTY);
    assert_err(checkpoint_write(new, path, &err), ONIC_EIO,
               " does not read back as it was written (");
    assert_err(checkpoint_write(new, path, &err), ONIC_EIO, " bytes): check the disk");
    assert_close(stored(), 1.0f, 0, 0);
    assert_int_equal(files_in_dir(), 1);
    checkpoint_free(old);
    checkpoint_free(new);
}

static void a_file_size_limit_is_an_error_that_keeps_the_old_file(void **state)
{
    (void)state;
    struct checkpoint *old = filled(1.0f), *new = filled(2.0f);
    assert_ok(checkpoint_write(old, path, &err));
    fflush(NULL);
    pid_t child = fork(); /* the limit cannot be raised again: spend a process on it */
    if (child == 0) {
        struct rlimit limit = {64, 64};
        struct onic_err err = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        int rc = checkpoint_write(new, path, &err);
        _exit(rc == ONIC_EIO && strstr(err.msg, strerror(EFBIG)) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_close(stored(), 1.0f, 0, 0);
    assert_int_equal(files_in_dir(), 1);
    checkpoint_free(old);
    checkpoint_free(new);
}

static void a_full_device_is_an_error(void **state)
{
    (void)state;
    /* Reserving the space is the first call that meets a full disk. */
    struct checkpoint *c = filled(1.0f);
    struct safe_io full = SAFE_IO_POSIX;
    full.fallocate = f_fallocate;
    fail_at = 1;
    checkpoint_use_io(c, &full);
    assert_err(checkpoint_write(c, path, &err), ONIC_EIO, "No space left");
    assert_int_equal(files_in_dir(), 0);
    checkpoint_free(c);
}

static bool disk_is_full;

static int full_open(const char *name, int flags, mode_t mode)
{
    if (disk_is_full && (flags & O_CREAT)) {
        errno = ENOSPC;
        return -1;
    }
    return SAFE_IO_POSIX.open(name, flags, mode);
}

static int full_fallocate(int fd, off_t bytes)
{
    struct stat st;
    if (disk_is_full && (fstat(fd, &st) != 0 || st.st_blocks * 512 < bytes))
        return EDQUOT;
    return SAFE_IO_POSIX.fallocate(fd, bytes);
}

static off_t size_of(const char *name)
{
    char file[400];
    struct stat st;
    snprintf(file, sizeof file, "%s/%s", dir, name);
    return stat(file, &st) == 0 ? st.st_size : -1;
}

/* Its end says nothing of the space that is allocated. */
static off_t reserved(void)
{
    char file[400];
    struct stat st;
    snprintf(file, sizeof file, "%s/" CHECKPOINT_RESERVE, dir);
    return stat(file, &st) == 0 ? (off_t)st.st_blocks * 512 : -1;
}

/* Each takes the place of an old one; without that there is no room. */
static void a_full_disk_takes_checkpoints_where_space_is_reserved(void **state)
{
    (void)state;
    struct checkpoint *c = filled(1.0f);
    struct safe_io full = SAFE_IO_POSIX;
    full.open = full_open;
    full.fallocate = full_fallocate;
    disk_is_full = false;
    checkpoint_use_io(c, &full);
    assert_ok(checkpoint_write_version(c, dir, 1, NULL, &err));
    off_t one = size_of("ckpt-000000000001.safetensors");
    assert_true(checkpoint_reserve(c, dir));
    assert_true(reserved() > one);
    disk_is_full = true;
    for (uint64_t version = 2; version < 6; version++) {
        char name[64];
        assert_ok(checkpoint_write_version(c, dir, version, NULL, &err));
        assert_int_equal(reserved(), -1); /* it is the checkpoint now */
        snprintf(name, sizeof name, "ckpt-%012llu.safetensors", (unsigned long long)version);
        assert_int_equal(size_of(name), one);
        assert_int_equal(size_of("LATEST"), -1); /* rather none than one that is wrong */
        assert_int_equal(checkpoint_prune(dir, 1, version), 1);
        assert_true(reserved() >= one);
    }
    struct checkpoint_file *f;
    assert_ok(checkpoint_newest_valid(&f, dir, NULL, &err));
    checkpoint_close(f);
    char reserve[400];
    snprintf(reserve, sizeof reserve, "%s/" CHECKPOINT_RESERVE, dir);
    assert_int_equal(unlink(reserve), 0);
    assert_err(checkpoint_write_version(c, dir, 6, NULL, &err), ONIC_ECANTCREATE, "No space left");
    assert_int_equal(files_in_dir(), 1); /* the newest good one */
    checkpoint_free(c);
}

/* A pipe without a reader kept the learner in open() until its supervisor ended it; a link reserved
 * nothing, unsaid. */
static void what_is_no_file_makes_way_for_the_reserve(void **state)
{
    (void)state;
    struct checkpoint *c = filled(1.0f);
    char reserve[400], linked[400];
    snprintf(reserve, sizeof reserve, "%s/" CHECKPOINT_RESERVE, dir);
    snprintf(linked, sizeof linked, "%s/other", dir);
    assert_ok(checkpoint_write_version(c, dir, 1, NULL, &err));
    assert_ok(safe_replace_bytes(linked, "mine", 4, &err));
    assert_int_equal(mkfifo(reserve, 0600), 0);
    alarm(60);
    assert_true(checkpoint_reserve(c, dir));
    alarm(0);
    assert_true(reserved() > 0);
    assert_int_equal(unlink(reserve), 0);
    assert_int_equal(symlink("other", reserve), 0);
    assert_true(checkpoint_reserve(c, dir));
    struct stat st;
    assert_true(lstat(reserve, &st) == 0 && S_ISREG(st.st_mode) && st.st_blocks > 0);
    assert_int_equal(size_of("other"), 4);
    assert_int_equal(unlink(reserve), 0);
    assert_int_equal(mkdir(reserve, 0700), 0);
    assert_false(checkpoint_reserve(c, dir));
    assert_int_equal(rmdir(reserve), 0);
    checkpoint_free(c);
}

/* What has outgrown the reserve fails, and the reserve stays: the next one may fit. */
static void a_reserve_that_is_too_small_is_kept(void **state)
{
    static const float many[5000];
    struct checkpoint *c = filled(1.0f), *large = filled(2.0f);
    struct safe_io full = SAFE_IO_POSIX;
    (void)state;
    full.open = full_open;
    full.fallocate = full_fallocate;
    disk_is_full = false;
    checkpoint_add_f32(large, "more", 1, 5000, many);
    checkpoint_use_io(c, &full);
    checkpoint_use_io(large, &full);
    assert_ok(checkpoint_write(c, path, &err)); /* now its size is known */
    assert_true(checkpoint_reserve(c, dir));
    off_t kept = reserved();
    assert_true(kept > 0);
    disk_is_full = true;
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(checkpoint_write_version(large, dir, 1, NULL, NULL), ONIC_OK);
        assert_int_equal(reserved(), kept);
        assert_int_equal(files_in_dir(), 2);
    }
    assert_ok(checkpoint_write_version(c, dir, 2, NULL, &err));
    checkpoint_free(c);
    checkpoint_free(large);
}

/* Whichever call fails while the reserve is written over. */
static void a_failure_in_the_reserve_keeps_it(void **state)
{
    struct checkpoint *c = filled(1.0f);
    int failures = 0;
    bool uncut = false;
    char reserve[400];
    snprintf(reserve, sizeof reserve, "%s/" CHECKPOINT_RESERVE, dir);
    (void)state;
    assert_ok(checkpoint_write(c, path, &err)); /* now its size is known */
    for (fail_at = 2;; fail_at++) { /* the first one makes the file that there is no room for */
        struct safe_io io = FAULTY;
        io.open = full_open;
        io.fallocate = full_fallocate;
        disk_is_full = false;
        assert_true(checkpoint_reserve(c, dir));
        assert_int_equal(truncate(reserve, 100000), 0); /* as of a larger checkpoint */
        checkpoint_use_io(c, &io);
        disk_is_full = true;
        calls = 1;
        struct onic_err why = {0};
        int rc = checkpoint_write_version(c, dir, 1, NULL, &why);
        disk_is_full = false;
        checkpoint_use_io(c, &SAFE_IO_POSIX);
        if (!rc)
            break;
        failures++;
        uncut |= strstr(why.msg, "cannot cut") != NULL;
        bool there = size_of("ckpt-000000000001.safetensors") > 0; /* it has its name already */
        assert_true(there || reserved() >= size_of("ckpt"));
        assert_int_equal(files_in_dir(), 2);
    }
    assert_true(failures > 5 && uncut);
    assert_int_equal(size_of("ckpt-000000000001.safetensors"), size_of("ckpt"));
    checkpoint_free(c);
}

/* Grows from version to version: the space of all is that of the two that are left in the end. */
static void what_grows_on_a_full_disk_is_given_the_space_of_older_ones(void **state)
{
    enum { STEP = 10000, FIRST = 20 };
    static const float many[100 * STEP];
    struct checkpoint *c = checkpoint_create();
    struct safe_io full = SAFE_IO_POSIX;
    int rc = ONIC_OK, given_up = 0, grown = 0;
    (void)state;
    full.open = full_open;
    full.fallocate = full_fallocate;
    disk_is_full = false;
    checkpoint_use_io(c, &full);
    for (uint64_t version = 1; !rc; version++) {
        checkpoint_reset(c);
        checkpoint_add_f32(c, "state", 1, (FIRST + grown) * STEP, many);
        rc = checkpoint_write_version(c, dir, version, NULL, NULL);
        given_up += checkpoint_given_up(c);
        if (rc)
            break;
        if (version == 1)
            assert_ok(checkpoint_milestone(dir, 1, 77, &err));
        checkpoint_prune(dir, 3, version);
        if (!disk_is_full) /* it has a real disk */
            checkpoint_reserve(c, dir);
        disk_is_full = version >= 4;
        grown += disk_is_full;
    }
    /* Three and a reserve of a quarter more were there: 4.25 times the first. */
    assert_true(grown >= FIRST && given_up >= 3);
    assert_true(size_of("milestone-000000000077.safetensors") > 0);
    struct checkpoint_file *f;
    assert_ok(checkpoint_newest_valid(&f, dir, NULL, &err));
    const struct checkpoint_tensor *t = checkpoint_find(f, "state");
    assert_non_null(t);
    assert_int_equal(t->bytes, (size_t)(FIRST + grown - 1) * STEP * sizeof many[0]);
    checkpoint_close(f);
    checkpoint_free(c);
}

/* A milestone is a second name of a checkpoint: its bytes stay. */
static void a_milestone_is_never_written_over(void **state)
{
    (void)state;
    struct checkpoint *c = filled(1.0f);
    assert_ok(checkpoint_write_version(c, dir, 1, NULL, &err));
    assert_ok(checkpoint_milestone(dir, 1, 77, &err));
    assert_ok(checkpoint_write_version(c, dir, 2, NULL, &err));
    assert_int_equal(checkpoint_prune(dir, 1, 2), 1);
    assert_int_equal(size_of(CHECKPOINT_RESERVE), -1);
    assert_true(size_of("milestone-000000000077.safetensors") > 0);
    checkpoint_free(c);
}

static void a_missing_folder_cannot_be_created_in(void **state)
{
    (void)state;
    assert_err(safe_replace_bytes("/nonexistent/folder/file", "x", 1, &err), ONIC_ECANTCREATE,
               "/nonexistent/folder/file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_single_failing_call_leaves_a_valid_file_and_no_litter,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(failures_before_the_rename_keep_the_old_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(short_writes_are_continued, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_that_takes_nothing_is_not_written_to_for_ever,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_disk_that_keeps_other_bytes_is_found_out_before_the_rename, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_size_limit_is_an_error_that_keeps_the_old_file,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_device_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_takes_checkpoints_where_space_is_reserved,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_file_makes_way_for_the_reserve, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reserve_that_is_too_small_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_in_the_reserve_keeps_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_grows_on_a_full_disk_is_given_the_space_of_older_ones,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_milestone_is_never_written_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_cannot_be_created_in, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
