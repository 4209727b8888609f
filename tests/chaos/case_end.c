/* SPDX-License-Identifier: MIT */
/* case_end.c - how every case ends: drain, check, results; see cases.h. */
#include <stdio.h>
#include <string.h>

#include "tests/chaos/cases.h"

static void say_line(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "  %s\n", line);
}

static bool check_run(struct chaos_case *k, const struct storm *s)
{
    struct onic_err err = {0};
    struct trace_set traces;
    k->check = (struct check){.say = say_line};
    int rc = trace_set_read(&traces, s->traces, &err);
    if (!rc) {
        rc = check_all(&k->check, &traces, s->run, &err);
        check_release(&k->check);
        trace_set_free(&traces);
    }
    if (rc)
        snprintf(k->note, sizeof k->note, "the run cannot be checked: %.500s", err.msg);
    return !rc && check_violations(&k->check) == 0;
}

int case_end(struct chaos_case *k, struct storm *s, bool ok)
{
    ok = ok && storm_drain(s);
    if (s->failed)
        memcpy(k->note, s->why, sizeof k->note);
    memcpy(k->times, s->times, sizeof k->times);
    ok = check_run(k, s) && ok;
    bool keep = k->keep || !ok;
    if (keep)
        fprintf(stderr, "  the run is kept in %s\n", s->dir);
    storm_close(s, keep);
    return ok ? 0 : 1;
}

bool case_goes_on(struct storm *s)
{
    uint64_t consumed = s->consumed + 5, durable = s->durable + 2;
    uint64_t end = storm_now_ns() + (uint64_t)STORM_RECOVER_MS * 1000000u;
    while (s->consumed < consumed || s->durable < durable) {
        if (!storm_wait_ms(s, 5))
            return false;
        if (storm_now_ns() > end)
            return storm_fail(s, "after a fault the run does not go on");
    }
    return true;
}

int case_skip(struct chaos_case *k, const char *why)
{
    snprintf(k->note, sizeof k->note, "%s", why);
    return CASE_SKIPPED;
}
