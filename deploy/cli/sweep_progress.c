/* SPDX-License-Identifier: MIT */
/* sweep_progress.c - see sweep_progress.h. */
#include "deploy/cli/sweep_progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/shown.h"

enum { PROGRESS_EVERY_MS = 60000, PROGRESS_LIVE_MS = 1000, ETA_FROM_S = 10 };

static const char ERASE[] = "\r\033[K";

const char *sweep_time_text(double seconds, char out[32])
{
    if (seconds < 100)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 100 * 60)
        snprintf(out, 32, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, 32, "%.1f h", seconds / 3600);
    else
        snprintf(out, 32, "%.1f days", seconds / 86400);
    return out;
}

void sweep_progress_begin(struct sweep_progress *p, const struct sweep_counts *now)
{
    const char *term = getenv("TERM");
    *p = (struct sweep_progress){.terminal =
                                     isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
                                 .began_ms = clock_ms(),
                                 .said_ms = clock_ms(),
                                 .share_before = now->share};
}

void sweep_progress_event(struct sweep_progress *p, const char *format, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    sweep_progress_end(p);
    shown_printf(stderr, "onic sweep: %s\n", text);
}

/* By how fast it was so far; "" until that can be told. */
static void eta_text(const struct sweep_progress *p, const struct sweep_counts *now, char out[48])
{
    char text[32];
    double seconds = (double)(clock_ms() - p->began_ms) / 1000.0;
    double gained = now->share - p->share_before;
    double missing = now->runs - now->failed - now->share;
    out[0] = '\0';
    if (gained > 0.001 && seconds > ETA_FROM_S && missing > 0)
        snprintf(out, 48, ", ETA %s", sweep_time_text(missing / gained * seconds, text));
}

void sweep_progress_show(struct sweep_progress *p, const struct sweep_counts *now, bool happened)
{
    char eta[48];
    int64_t at = clock_ms(), every = p->terminal ? PROGRESS_LIVE_MS : PROGRESS_EVERY_MS;
    if (!happened && at - p->said_ms < every)
        return;
    p->said_ms = at;
    eta_text(p, now, eta);
    if (p->terminal)
        fputs(ERASE, stderr);
    shown_printf(stderr, "onic sweep: %d of %d done, %d running, %d left, %d failed%s%s", now->done,
                 now->runs, now->running, now->left, now->failed, eta, p->terminal ? "" : "\n");
    fflush(stderr);
}

void sweep_progress_end(struct sweep_progress *p)
{
    if (p->terminal)
        fputs(ERASE, stderr);
}
