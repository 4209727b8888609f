/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_OPEN_PAIRS_H
#define ONIC_LEARNER_REWARD_RANKING_OPEN_PAIRS_H

/* open_pairs.h - pairs that were asked before and are asked again, before any is drawn.
 *
 * After labels were withdrawn nobody here knows whose are left. The label store does: it answers at
 * once what still has an answer, so what was paid for is used, and only the others cost anything.
 * Entries are u16 length, question. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/data/question.h"

struct open_pairs;

struct open_pairs *open_pairs_create(void);
void open_pairs_free(struct open_pairs *o); /* NULL is allowed */
void open_pairs_clear(struct open_pairs *o);
/* question: of kind pair. Beyond 1 GiB it is left out. */
void open_pairs_put(struct open_pairs *o, const char *question, size_t len);
/* The next one, in the order they came, which is then forgotten; 0 = none. */
size_t open_pairs_next(struct open_pairs *o, char out[QUESTION_MAX]);
size_t open_pairs_bytes(const struct open_pairs *o); /* of open_pairs_save */
void open_pairs_save(const struct open_pairs *o, struct buf *out);
/* Adds what was saved; o NULL only checks. False when malformed. */
bool open_pairs_load(struct open_pairs *o, const char *p, size_t len);

#endif /* ONIC_LEARNER_REWARD_RANKING_OPEN_PAIRS_H */
