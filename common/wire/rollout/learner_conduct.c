/* SPDX-License-Identifier: MIT */
/* learner_conduct.c - what becomes of an actor that sends nonsense (R7); see learner_state.h. */
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/wire/rollout/learner_state.h"

/* What an actor sent three times it would send again at once. */
enum { QUARANTINE_MS = 60000 };

enum { INVALID_RUN_MAX = 3, BAD_PER_MINUTE = 10 };

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
    if (now - p->bad_minute_ms > 60000) {
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
