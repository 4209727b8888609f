/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_OBSERVATION_STORE_H
#define ONIC_LEARNER_REWARD_OBSERVATION_STORE_H

/* observation_store.h - captions that were seen, from which pairs are drawn.
 *
 * Bounded. A full store keeps a uniform sample of everything ever offered (reservoir sampling): the
 * k-th caption takes the place of a random one with probability capacity / k. So captions are held
 * as often as they were visited, unless `distinct` is set: then each is held once, and a full store
 * is a uniform sample of all distinct captions ever offered, however often: those whose seeded hash
 * is smallest (bottom-k sampling), so a caption that gave way never comes back. Random numbers are
 * named by the count of captions offered and of pairs drawn; captions and these counts are the
 * whole state. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/data/question.h"

struct observation_store;

/* capacity in captions, >= 2 */
struct observation_store *observation_store_create(size_t capacity, bool distinct, uint64_t seed);
void observation_store_free(struct observation_store *s); /* NULL is allowed */

/* Offers a caption, cut at QUESTION_CAPTION_MAX bytes; the empty one is ignored. */
void observation_store_put(struct observation_store *s, const char *caption, size_t len);
size_t observation_store_count(const struct observation_store *s);

/* Draws two captions, uniform with replacement, and writes their question (question.h). Returns its
 * length, 0 when there is none to ask: fewer than two captions, or both are equal. */
size_t observation_store_pair(struct observation_store *s, char out[QUESTION_MAX]);

/* The whole state; load returns false, and leaves the store empty, when the bytes are malformed or
 * hold more than the capacity. */
void observation_store_save(const struct observation_store *s, struct buf *out);
bool observation_store_load(struct observation_store *s, const void *data, size_t len);

#endif /* ONIC_LEARNER_REWARD_OBSERVATION_STORE_H */
