/* SPDX-License-Identifier: MIT */
/* nle_dir.c - one private folder per environment.
 *
 * NetHack names its files without regard to other games (0lock.3, record, xlogfile), so two games
 * in one folder would mix their levels. It writes a level whenever the hero leaves it and appends
 * to three files at every death; on a disk that would be slow and grow for ever, hence memory and
 * truncation. A crash leaves the folder behind; scratch.h removes it. */
#define _GNU_SOURCE
#include "actor/envs/nethack/nle_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const log_files[] = {"logfile", "xlogfile", "perm", "record"}; /* record: last */

/* Memory first. The current folder is the last resort of a machine where nothing else is writable.
 */
static int nle_dir_make_folder(struct nle_dir *d, struct onic_err *err)
{
    static const struct scratch_wish wish = {.prefix = "onic-nethack-", .what = "NetHack's files"};
    const char *const places[] = {"/dev/shm", getenv("TMPDIR"), "/tmp", "."};
    return scratch_create(&d->scratch, &wish, places, 4, err);
}

static int nle_dir_fill(struct nle_dir *d, const char *data, struct onic_err *err)
{
    char full[PATHS_MAX];
    if (!realpath(data, full))
        return err_set(err, ONIC_ECONFIG, "NetHack's data file %s cannot be read: %s", data,
                       strerror(errno));
    int rc = ONIC_OK, dir_fd = open(d->scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0 || symlinkat(full, dir_fd, "nhdat") != 0 || mkdirat(dir_fd, "save", 0700) != 0)
        rc =
            err_set(err, ONIC_ECANTCREATE, "the folder %s for NetHack's files cannot be filled: %s",
                    d->scratch.path, strerror(errno));
    if (dir_fd >= 0)
        close(dir_fd);
    return rc ? rc : nle_dir_clear(d, true, err);
}

int nle_dir_create(struct nle_dir *d, const char *data, struct onic_err *err)
{
    int rc = nle_dir_make_folder(d, err);
    if (!rc)
        rc = nle_dir_fill(d, data, err);
    if (rc)
        nle_dir_free(d);
    return rc;
}

void nle_dir_free(struct nle_dir *d)
{
    scratch_remove(&d->scratch);
}

int nle_dir_clear(struct nle_dir *d, bool new_record, struct onic_err *err)
{
    DIR *dir = opendir(d->scratch.path);
    if (!dir)
        return err_set(err, ONIC_EIO, "the folder %s of a running NetHack disappeared: %s",
                       d->scratch.path, strerror(errno));
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
                        d->scratch.path, log_files[i], strerror(errno));
        else
            close(fd);
    }
    closedir(dir);
    return rc;
}
