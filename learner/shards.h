/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_SHARDS_H
#define ONIC_LEARNER_SHARDS_H

/* shards.h - a fixed team of training threads that run one function together, again and again.
 *
 * Work is assigned by number and never stolen: the same team size always does the same sums in the
 * same order, which is what makes two runs bit-identical. Each member computes with denormal
 * numbers flushed to zero (Adam's second moments of unused weights decay into them and cost a
 * hundred times the time).
 *
 * Threads: shards_run is called by one thread, which is member 0. */

struct shards;

struct shards *shards_create(int count); /* count >= 1; count - 1 threads are started */
void shards_free(struct shards *s);      /* NULL is allowed */
int shards_count(const struct shards *s);
/* Runs work(ctx, member) for member 0..count-1 and returns when all have returned. */
void shards_run(struct shards *s, void (*work)(void *ctx, int member), void *ctx);

#endif /* ONIC_LEARNER_SHARDS_H */
