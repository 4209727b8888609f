/* SPDX-License-Identifier: MIT */
/* nle_dir.c - one private folder per environment.
 *
 * NetHack names its files without regard to other games (0lock.3, record, xlogfile), so two games
 * in one folder would mix their levels. It writes a level whenever the hero leaves it and appends
 * to three files at every death; on a disk that would be slow and grow for ever, hence memory and
 * truncation.
 *
 * A crash leaves the folder behind. Whether its owner still lives is asked with a file lock rather
 * than with the process number: containers may share /dev/shm without sharing process numbers. */
#define _GNU_SOURCE /* flock, nftw */
#include "actor/envs/nethack/nle_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "onic-nethack-"
#define OWNER ".owner"

static const char *const log_files[] = {"logfile", "xlogfile", "perm", "record"}; /* record: last */

static const char *base_folder(void)
{
    if (access("/dev/shm", W_OK | X_OK) == 0)
        return "/dev/shm";
    const char *tmp = getenv("TMPDIR");
    return tmp && tmp[0] == '/' ? tmp : "/tmp";
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Removes folders whose owner is gone. Those of other users cannot be opened and are left alone. */
static void remove_leftovers(const char *base)
{
    DIR *dir = opendir(base);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[PATHS_MAX];
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        int n = snprintf(path, sizeof path, "%s/%s/" OWNER, base, e->d_name);
        if (n < 0 || (size_t)n >= sizeof path)
            continue;
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            continue; /* being created, or not ours */
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            path[(size_t)n - strlen("/" OWNER)] = '\0';
            remove_tree(path);
        }
        close(fd);
    }
    closedir(dir);
}

/* The lock is taken under another name first, so that nobody finds the owner file unlocked. */
static int take_ownership(struct nle_dir *d, int dir_fd, struct onic_err *err)
{
    d->owner_fd = openat(dir_fd, ".owner.new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->owner_fd < 0 || flock(d->owner_fd, LOCK_EX | LOCK_NB) != 0 ||
        renameat(dir_fd, ".owner.new", dir_fd, OWNER) != 0)
        return err_set(err, ONIC_ECANTCREATE,
                       "the folder %s for NetHack's files cannot be locked: %s", d->path,
                       strerror(errno));
    return ONIC_OK;
}

int nle_dir_create(struct nle_dir *d, const char *data, struct onic_err *err)
{
    char full[PATHS_MAX];
    int rc = ONIC_OK, dir_fd = -1;
    const char *base = base_folder();
    d->owner_fd = -1;
    remove_leftovers(base);
    snprintf(d->path, sizeof d->path, "%s/" PREFIX "XXXXXX", base);
    if (!mkdtemp(d->path)) {
        rc =
            err_set(err, ONIC_ECANTCREATE, "no folder for NetHack's files can be created in %s: %s",
                    base, strerror(errno));
        d->path[0] = '\0';
        return rc;
    }
    if (!realpath(data, full)) {
        rc = err_set(err, ONIC_ECONFIG, "NetHack's data file %s cannot be read: %s", data,
                     strerror(errno));
        goto out;
    }
    dir_fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0)
        rc = take_ownership(d, dir_fd, err);
    if (rc == ONIC_OK &&
        (dir_fd < 0 || symlinkat(full, dir_fd, "nhdat") != 0 || mkdirat(dir_fd, "save", 0700) != 0))
        rc =
            err_set(err, ONIC_ECANTCREATE, "the folder %s for NetHack's files cannot be filled: %s",
                    d->path, strerror(errno));
    if (rc == ONIC_OK)
        rc = nle_dir_clear(d, true, err);
out:
    if (dir_fd >= 0)
        close(dir_fd);
    if (rc != ONIC_OK)
        nle_dir_free(d);
    return rc;
}

void nle_dir_free(struct nle_dir *d)
{
    if (d->path[0] != '\0')
        remove_tree(d->path);
    if (d->owner_fd >= 0)
        close(d->owner_fd);
    d->path[0] = '\0';
    d->owner_fd = -1;
}

int nle_dir_clear(struct nle_dir *d, bool new_record, struct onic_err *err)
{
    DIR *dir = opendir(d->path);
    if (!dir)
        return err_set(err, ONIC_EIO, "the folder %s of a running NetHack disappeared: %s", d->path,
                       strerror(errno));
    int at = dirfd(dir);
    for (struct dirent *e; (e = readdir(dir));)
        if (strstr(e->d_name, "lock") && e->d_name[0] != '.')
            unlinkat(at, e->d_name, 0);
    int rc = ONIC_OK;
    size_t files = sizeof log_files / sizeof log_files[0] - (new_record ? 0 : 1);
    for (size_t i = 0; i < files; i++) {
        int fd = openat(at, log_files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
            rc =
                err_set(err, ONIC_EIO, "%s/%s cannot be written: %s; is the disk or /dev/shm full?",
                        d->path, log_files[i], strerror(errno));
        else
            close(fd);
    }
    closedir(dir);
    return rc;
}
