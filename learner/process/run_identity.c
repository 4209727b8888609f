/* SPDX-License-Identifier: MIT */
/* run_identity.c - see run_identity.h. */
#define _GNU_SOURCE
#include "learner/process/run_identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static int read_epoch(const char *path, uint32_t *epoch, struct onic_err *err)
{
    FILE *f = fopen(path, "re");
    *epoch = 0;
    if (!f && errno == ENOENT)
        return ONIC_OK;
    unsigned value = 0;
    int got = f ? fscanf(f, "%u", &value) : 0;
    if (f)
        fclose(f);
    if (got != 1)
        return err_set(
            err, ONIC_EDAMAGED,
            "%s holds no number; write into it one larger than any epoch this run has had", path);
    *epoch = value;
    return ONIC_OK;
}

bool run_identity_last_line(const char *run_dir, char out[LINEAGE_LINE_MAX])
{
    char path[CHECKPOINT_PATH_MAX];
    out[0] = '\0';
    snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
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

double run_identity_wall_s(const char *run_dir)
{
    char line[LINEAGE_LINE_MAX];
    const char *at = run_identity_last_line(run_dir, line) ? strstr(line, "\"wall_s\":") : NULL;
    double wall = at ? strtod(at + strlen("\"wall_s\":"), NULL) : 0.0;
    return wall > 0.0 ? wall : 0.0;
}

int run_identity_begin(struct run_identity *l, const char *run_dir, struct onic_err *err)
{
    char path[CHECKPOINT_PATH_MAX], text[32];
    uint32_t last;
    memset(l, 0, sizeof *l);
    snprintf(path, sizeof path, "%s/epoch", run_dir);
    int rc = read_epoch(path, &last, err);
    if (rc)
        return rc;
    l->epoch = last + 1;
    int n = snprintf(text, sizeof text, "%u\n", l->epoch);
    rc = safe_replace_bytes(path, text, (size_t)n, err);
    if (rc) {
        if (err)
            err->code = ONIC_ECANTCREATE;
        return ONIC_ECANTCREATE;
    }
    if (getrandom(l->run_id, sizeof l->run_id, 0) != (ssize_t)sizeof l->run_id)
        return err_set(err, ONIC_EIO, "the system gives no random numbers: %s", strerror(errno));
    l->wall_before_s = run_identity_wall_s(run_dir);
    return ONIC_OK;
}

void run_identity_save(const struct run_identity *l, double wall_s, double cpu_learner_s,
                       double cpu_actors_s, struct checkpoint *to)
{
    char text[64];
    snprintf(text, sizeof text, "%.3f", wall_s);
    checkpoint_add_meta(to, "wall_s", text);
    checkpoint_add_bytes(to, "run_id", l->run_id, sizeof l->run_id);
    snprintf(text, sizeof text, "%.3f", cpu_learner_s);
    checkpoint_add_meta(to, "cpu_s_learner", text);
    snprintf(text, sizeof text, "%.3f", cpu_actors_s);
    checkpoint_add_meta(to, "cpu_s_actors", text);
}

static double meta_double(const struct checkpoint_file *f, const char *key)
{
    const char *text = checkpoint_meta(f, key);
    return text ? strtod(text, NULL) : 0.0;
}

int run_identity_load(struct run_identity *l, const struct checkpoint_file *from,
                      struct onic_err *err)
{
    const void *data;
    size_t len;
    int rc = checkpoint_get_bytes(from, "run_id", &data, &len, err);
    if (rc)
        return rc;
    if (len != sizeof l->run_id)
        return err_set(err, ONIC_EDAMAGED, "%s: the run id has %zu bytes", checkpoint_path(from),
                       len);
    memcpy(l->run_id, data, len);
    double wall_s = meta_double(from, "wall_s");
    if (wall_s > l->wall_before_s)
        l->wall_before_s = wall_s;
    l->cpu_learner_before_s = meta_double(from, "cpu_s_learner");
    l->cpu_actors_before_s = meta_double(from, "cpu_s_actors");
    return ONIC_OK;
}
