/* SPDX-License-Identifier: MIT */
/* case_end.c - how every case ends: drain, check, results; see cases.h. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

int case_close(struct chaos_case *k, struct storm *s, bool ok)
{
    if (s->failed)
        memcpy(k->note, s->why, sizeof k->note);
    memcpy(k->times, s->times, sizeof k->times);
    bool keep = k->keep || !ok;
    if (keep)
        fprintf(stderr, "  the run is kept in %s\n", s->dir);
    storm_close(s, keep);
    return ok ? 0 : 1;
}

int case_end(struct chaos_case *k, struct storm *s, bool ok)
{
    ok = ok && storm_drain(s);
    return case_close(k, s, check_run(k, s) && ok);
}

/* The next one is free, too: it becomes that of weights. Somebody else may take them meanwhile. */
bool case_free_port(char address[128])
{
    for (int tries = 0; tries < 100; tries++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            next = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool found = bind(one, (struct sockaddr *)&a, sizeof a) == 0 &&
                     getsockname(one, (struct sockaddr *)&a, &n) == 0;
        int port = ntohs(a.sin_port);
        a.sin_port = htons((uint16_t)(port + 1));
        found = found && port < 65535 && bind(next, (struct sockaddr *)&a, sizeof a) == 0;
        close(one);
        close(next);
        snprintf(address, 128, "tcp://127.0.0.1:%d", port);
        if (found)
            return true;
    }
    return false;
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
