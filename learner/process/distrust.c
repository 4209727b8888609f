/* SPDX-License-Identifier: MIT */
/* distrust.c - see distrust.h. */
#include "learner/process/distrust.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/base/file_kind.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/safe_file.h"

static const char distrust_name[] = "DISTRUSTED";

int distrust_read(const char *folder, uint64_t *out, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX];
    *out = 0;
    snprintf(path, sizeof path, "%s/%s", folder, distrust_name);
    FILE *f = fopen(path, "re");
    if (!f)
        return errno == ENOENT ? ONIC_OK : file_unreadable(path, errno, err);
    int got = fscanf(f, "%" SCNu64, out);
    fclose(f);
    return got == 1 ? ONIC_OK
                    : err_set(err, ONIC_EDAMAGED,
                              "%s holds no number; write into it how often labels of this run were "
                              "withdrawn, or a larger one to have its reward model learn anew",
                              path);
}

int distrust_add(const char *folder, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX], text[32];
    uint64_t n;
    int rc = distrust_read(folder, &n, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/%s", folder, distrust_name);
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", n + 1);
    return safe_replace_bytes(path, text, (size_t)len, err);
}
