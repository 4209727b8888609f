/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_BATCHER_H
#define ONIC_LEARNER_PROCESS_BATCHER_H

/* batcher.h - collects trajectories from the wire until there are enough for an update.
 *
 * Whole trajectories, in order of arrival, until train.batch steps are together. Deterministic runs
 * take instead one round: exactly `rounds` trajectories of each of `actors` actors, ordered by
 * actor number, so that the order of arrival has no effect. Trajectories stay where the wire put
 * them; batcher_done gives them back. Training thread. */

#include <stdint.h>

#include "common/wire/rollout/learner_link.h"

struct batcher;

struct batcher_params {
    struct wire_learner *wire; /* borrowed */
    int64_t steps;             /* of a batch, at least; not used when deterministic */
    int actors, rounds;        /* deterministic runs; actors = 0: not deterministic */
    uint64_t max_policy_lag;   /* weights versions; what is older is dropped (not deterministic) */
};

struct batcher *batcher_create(const struct batcher_params *p);
void batcher_free(struct batcher *b); /* gives back what it holds, unbooked; NULL is allowed */

/* Takes what has arrived, waiting at most timeout_ms for the next trajectory. version: of the
 * weights that the batch will be trained with; what is too old for them is booked as dropped. It is
 * here that nothing older is trained on: credit keeps it rare. ONIC_OK: a batch is
 * complete. ONIC_ETIMEDOUT: not yet, call again. ONIC_ESTOPPED: the wire is drained and no batch
 * will be complete. */
int batcher_fill(struct batcher *b, uint64_t version, int timeout_ms);
/* The trajectories held now; *n receives their number. Valid until batcher_done. */
struct trajectory *const *batcher_held(const struct batcher *b, int *n);
/* Books all held trajectories as consumed (before the checkpoint that contains them). */
void batcher_book_consumed(struct batcher *b);
/* Books all held trajectories as dropped. */
void batcher_book_dropped(struct batcher *b, enum ledger_drop reason);
/* Books them as lost, for the weights that would have been trained on them are rolled back. */
void batcher_book_undone(struct batcher *b);
/* Gives them back to the wire. */
void batcher_done(struct batcher *b);

#endif /* ONIC_LEARNER_PROCESS_BATCHER_H */
