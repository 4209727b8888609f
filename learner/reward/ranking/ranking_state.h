/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_RANKING_STATE_H
#define ONIC_LEARNER_REWARD_RANKING_RANKING_STATE_H

/* ranking_state.h - the state of the model ranking in a checkpoint, little-endian.
 *
 * "RNK2", u64 bytes of what comes now: f64 threshold, three u64 (the pass), the recent captions;
 * then, as after "RNK1" alone: u64 version, u64 pairs, trained_net's state, six f64 (statistics
 * running and frozen), u64 captioned steps, u64 length and state of the store, then the pairs
 * (pair_data.c). "RNK3" is as "RNK2" and ends with the pairs that are to be asked again
 * (open_pairs.h) and u64 their bytes; written only where there are any. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "learner/reward/label_pass.h"
#include "learner/reward/trained_net.h"

enum { RANKING_STATE_NORM = 6 /* f64 of the statistics */ };

extern const char ranking_state_magic[4], ranking_state_magic_open[4]; /* "RNK2", "RNK3" */

/* A state taken apart and checked; pointers into it. */
struct ranking_state {
    bool has_share; /* not of "RNK1" */
    double threshold;
    struct label_pass pass;
    const char *recent;
    size_t recent_len;
    uint64_t version, captioned;
    const char *net;
    double norm[RANKING_STATE_NORM];
    const char *store;
    size_t store_len;
    const char *pairs;
    size_t pairs_len;
    uint64_t count; /* of pairs */
    const char *open;
    size_t open_len;
};

/* w: of the model, for its size; capacity: of its store. ONIC_EDAMAGED when malformed. */
int ranking_state_split(struct ranking_state *out, const struct trained_net *w, size_t capacity,
                        const void *data, size_t len, struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_RANKING_RANKING_STATE_H */
