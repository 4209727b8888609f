/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LABEL_PASS_H
#define ONIC_LEARNER_REWARD_LABEL_PASS_H

/* label_pass.h - labels in random order, without replacement: what a gradient step is made of.
 *
 * A pass is a permutation of the labels there were when it began, computed from its number, so
 * three words are the whole state. A step's labels are all of one pass and thus distinct. Where too
 * few for a step are left the next pass begins without them: of 100 labels 36 are left out of each
 * pass of steps of 64, other ones every time. So does it when the labels have become an eighth
 * more. Pure. */

#include <stddef.h>
#include <stdint.h>

struct label_pass { /* zeros: before the first; saved as it is */
    uint64_t pass, at, count;
};

/* The next `want` labels, 1 <= want <= n, of n will be drawn. */
void label_pass_begin(struct label_pass *p, size_t n, size_t want);
/* One of them, 0 .. n-1. key: the order is this one's. */
size_t label_pass_next(struct label_pass *p, uint64_t key);

#endif /* ONIC_LEARNER_REWARD_LABEL_PASS_H */
