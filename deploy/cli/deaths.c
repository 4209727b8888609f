/* SPDX-License-Identifier: MIT */
/* deaths.c - see deaths.h. */
#define _GNU_SOURCE
#include "deploy/cli/deaths.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/base/limits.h"

int death_cause(int status)
{
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int deaths_book(struct deaths *d, int cause, int64_t lived_ms)
{
    int slot = 0;
    if (lived_ms >= DEATH_FORGET_MS)
        memset(d, 0, sizeof *d);
    for (int i = 0; i < DEATH_CAUSES; i++) {
        if (d->count[i] && d->cause[i] == cause)
            return ++d->count[i];
        if (d->count[i] < d->count[slot])
            slot = i;
    }
    d->cause[slot] = cause;
    d->count[slot] = 1;
    return 1;
}

void death_text(int cause, char *out, size_t size)
{
    if (cause == DEATH_NO_PULSE)
        snprintf(out, size, "no sign of life");
    else if (cause == DEATH_NO_START)
        snprintf(out, size, "no process for it");
    else if (cause < 0)
        snprintf(out, size, "signal %d (%s)", -cause, strsignal(-cause));
    else
        snprintf(out, size, "exit code %d", cause);
}

void death_sentence(int cause, char *out, size_t size)
{
    char text[96];
    death_text(cause, text, sizeof text);
    if (cause == DEATH_NO_PULSE)
        snprintf(out, size, "gave no sign of life and was killed");
    else if (cause == DEATH_NO_START)
        snprintf(out, size, "cannot be started");
    else
        snprintf(out, size, "ended with %s", text);
}

static void cpu_limit(char *out, size_t size)
{
    struct rlimit r;
    out[0] = '\0';
    if (getrlimit(RLIMIT_CPU, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        snprintf(out, size, "the limit of CPU time is %llu s (ulimit -t)",
                 (unsigned long long)r.rlim_cur);
}

void death_hint(int cause, int64_t oom_kills, char *out, size_t size)
{
    char memory[LIMITS_TEXT_MAX], cpu[96];
    out[0] = '\0';
    cpu_limit(cpu, sizeof cpu);
    if (cause == -SIGKILL && oom_kills > 0) {
        limits_memory_text("", memory, sizeof memory);
        snprintf(out, size,
                 "the out-of-memory killer was at work: give it more memory, or take fewer actors "
                 "(actors.count) or environments (env.count)%s%s",
                 memory[0] ? "; " : "", memory);
    } else if (cause == -SIGKILL) {
        snprintf(out, size, "somebody killed it, or the out-of-memory killer did (dmesg tells)%s%s",
                 cpu[0] ? "; " : "", cpu);
    } else if (cause == -SIGXCPU) {
        snprintf(out, size, "%s", cpu);
    }
}

int death_exit_code(int cause)
{
    if (cause == DEATH_NO_START)
        return 64;
    return cause < 0 || cause == 127 || cause == 75 ? 70 : cause;
}
