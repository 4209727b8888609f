/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_WEIGHTS_PACE_H
#define ONIC_COMMON_WIRE_WEIGHTS_PACE_H

/* pace.h - how fast the weights port sends, to all together (rule W6), and whose turn it is.
 *
 * Where more is asked for than may be sent, questions wait here. Whoever began to pull first is
 * served first, so that pulls end one after the other instead of all at the end; a reader that has
 * been sent as much as a whole pull queues behind the others. Private to common/wire/weights, its
 * thread's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/wire/frame/sock.h"

struct pace;

/* chunks: of a whole pull; readers_max: connections that may have questions here at a time. */
struct pace *pace_create(double bytes_per_s, uint32_t chunks, int readers_max);
void pace_free(struct pace *p); /* NULL is allowed */

struct pace_question {
    struct sock_route from;
    uint64_t version_plus_1;
    uint32_t chunk;
};
/* False: it waits already. Those of another version that the reader asked before are forgotten; one
 * too many is, too: who still wants it asks again. */
bool pace_ask(struct pace *p, const struct pace_question *q);
/* The next one that may be answered now; false: none. */
bool pace_next(struct pace *p, struct pace_question *out);
/* What the answer took. */
void pace_sent(struct pace *p, size_t bytes);
/* Until one may be answered; at most most_ms, also when none waits. */
int pace_wait_ms(const struct pace *p, int most_ms);

#endif /* ONIC_COMMON_WIRE_WEIGHTS_PACE_H */
