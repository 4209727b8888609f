/* SPDX-License-Identifier: MIT */
/* record_output.c - see record_output.h. */
#define _GNU_SOURCE
#include "deploy/cli/record_output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/checkpoint/safe_file.h"

int record_check_absent(const char *path, bool force, struct onic_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return ONIC_OK;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECANTCREATE, "%s is a folder: give the name of a file", path);
    if (!force)
        return err_set(err, ONIC_ECANTCREATE,
                       "%s is there already: give another name, or --force to replace it", path);
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ONIC_ECANTCREATE, "%s is no file that could be replaced", path);
    return ONIC_OK;
}

int record_check_path(const char *option, const char *path, bool force, struct onic_err *err)
{
    char folder[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || path[len - 1] == '/' || strcmp(path, "-") == 0)
        return err_set(err, ONIC_ECONFIG, "%s needs the name of a file, '%.200s' is none", option,
                       path);
    if (len >= sizeof folder)
        return err_set(err, ONIC_ECONFIG, "the path of %s is too long", option);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder] = '\0';
    int rc = record_check_absent(path, force, err);
    if (!rc && access(folder, W_OK | X_OK) != 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s: %s", path, folder,
                       strerror(errno));
    return rc;
}

int record_write(const struct record_output *o, const struct buf *bytes, struct onic_err *err)
{
    int rc = record_check_absent(o->path, o->force, err);
    return rc ? rc : safe_replace_bytes(o->path, bytes->data, bytes->len, err);
}
