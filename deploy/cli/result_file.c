/* SPDX-License-Identifier: MIT */
/* result_file.c - see result_file.h. */
#define _GNU_SOURCE
#include "deploy/cli/result_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int result_open(FILE **out, const char *path, struct onic_err *err)
{
    *out = stdout;
    if (strcmp(path, "-") == 0)
        return ONIC_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    return *out ? ONIC_OK
                : err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", path, strerror(errno));
}

int result_close(FILE *f, const char *path, struct onic_err *err)
{
    if (!f || f == stdout)
        return ONIC_OK;
    bool bad = ferror(f) != 0;
    errno = 0;
    bad |= fflush(f) != 0;
    off_t end = ftello(f);
    /* What an older and longer result left behind; pipes and devices have nothing to cut. */
    if (!bad && end >= 0 && ftruncate(fileno(f), end) != 0 && errno != EINVAL)
        bad = true;
    int code = errno;
    if (fclose(f) != 0 && !bad) {
        bad = true;
        code = errno;
    }
    return bad ? err_set(err, ONIC_EIO, "%s could not be written: %s", path,
                         code ? strerror(code) : "is the disk full?")
               : ONIC_OK;
}
