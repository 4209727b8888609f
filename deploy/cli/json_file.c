/* SPDX-License-Identifier: MIT */
/* json_file.c - see json_file.h. */
#include "deploy/cli/json_file.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/base/file_kind.h"
#include "common/base/plain_file.h"

int json_file_read(json_t **out, const char *path, size_t max, struct onic_err *err)
{
    json_error_t what;
    struct stat st;
    *out = NULL;
    FILE *f = plain_file_read(path, false);
    if (!f)
        return file_unreadable(path, errno, err);
    if (fstat(fileno(f), &st) == 0 && (size_t)st.st_size <= max)
        *out = json_loadf(f, 0, &what);
    fclose(f);
    return *out ? ONIC_OK : err_set(err, ONIC_EDAMAGED, "%s is damaged: it is no JSON", path);
}
