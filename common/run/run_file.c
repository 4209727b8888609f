/* SPDX-License-Identifier: MIT */
/* run_file.c - one file of a run directory, read whole or replaced whole; see run_dir.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/checkpoint/safe_file.h"
#include "common/run/run_dir.h"
#include "common/run/run_file.h"

static int run_file_read(const char *dir, const char *name, bool own, char *out, size_t max,
                         struct onic_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = plain_file_read(path, own);
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

int run_dir_read(const char *dir, const char *name, char *out, size_t max, struct onic_err *err)
{
    return run_file_read(dir, name, false, out, max, err);
}

int run_file_read_own(const char *dir, const char *name, char *out, size_t max,
                      struct onic_err *err)
{
    return run_file_read(dir, name, true, out, max, err);
}

bool run_file_exists(const char *dir, const char *name)
{
    char path[CONFIG_STR_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

int run_file_replace(const char *dir, const char *name, const char *data, size_t len,
                     struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (safe_replace_bytes(path, data, len, err) == ONIC_OK)
        return ONIC_OK;
    if (err)
        err->code = ONIC_ECANTCREATE;
    return ONIC_ECANTCREATE;
}
