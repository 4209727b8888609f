/* SPDX-License-Identifier: MIT */
/* run_identity.c - see run_identity.h. */
#define _GNU_SOURCE
#include "learner/process/run_identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/run/run_dir.h"

enum { LIVES_PASSED_OVER = 1000 };
static const double SECONDS_MAX = 1e10; /* 300 years */

/* The number in the epoch file, 0 when there is none. Nothing else is taken for a number: an epoch
 * that was used before lets two lives be taken for one. */
static int read_epoch(const char *run_dir, uint64_t *epoch, struct onic_err *err)
{
    char text[64];
    *epoch = 0;
    int rc = run_dir_read(run_dir, "epoch", text, sizeof text, err);
    if (rc == ONIC_ENOTFOUND)
        return ONIC_OK;
    if (rc && rc != ONIC_EIO)
        return rc;
    size_t n = rc ? 0 : strspn(text, "0123456789");
    if (n >= 1 && n <= 10 && (text[n] == '\0' || strcmp(text + n, "\n") == 0))
        *epoch = strtoull(text, NULL, 10);
    if (*epoch >= 1 && *epoch <= RUN_EPOCH_MAX)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%s/epoch holds no number from 1 to %d; remove it, and the newest checkpoint "
                   "says how many lives this run has had",
                   run_dir, RUN_EPOCH_MAX);
}

/* 0: of an older onic, which did not say. */
static int epoch_of_checkpoint(const struct checkpoint_file *f, uint64_t *epoch,
                               struct onic_err *err)
{
    *epoch = 0;
    int rc = checkpoint_meta(f, "epoch") ? checkpoint_meta_u64(f, "epoch", epoch, err) : ONIC_OK;
    if (!rc && *epoch > RUN_EPOCH_MAX)
        rc = err_set(err, ONIC_ECONFIG, "%s says that it is of life %llu of its run, more than %d",
                     checkpoint_path(f), (unsigned long long)*epoch, RUN_EPOCH_MAX);
    return rc;
}

/* The larger of file and checkpoint wins. Where the file does not know the checkpoint's life, lives
 * after it may have left no trace at all: their epochs are passed over. */
static int next_epoch(const char *run_dir, const struct checkpoint_file *from, bool quiet,
                      uint32_t *out, struct onic_err *err)
{
    uint64_t file, kept = 0;
    int rc = read_epoch(run_dir, &file, err);
    if (!rc && from)
        rc = epoch_of_checkpoint(from, &kept, err);
    if (rc)
        return rc;
    bool lost = from && (file == 0 || file < kept);
    uint64_t next = lost ? kept + LIVES_PASSED_OVER : file + 1;
    if (lost && !quiet)
        log_warn("the number of this life is unknown or behind that of the newest checkpoint, and "
                 "is taken from there",
                 kv("epoch_file", (int64_t)file), kv("checkpoint", (int64_t)kept),
                 kv("now", (int64_t)next));
    if (next > RUN_EPOCH_MAX)
        return err_set(err, ONIC_ECONFIG, "the run in %s has no epoch left after %d", run_dir,
                       RUN_EPOCH_MAX);
    *out = (uint32_t)next;
    return ONIC_OK;
}

bool run_identity_last_line(const char *run_dir, char out[LINEAGE_LINE_MAX])
{
    char path[CHECKPOINT_PATH_MAX];
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > LINEAGE_LINE_MAX - 1 ? size - (LINEAGE_LINE_MAX - 1) : 0;
    ssize_t n = pread(fd, out, LINEAGE_LINE_MAX - 1, from);
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    char *end = strrchr(out, '\n');
    if (end)
        *end = '\0';
    char *before = strrchr(out, '\n');
    if (before)
        memmove(out, before + 1, strlen(before + 1) + 1);
    return end != NULL;
}

/* Seconds, or 0 for what cannot be a time that a run has taken. */
static double sane_seconds(double s)
{
    return s > 0.0 && s <= SECONDS_MAX ? s : 0.0;
}

double run_identity_wall_s(const char *run_dir)
{
    char line[LINEAGE_LINE_MAX];
    const char *at = run_identity_last_line(run_dir, line) ? strstr(line, "\"wall_s\":") : NULL;
    return at ? sane_seconds(strtod(at + strlen("\"wall_s\":"), NULL)) : 0.0;
}

int run_identity_check(const char *run_dir, const struct checkpoint_file *from,
                       struct onic_err *err)
{
    uint32_t unused;
    return next_epoch(run_dir, from, true, &unused, err);
}

int run_identity_begin(struct run_identity *l, const char *run_dir,
                       const struct checkpoint_file *from, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX], text[32];
    memset(l, 0, sizeof *l);
    int rc = run_id_ensure(run_dir, l->run_id, err);
    if (!rc)
        rc = next_epoch(run_dir, from, false, &l->epoch, err);
    if (rc)
        return rc;
    int n = snprintf(text, sizeof text, "%u\n", l->epoch);
    snprintf(path, sizeof path, "%s/epoch", run_dir);
    rc = safe_replace_bytes(path, text, (size_t)n, err);
    if (rc) {
        if (err)
            err->code = ONIC_ECANTCREATE;
        return ONIC_ECANTCREATE;
    }
    l->lost_s = l->wall_before_s = run_identity_wall_s(run_dir);
    return ONIC_OK;
}

void run_identity_save(const struct run_identity *l, double wall_s, double cpu_learner_s,
                       double cpu_actors_s, struct checkpoint *to)
{
    char text[64];
    snprintf(text, sizeof text, "%.3f", wall_s);
    checkpoint_add_meta(to, "wall_s", text);
    checkpoint_add_bytes(to, "run_id", l->run_id, sizeof l->run_id);
    checkpoint_add_meta_u64(to, "epoch", l->epoch);
    snprintf(text, sizeof text, "%.3f", cpu_learner_s);
    checkpoint_add_meta(to, "cpu_s_learner", text);
    snprintf(text, sizeof text, "%.3f", cpu_actors_s);
    checkpoint_add_meta(to, "cpu_s_actors", text);
}

static double meta_double(const struct checkpoint_file *f, const char *key)
{
    const char *text = checkpoint_meta(f, key);
    return text ? sane_seconds(strtod(text, NULL)) : 0.0;
}

int run_identity_load(struct run_identity *l, const struct checkpoint_file *from,
                      struct onic_err *err)
{
    uint8_t id[RUN_ID_BYTES];
    int rc = run_id_of_checkpoint(from, id, err);
    if (rc)
        return rc;
    if (memcmp(id, l->run_id, sizeof id) != 0)
        return err_set(err, ONIC_ECONFIG, "%s is of another run", checkpoint_path(from));
    double wall_s = meta_double(from, "wall_s");
    if (wall_s > l->wall_before_s)
        l->wall_before_s = wall_s;
    l->lost_s = l->wall_before_s - wall_s;
    l->cpu_learner_before_s = meta_double(from, "cpu_s_learner");
    l->cpu_actors_before_s = meta_double(from, "cpu_s_actors");
    return ONIC_OK;
}
