/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_RECENT_CAPTIONS_H
#define ONIC_LEARNER_REWARD_RANKING_RECENT_CAPTIONS_H

/* recent_captions.h - the captions of the last steps, as often as they came: what a share of the
 * steps is a share of. About every RECENT_EVERY-th that is offered, without a period, the newest
 * RECENT_CAPTIONS of these. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { RECENT_CAPTIONS = 1024, RECENT_EVERY = 4 };

struct recent_captions;

struct recent_captions *recent_captions_create(void);
void recent_captions_free(struct recent_captions *r); /* NULL is allowed */

/* Longer captions are cut at QUESTION_CAPTION_MAX bytes. len >= 1. */
void recent_captions_put(struct recent_captions *r, const char *caption, size_t len);
/* text, len [RECENT_CAPTIONS]: borrowed until the next put; how many. */
int recent_captions_all(const struct recent_captions *r, const char **text, uint16_t *len);

void recent_captions_save(const struct recent_captions *r, struct buf *out);
/* The whole of p [len]; false, and empty, when malformed. */
bool recent_captions_load(struct recent_captions *r, const char *p, size_t len);

#endif /* ONIC_LEARNER_REWARD_RANKING_RECENT_CAPTIONS_H */
