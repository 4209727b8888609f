/* SPDX-License-Identifier: MIT */
/* traces.c - see traces.h. */
#define _GNU_SOURCE
#include "tests/chaos/traces.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

static const char *const roles[TRACE_ROLES] = {"actor-", "learner-", "reward-server-", "test-"};

const char *trace_kind_name(unsigned kind)
{
    static const char *const names[] = {
#define XX(name, text) [TRACE_##name] = text,
        TRACE_KINDS(XX)
#undef XX
    };
    return kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "?";
}

static int role_of(const char *file)
{
    for (int i = 0; i < TRACE_ROLES; i++)
        if (strncmp(file, roles[i], strlen(roles[i])) == 0)
            return i;
    return -1;
}

static bool is_trace(const char *file)
{
    size_t n = strlen(file);
    return n > 6 && strcmp(file + n - 6, ".trace") == 0;
}

/* Whole records as far as their checks hold. Only what is torn may be missing, never the middle. */
static int take_records(struct trace_process *p, const char *path, size_t bytes,
                        struct onic_err *err)
{
    size_t whole = bytes / TRACE_RECORD_BYTES, good = 0;
    while (good < whole && p->events[good].check == trace_check(&p->events[good]))
        good++;
    p->torn = good < whole || bytes % TRACE_RECORD_BYTES;
    p->n = good;
    for (size_t i = good; i < whole; i++)
        if (p->events[i].kind && p->events[i].check == trace_check(&p->events[i]))
            return err_set(err, ONIC_EDAMAGED, "%s is damaged at record %zu, before its end", path,
                           good);
    if (good == 0 || p->events[0].kind != TRACE_PROCESS)
        return err_set(err, ONIC_EDAMAGED, "%s is no trace, or its first record is damaged", path);
    p->pid = p->events[0].n;
    return ONIC_OK;
}

/* One file; *used false: it is empty. */
static int read_trace(struct trace_process *p, const char *folder, const char *file, bool *used,
                      struct onic_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(err, ONIC_EIO, "%s cannot be read: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    *used = size > 0;
    if (size <= 0) {
        fclose(f);
        return ONIC_OK;
    }
    *p = (struct trace_process){.role = (enum trace_role)role_of(file)};
    p->events = xcalloc((size_t)size / TRACE_RECORD_BYTES + 1, TRACE_RECORD_BYTES);
    size_t got = fread(p->events, 1, (size_t)size, f);
    fclose(f);
    int rc = take_records(p, path, got, err);
    snprintf(p->name, sizeof p->name, "%.*s%u", (int)strlen(roles[p->role]), roles[p->role],
             p->pid);
    if (rc)
        free(p->events);
    return rc;
}

static int by_time(const void *x, const void *y)
{
    const struct trace_process *a = x, *b = y;
    uint64_t s = a->events[0].time_ns, t = b->events[0].time_ns;
    return (s > t) - (s < t);
}

int trace_set_read(struct trace_set *out, const char *folder, struct onic_err *err)
{
    struct dirent **names;
    memset(out, 0, sizeof *out);
    int n = scandir(folder, &names, NULL, alphasort), rc = ONIC_OK;
    if (n < 0)
        return err_set(err, ONIC_ENOTFOUND, "%s cannot be read: %s", folder, strerror(errno));
    out->processes = xcalloc((size_t)n, sizeof *out->processes);
    for (int i = 0; i < n; i++) {
        bool used = false;
        if (!rc && is_trace(names[i]->d_name) && role_of(names[i]->d_name) >= 0) {
            rc = read_trace(&out->processes[out->n], folder, names[i]->d_name, &used, err);
            out->empty += !rc && !used;
            out->torn += !rc && used && out->processes[out->n].torn;
            out->n += !rc && used;
        }
        free(names[i]);
    }
    free(names);
    if (!rc && out->n == 0)
        rc = err_set(err, ONIC_ENOTFOUND, "%s holds no trace (ONIC_TRACE=%s makes them)", folder,
                     folder);
    if (rc)
        trace_set_free(out);
    else
        qsort(out->processes, (size_t)out->n, sizeof *out->processes, by_time);
    return rc;
}

void trace_set_free(struct trace_set *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->processes[i].events);
    free(s->processes);
    memset(s, 0, sizeof *s);
}
