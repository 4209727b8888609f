/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_WEIGHTS_LOANS_H
#define ONIC_COMMON_WIRE_WEIGHTS_LOANS_H

/* loans.h - chunks that were sent and that libzmq still holds, by the connection that has not
 * fetched them. Private to common/wire/weights.
 *
 * A message that nobody fetches keeps its memory. A peer that asks and never reads would keep as
 * much as it likes, so each has a few chunks at most. Borrowed from the weights thread and returned
 * by libzmq's; everything else belongs to the weights thread. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/frame/sock.h"

enum {
    LOANS_EACH = 4,
    LOANS_COPIES_MAX = 32, /* but of one for a connection that has none; and in all: */
    LOANS_COPIES_LAST = 128
};

struct loans;
struct loans *loans_create(void);
/* False: libzmq still reads what was lent; then nothing is freed. */
bool loans_free(struct loans *l);

/* Whether the connection may have one more chunk: it has fetched most of what it was sent. */
bool loans_may_lend(struct loans *l, const struct sock_route *to);
/* Copies are counted, because unlike a snapshot each has memory of its own. */
bool loans_may_copy(struct loans *l, const struct sock_route *to);
/* What is told when libzmq is done with a message: it has been written, or its connection is gone.
 */
struct loan_end {
    atomic_int *refs;     /* counted up now, and down then; NULL: a copy of the bytes is lent */
    atomic_llong *end_ms; /* becomes that time, clock_ms; NULL: nobody asks. Outlives the loan */
};
/* A message of these bytes. */
void loans_lend(struct loans *l, const struct sock_route *to, zmq_msg_t *msg, void *bytes,
                size_t len, struct loan_end end);
/* How long a reader has taken no byte; -1: not known. */
struct loans_idle {
    int64_t (*ms)(void *ctx, const struct sock_route *reader);
    void *ctx;
};
/* The connection that has not fetched a whole message for longest, or, with idle, nothing of one;
 * false: none waits for min_ms. It is named once in min_ms. */
bool loans_slowest(struct loans *l, int64_t min_ms, const struct loans_idle *idle,
                   struct sock_route *out);

#endif /* ONIC_COMMON_WIRE_WEIGHTS_LOANS_H */
