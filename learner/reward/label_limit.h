/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LABEL_LIMIT_H
#define ONIC_LEARNER_REWARD_LABEL_LIMIT_H

/* label_limit.h - the end of a model's room for labels, in words: from there on captions stay
 * without a label for good, and are asked about again and again. */

#include <stdbool.h>
#include <stddef.h>

/* A label found no room beside so many that are held. Said once in a life (*said). */
void label_limit_reached(bool *said, size_t held);

#endif /* ONIC_LEARNER_REWARD_LABEL_LIMIT_H */
