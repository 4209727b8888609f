/* SPDX-License-Identifier: MIT */
/* files.c - see files.h. */
#define _GNU_SOURCE
#include "tests/support/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { PATHS_KEPT = 4 };

static char files_dir[256];

int files_setup(void **state)
{
    temp_dir_create(files_dir);
    *state = files_dir;
    return 0;
}

int files_teardown(void **state)
{
    (void)state;
    temp_dir_remove(files_dir);
    return 0;
}

const char *files_folder(void)
{
    return files_dir;
}

const char *files_in(const char *name)
{
    static char path[PATHS_KEPT][512];
    static int next;
    next = (next + 1) % PATHS_KEPT;
    snprintf(path[next], sizeof path[next], "%s/%s", files_dir, name);
    return path[next];
}

void files_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

void files_write_private(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

void files_make(const char *root, const char *path, const char *text)
{
    char full[1024];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(full, 0700);
            *p = '/';
        }
    files_write(full, text);
}

int files_open(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

bool files_are_closed(void *ctx)
{
    const int *at_first = ctx;
    return files_open() <= *at_first;
}

void files_become(const char *path, const char *device)
{
    struct stat file, at;
    int by = open(device, O_RDWR | O_CLOEXEC), found = 0;
    assert_true(by >= 0);
    assert_int_equal(stat(path, &file), 0);
    for (int fd = STDERR_FILENO + 1; fd < 256; fd++)
        if (fstat(fd, &at) == 0 && at.st_ino == file.st_ino && at.st_dev == file.st_dev) {
            assert_int_equal(dup2(by, fd), fd);
            found++;
        }
    close(by);
    assert_true(found > 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(device, path), 0); /* nor was it rotated away */
}
