/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_LEDGER_H
#define ONIC_COMMON_DATA_LEDGER_H

/* ledger.h - where every trajectory went: produced = consumed + dropped{reason} + lost{reason} + in
 * flight.
 *
 * The identity is checked every second, shown live, written to ledger.json and asserted by tests.
 * Sums are per run (kept in the checkpoint). What ends where: common/wire/README.md. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* reason, field text in JSON */
#define LEDGER_DROP_MAP(XX)                                                                        \
    XX(STALE, "stale")                                                                             \
    XX(STALE_ACTOR, "stale_actor") XX(INVALID, "invalid") XX(STALL, "stall") XX(DRAIN, "drain")
#define LEDGER_LOST_MAP(XX)                                                                        \
    XX(ACTOR, "actor") XX(ACTOR_UNKNOWN, "actor_unknown") XX(ROLLBACK, "rollback")

enum ledger_drop {
#define XX(name, text) LEDGER_DROP_##name,
    LEDGER_DROP_MAP(XX)
#undef XX
        LEDGER_DROPS
};
enum ledger_lost {
#define XX(name, text) LEDGER_LOST_##name,
    LEDGER_LOST_MAP(XX)
#undef XX
        LEDGER_LOSTS
};

struct ledger_sums {
    uint64_t produced, consumed, consumed_twice, in_flight;
    uint64_t dropped[LEDGER_DROPS], lost[LEDGER_LOSTS];
};

struct ledger {
    struct ledger_sums trajectories, steps; /* steps = trajectories x T x E, counted separately */
};

bool ledger_balanced(const struct ledger *l);
void ledger_json(const struct ledger *l, struct buf *out); /* deploy/interface.md section 7 */
int ledger_parse(struct ledger *l, const char *json, size_t len, struct onic_err *err);
/* Sums of trajectories as numbers of the registry: ledger/produced, ledger/dropped/stale, ... */
void ledger_numbers(const struct ledger *l, void (*put)(void *ctx, const char *name, double value),
                    void *ctx);
void ledger_line(const struct ledger *l, struct buf *out); /* one human line */

#endif /* ONIC_COMMON_DATA_LEDGER_H */
