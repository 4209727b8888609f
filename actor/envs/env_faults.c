/* SPDX-License-Identifier: MIT */
/* env_faults.c - see env_faults.h. The table is small, so that an environment whose sentences all
 * differ does not flood the terminal: what finds no room in it shares one line a minute. */
#include "actor/envs/env_faults.h"

#include <string.h>

#include "common/base/log.h"

static void env_faults_kind(char out[ENV_FAULT_KIND_MAX], const char *why)
{
    int n = 0;
    for (const char *p = why; *p && *p != ':' && n < ENV_FAULT_KIND_MAX - 1; p++)
        if (*p < '0' || *p > '9')
            out[n++] = *p;
    out[n] = '\0';
}

int64_t env_faults_to_tell(struct env_faults *f, const char *why)
{
    char kind[ENV_FAULT_KIND_MAX];
    int i = 0;
    env_faults_kind(kind, why);
    while (i < f->n && strcmp(f->seen[i].kind, kind) != 0)
        i++;
    if (i == f->n && f->n < ENV_FAULT_KINDS)
        memcpy(f->seen[f->n++].kind, kind, sizeof kind);
    int64_t times = ++f->seen[i].untold;
    if (!log_every_ms(&f->seen[i].said_ms, ENV_FAULT_EVERY_MS))
        return 0;
    f->seen[i].untold = 0;
    return times;
}
