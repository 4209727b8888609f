/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_WEIGHTS_PULL_H
#define ONIC_COMMON_WIRE_WEIGHTS_PULL_H

/* pull.h - fetches weights by version, checks every byte, and swaps them in at once
 * (W1-W6); what another actor of this host has pulled is taken from it (share.h).
 *
 * Private to common/wire; one thread. Two blocks of memory: the one that is used, and the one that
 * is being filled. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/wire/frame/meta.h"

enum { WEIGHTS_OUTSTANDING = 2, WEIGHTS_PIN_AFTER = 3, WEIGHTS_CHUNKS_MAX = 16384 };

struct wire_weights_pull;
struct wire_keys;

/* keys: NULL = none; they outlive the pull. */
struct wire_weights_pull *wire_weights_pull_create(void *context, struct meta_arena *arena,
                                                   struct wire_keys *keys);
void wire_weights_pull_free(struct wire_weights_pull *p);
/* once, before the first poll */
void wire_weights_pull_size(struct wire_weights_pull *p, size_t floats);
/* Says where the weights of this learner life are; attempt: see sock.h, the one by which the
 * learner itself was reached. A new epoch forgets what was known of versions. */
int wire_weights_pull_connect(struct wire_weights_pull *p, const char *address, unsigned attempt,
                              const uint8_t run_id[16], uint32_t epoch, struct onic_err *err);
/* a new socket to the same address */
void wire_weights_pull_reconnect(struct wire_weights_pull *p);
/* for polling; NULL before connect */
void *wire_weights_pull_socket(const struct wire_weights_pull *p);
/* version_plus_1: the newest that is known to exist, 0 = none. Never waits. True when new weights
 * were swapped in. */
bool wire_weights_pull_poll(struct wire_weights_pull *p, uint64_t version_plus_1);
/* NULL: none of this epoch yet */
const float *wire_weights_pull_get(const struct wire_weights_pull *p, uint64_t *version);

/* True while another actor of this host pulls for this one: poll again soon, no message will come.
 */
bool wire_weights_pull_waits_for_host(const struct wire_weights_pull *p);

/* For how long weights were wanted and the address gave no answer at all; 0 = it answers, or
 * nothing is wanted. */
int64_t wire_weights_pull_silent_ms(const struct wire_weights_pull *p);
const char *wire_weights_pull_address(const struct wire_weights_pull *p);

struct wire_weights_pull_counts {
    uint64_t complete, corrupt, gone, pinned; /* complete: over the socket */
    uint64_t shared;                          /* taken from another actor of this host */
};
struct wire_weights_pull_counts wire_weights_pull_counts(const struct wire_weights_pull *p);

#endif /* ONIC_COMMON_WIRE_WEIGHTS_PULL_H */
