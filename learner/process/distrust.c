/* SPDX-License-Identifier: MIT */
/* distrust.c - see distrust.h. */
#include "learner/process/distrust.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/plain_file.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/safe_file.h"

static const char distrust_name[] = "DISTRUSTED";

/* Digits, and the end of their line. */
static bool distrust_parse(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && errno == 0 && end[strspn(end, " \r\n")] == '\0';
}

int distrust_read(const char *folder, uint64_t *out, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX], text[64];
    *out = 0;
    snprintf(path, sizeof path, "%s/%s", folder, distrust_name);
    FILE *f = plain_file_read(path, false);
    if (!f)
        return errno == ENOENT ? ONIC_OK : file_unreadable(path, errno, err);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    if (distrust_parse(text, out))
        return ONIC_OK;
    *out = 0;
    return err_set(err, ONIC_EDAMAGED,
                   "%s holds no number; write into it how often labels of this run were "
                   "withdrawn, or a larger one to have its reward model learn anew",
                   path);
}

static int distrust_write(const char *folder, uint64_t n, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX], text[32];
    snprintf(path, sizeof path, "%s/%s", folder, distrust_name);
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", n);
    return safe_replace_bytes(path, text, (size_t)len, err);
}

int distrust_add(const char *folder, struct onic_err *err)
{
    uint64_t n;
    int rc = distrust_read(folder, &n, err);
    return rc ? rc : distrust_write(folder, n + 1, err);
}

int distrust_keep(const char *folder, uint64_t n, struct onic_err *err)
{
    uint64_t written;
    int rc = distrust_read(folder, &written, err);
    if (rc || written >= n)
        return rc;
    log_warn("checkpoints/DISTRUSTED is gone or an older one: how often labels were withdrawn is "
             "taken from the checkpoint; if some were since it was written, they are still in the "
             "reward model",
             kv("it_says", written), kv("the_checkpoint", n));
    return distrust_write(folder, n, err);
}
