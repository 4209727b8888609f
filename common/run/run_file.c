/* SPDX-License-Identifier: MIT */
/* run_file.c - one file of a run directory, read whole or replaced whole; see run_dir.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/run/run_dir.h"
#include "common/run/run_file.h"
#include "common/run/run_settle.h"

int run_dir_read(const char *dir, const char *name, char *out, size_t max, struct onic_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return file_unreadable(path, errno, err);
    size_t n = fread(out, 1, max - 1, f);
    bool bad = ferror(f) != 0 || !feof(f);
    fclose(f);
    out[n] = '\0';
    if (bad)
        return err_set(err, ONIC_EIO, "%s cannot be read, or is larger than %zu bytes", path,
                       max - 1);
    return ONIC_OK;
}

int run_file_write(int fd, const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(fd, data, n);
        if (done <= 0)
            return -1;
        data += done;
        n -= (size_t)done;
    }
    return fsync(fd);
}

int run_dir_replace(const char *dir, const char *name, const char *data, size_t len,
                    struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 64], temp[CONFIG_STR_MAX + 72];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(temp, sizeof temp, "%s.tmp", path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool bad = fd < 0 || run_file_write(fd, data, len) != 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    if (!bad && rename(temp, path) != 0) {
        bad = true;
        code = errno;
    }
    return bad ? err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", path, strerror(code))
               : ONIC_OK;
}
