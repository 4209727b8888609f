/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_SCORE_MEMO_H
#define ONIC_LEARNER_REWARD_SCORE_MEMO_H

/* score_memo.h - scores of distinct captions, computed once per (caption, model version).
 *
 * A batch holds few distinct captions and a network costs more to score one than to act
 * (oni-spec 4.4). Only for models that declare caption_only. Bounded: when MEMO_MAX captions are
 * remembered all are forgotten and scored again on demand.
 *
 * Threads: training thread. Allocates only while the number of distinct captions grows. */

#include <stdint.h>

#include "learner/reward/reward_model.h"

enum { SCORE_MEMO_MAX = 1 << 18 };

struct score_memo;

struct score_memo *score_memo_create(const struct reward_model_type *type,
                                     struct reward_model *model);
void score_memo_free(struct score_memo *s); /* NULL is allowed */
/* Forgets everything: after a model was loaded, its version may repeat. */
void score_memo_clear(struct score_memo *s);
/* out [b->ncaptions]: score of each distinct caption; entry 0 ("") is always 0, and so is a score
 * that is not finite. Adds to *hits and *misses. */
void score_memo_captions(struct score_memo *s, const struct reward_batch *b, float *out,
                         uint64_t *hits, uint64_t *misses);

#endif /* ONIC_LEARNER_REWARD_SCORE_MEMO_H */
