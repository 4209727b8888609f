/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_LEDGER_PAGE_H
#define ONIC_COMMON_WIRE_ROLLOUT_LEDGER_PAGE_H

/* ledger_page.h - what an actor has produced, in a file that survives its death (R9).
 *
 * A small mapped file per actor number: a store to it is in the page cache at once, so kill -9
 * loses nothing; only the end of the machine does. The next process of that number reads it and
 * reports it. Private to common/wire, one thread. */

#include <stdint.h>

#include "common/base/err.h"

struct ledger_page_content {
    uint64_t magic;
    uint8_t run_id[16];
    uint64_t incarnation; /* 0 = empty */
    uint64_t produced, acked, steps_each, env_steps;
};

struct ledger_page;

/* Opens or creates dir/actor-<id>.ledger. *previous is what the last process left, incarnation 0
 * when nothing. ONIC_ECANTCREATE: the folder cannot be written, or another process holds the page.
 */
int ledger_page_open(struct ledger_page **out, const char *dir, uint32_t actor_id,
                     struct ledger_page_content *previous, struct onic_err *err);
void ledger_page_close(struct ledger_page *p); /* the file stays; NULL is allowed */
/* A new incarnation begins: everything else becomes 0. */
void ledger_page_begin(struct ledger_page *p, const uint8_t run_id[16], uint64_t incarnation,
                       uint64_t steps_each);
void ledger_page_update(struct ledger_page *p, uint64_t produced, uint64_t acked,
                        uint64_t env_steps);

/* The newest incarnation that was given to this number here and its secret (place.h), in a file
 * beside the page that only its user can read, as pages are not; incarnation 0: none is kept. It
 * may be newer than the page's: games are built in between. NULL pages are allowed. */
struct ledger_page_held {
    uint64_t incarnation;
    uint8_t secret[16];
};
struct ledger_page_held ledger_page_held(const struct ledger_page *p);
void ledger_page_hold(const struct ledger_page *p, const struct ledger_page_held *held);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_LEDGER_PAGE_H */
