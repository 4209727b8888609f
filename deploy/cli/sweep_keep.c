/* SPDX-License-Identifier: MIT */
/* sweep_keep.c - see sweep_keep.h. */
#define _GNU_SOURCE /* getline */
#include "deploy/cli/sweep_keep.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/file_kind.h"
#include "common/base/paths.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/safe_file.h"
#include "common/run/run_dir.h"

enum { KEPT_BYTES_MAX = 16 << 20, KEPT_TEXT_MAX = 1 << 20, KEPT_PATH_MAX = 4 * CONFIG_STR_MAX };

/* What a comparison asks for, and what tells whether a run learned soundly. */
static const char *const kept_metrics[] = {
    "env_steps",
    "wall_s",
    "train/episodes_total",
    "policy_stats/",
    "reward/reward",
    "intrinsic/share",
    "intrinsic/paid_fraction",
    "reward_model/heldout_accuracy",
    "annot/labels_total",
    "annot/label_positive",
    "train/kl_divergence",
    "train/fraction_clipped",
    "train/explained_variance_",
    "perf/cpu_s_actors",
    "perf/cpu_s_learner",
};

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

static bool is_kept_metric(const char *key)
{
    for (size_t i = 0; i < sizeof kept_metrics / sizeof *kept_metrics; i++) {
        size_t n = strlen(kept_metrics[i]);
        bool group = strchr("/_", kept_metrics[i][n - 1]) != NULL;
        if (group ? strncmp(key, kept_metrics[i], n) == 0 : strcmp(key, kept_metrics[i]) == 0)
            return true;
    }
    return false;
}

/* One line of metrics with what is kept of it; nothing of a damaged one. */
static void keep_line(struct buf *out, const char *line)
{
    json_t *all = json_loads(line, 0, NULL);
    const char *key;
    json_t *value;
    const char *comma = "{";
    json_object_foreach(all, key, value)
    {
        if (!is_kept_metric(key) || !json_is_number(value))
            continue;
        buf_puts(out, comma);
        buf_json_utf8(out, key);
        buf_puts(out, ":");
        buf_json_number(out, json_number_value(value), 7);
        comma = ",";
    }
    buf_puts(out, comma[0] == ',' ? "}\n" : "");
    json_decref(all);
}

/* Lines at equal distances, and the last one. */
static void keep_lines(struct buf *out, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    long lines = 0, at = 0;
    while (getline(&line, &room, f) > 0)
        lines++;
    rewind(f);
    long every = (lines + SWEEP_KEPT_LINES - 1) / SWEEP_KEPT_LINES;
    while (getline(&line, &room, f) > 0) {
        at++;
        if (at % every == 0 || at == lines)
            keep_line(out, line);
    }
    free(line);
}

static int keep_metrics(const struct sweep_job *j, struct onic_err *err)
{
    char path[KEPT_PATH_MAX];
    struct buf out;
    snprintf(path, sizeof path, "%.511s/metrics.jsonl", j->dir);
    FILE *f = fopen(path, "re");
    if (!f)
        return file_unreadable(path, errno, err);
    buf_init(&out, KEPT_BYTES_MAX);
    keep_lines(&out, f);
    int rc = ferror(f) ? file_unreadable(path, errno, err) : ONIC_OK;
    fclose(f);
    kept_path(path, j, "metrics.jsonl");
    if (!rc)
        rc = safe_replace_bytes(path, out.data, out.len, err);
    buf_release(&out);
    return rc;
}

static int keep_file(const struct sweep_job *j, const char *name, struct onic_err *err)
{
    char path[KEPT_PATH_MAX];
    char *text = xmalloc(KEPT_TEXT_MAX);
    kept_path(path, j, name);
    int rc = run_dir_read(j->dir, name, text, KEPT_TEXT_MAX, err);
    if (!rc)
        rc = safe_replace_bytes(path, text, strlen(text), err);
    free(text);
    return rc;
}

/* Without the options whose value is a path of this machine: they are nobody else's. */
static int keep_config(const struct sweep_job *j, struct onic_err *err)
{
    char path[KEPT_PATH_MAX], *text = xmalloc(KEPT_TEXT_MAX), *save = NULL;
    struct buf out;
    buf_init(&out, KEPT_TEXT_MAX);
    kept_path(path, j, "config.yaml");
    int rc = run_dir_read(j->dir, "config.yaml", text, KEPT_TEXT_MAX, err);
    for (char *l = rc ? NULL : strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        if (!strstr(l, ": '/"))
            buf_printf(&out, "%s\n", l);
    if (!rc)
        rc = safe_replace_bytes(path, out.data, out.len, err);
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
        rc = keep_file(j, "version.txt", err);
    if (!rc && j->eval)
        rc = keep_file(j, "eval.json", err);
    return rc ? rc : keep_config(j, err);
}
