/* SPDX-License-Identifier: MIT */
/* learner_conduct.c - what becomes of an actor that sends nonsense (R7); see learner_state.h. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/rollout/learner_state.h"

/* What an actor sent three times it would send again at once. */
enum { QUARANTINE_MS = 60000, MINUTE_MS = 60000 };

enum { INVALID_RUN_MAX = 3, BAD_PER_MINUTE = 10, REFUSED_PER_MINUTE = 3, NUMBERS_PER_MINUTE = 10 };

void wire_learner_revoke(struct wire_learner *w, struct peer *p, const char *why)
{
    char text[400];
    snprintf(text, sizeof text, "actor %u (host %s, pid %u) sent nonsense too often, last: %s",
             p->id, p->host, p->pid, why);
    log_error(text, kv("actor", p->id));
    wire_learner_put_out(w, p, text);
    peer_close(w, p, LEDGER_LOSTS, LEDGER_DROP_INVALID);
    p->revoked = true;
    p->quarantined_until_ms = clock_ms() + QUARANTINE_MS;
}

bool wire_learner_warned(struct wire_learner *w, struct peer *p, const char *why)
{
    int64_t now = clock_ms();
    if (now - p->bad_minute_ms > MINUTE_MS) {
        p->bad_minute_ms = now;
        p->bad_minute = 0;
    }
    if (++p->bad_minute < BAD_PER_MINUTE && p->invalid_run < INVALID_RUN_MAX)
        return false;
    wire_learner_revoke(w, p, why);
    return true;
}

bool wire_learner_bad(struct wire_learner *w, struct peer *p, enum frame_bad bad, const char *why)
{
    w->status.rx_bad++;
    w->rx_bad[bad]++;
    return p && wire_learner_warned(w, p, why);
}

bool wire_learner_believes(struct wire_learner *w, struct peer *p, uint64_t produced)
{
    if (peer_claim_holds(w, p, produced))
        return true;
    wire_learner_warned(w, p, "more trajectories than it was granted");
    return false;
}

/* --- what an actor says of itself ---------------------------------------------------------- */

/* Since its account was opened, or this life began: processors that a process can keep busy, and
 * seconds of before it said HELLO. */
enum { REPORT_CPUS = 64, REPORT_SLACK_S = 60, REPORT_LOG_MS = 60000 };

static uint64_t cpu_ms_at_most(const struct wire_learner *w, const struct peer *p)
{
    double ms = (double)(clock_ms() - p->opened_ms) + 1e3 * (REPORT_SLACK_S + w->p.lost_s);
    return p->cpu_ms_opened + (uint64_t)(REPORT_CPUS * ms);
}

void wire_learner_reported(struct wire_learner *w, struct peer *p, uint64_t env_steps,
                           uint64_t cpu_ms)
{
    uint64_t steps_most = (p->produced + 1) * p->steps_each, cpu_most = cpu_ms_at_most(w, p);
    if ((env_steps > steps_most || cpu_ms > cpu_most) &&
        log_every_ms(&w->report_log_ms, REPORT_LOG_MS))
        log_warn("an actor says that it has taken more steps, or more processor time, than it can "
                 "have; what can be is counted",
                 kv("actor", p->id), kv("host", (const char *)p->host),
                 kv("steps", (double)env_steps), kv("cpu_s", (double)cpu_ms * 1e-3));
    p->env_steps = env_steps < steps_most ? env_steps : steps_most;
    p->cpu_ms = cpu_ms < cpu_most ? cpu_ms : cpu_most;
}

/* --- who comes again and again ----------------------------------------------------------- */

/* The place of whoever was there longest ago is a newcomer's: connections that do nothing of the
 * kind are in no table, and the others come at HELLO_RATE at most. */
static struct conduct *conduct_of(struct wire_learner *w, const struct sock_route *from)
{
    uint64_t route = sock_crowd_route(from->bytes, from->len);
    int64_t now = clock_ms();
    struct conduct *oldest = &w->conduct[0], *c = NULL;
    for (int i = 0; i < CONDUCTS && !c; i++) {
        if (w->conduct[i].route == route)
            c = &w->conduct[i];
        else if (w->conduct[i].minute_ms < oldest->minute_ms)
            oldest = &w->conduct[i];
    }
    if (!c)
        *(c = oldest) = (struct conduct){.route = route, .minute_ms = now};
    if (now - c->minute_ms > MINUTE_MS) {
        c->minute_ms = now;
        c->refused = c->numbers = 0;
    }
    return c;
}

void wire_learner_refused(struct wire_learner *w, struct peer *p)
{
    int64_t now = clock_ms();
    struct conduct *c = conduct_of(w, &p->route);
    w->status.rx_bad++;
    w->rx_bad[FRAME_BAD_META]++;
    if (now - p->refused_ms > MINUTE_MS) {
        p->refused_ms = now;
        p->refused = 0;
    }
    if (++p->refused >= REFUSED_PER_MINUTE)
        p->quarantined_until_ms = now + QUARANTINE_MS;
    if (++c->refused >= REFUSED_PER_MINUTE)
        c->held_until_ms = now + QUARANTINE_MS;
}

bool wire_learner_may_join(struct wire_learner *w, const struct sock_route *from, char text[200])
{
    const struct conduct *c = conduct_of(w, from);
    int64_t now = clock_ms();
    if (c->held_until_ms > now)
        snprintf(text, 200,
                 "what this connection has built was refused %d times within a minute; it is kept "
                 "out for another %lld s; asking again",
                 REFUSED_PER_MINUTE, (long long)(c->held_until_ms - now) / 1000 + 1);
    else if (c->numbers >= NUMBERS_PER_MINUTE)
        snprintf(text, 200,
                 "this connection was given %d actor numbers within a minute; asking again",
                 NUMBERS_PER_MINUTE);
    else
        return true;
    return false;
}

void wire_learner_joins(struct wire_learner *w, const struct sock_route *from)
{
    conduct_of(w, from)->numbers++;
}
