/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_CAPTION_COPIES_H
#define ONIC_LEARNER_REWARD_CAPTION_COPIES_H

/* caption_copies.h - captions that outlive the pool they were drawn from, which moves when labels
 * come. */

#include <stddef.h>
#include <stdint.h>

struct caption_copies { /* zeros: nothing yet */
    char *bytes;
    size_t cap;
};

/* Copies text [n] and lets it point to the copies, until the next call. */
void caption_copies_take(struct caption_copies *c, const char **text, const uint16_t *len, int n);
void caption_copies_release(struct caption_copies *c);

#endif /* ONIC_LEARNER_REWARD_CAPTION_COPIES_H */
