/* SPDX-License-Identifier: MIT */
/* sweep_keep.c - see sweep_keep.h. */
#include "deploy/cli/sweep_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file_kind.h"
#include "common/base/paths.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/safe_file.h"
#include "common/run/run_dir.h"
#include "deploy/cli/sweep_kept.h"

enum { KEPT_BYTES_MAX = 16 << 20, KEPT_TEXT_MAX = 1 << 20, KEPT_PATH_MAX = 4 * CONFIG_STR_MAX };

static void kept_path(char out[KEPT_PATH_MAX], const struct sweep_job *j, const char *name)
{
    snprintf(out, KEPT_PATH_MAX, "%.1900s/%.60s", j->kept, name);
}

bool sweep_is_kept(const struct sweep_job *j)
{
    char path[KEPT_PATH_MAX];
    if (!j->kept)
        return false;
    kept_path(path, j, "config.yaml");
    return access(path, F_OK) == 0;
}

static int keep_metrics(const struct sweep_job *j, struct onic_err *err)
{
    char path[KEPT_PATH_MAX];
    struct buf out;
    snprintf(path, sizeof path, "%.511s/metrics.jsonl", j->dir);
    FILE *f = plain_file_read(path, false);
    if (!f)
        return file_unreadable(path, errno, err);
    buf_init(&out, KEPT_BYTES_MAX);
    sweep_kept_metrics(f, &out);
    int rc = ferror(f) ? file_unreadable(path, errno, err) : ONIC_OK;
    fclose(f);
    kept_path(path, j, "metrics.jsonl");
    if (!rc)
        rc = safe_replace_bytes(path, out.data, out.len, err);
    buf_release(&out);
    return rc;
}

static void keep_all(char *text, struct buf *out)
{
    buf_puts(out, text);
}

static int keep_file(const struct sweep_job *j, const char *name,
                     void (*filter)(char *text, struct buf *out), struct onic_err *err)
{
    char path[KEPT_PATH_MAX], *text = xmalloc(KEPT_TEXT_MAX);
    struct buf out;
    buf_init(&out, KEPT_TEXT_MAX);
    kept_path(path, j, name);
    int rc = run_dir_read(j->dir, name, text, KEPT_TEXT_MAX, err);
    if (!rc) {
        filter(text, &out);
        rc = safe_replace_bytes(path, out.data, out.len, err);
    }
    buf_release(&out);
    free(text);
    return rc;
}

int sweep_keep(const struct sweep_job *j, struct onic_err *err)
{
    if (!j->kept || sweep_is_kept(j))
        return ONIC_OK;
    int rc = paths_make_dirs(j->kept, err);
    if (!rc)
        rc = keep_metrics(j, err);
    if (!rc)
        rc = keep_file(j, "version.txt", keep_all, err);
    if (!rc && j->eval)
        rc = keep_file(j, "eval.json", keep_all, err);
    return rc ? rc : keep_file(j, "config.yaml", sweep_kept_options, err);
}
