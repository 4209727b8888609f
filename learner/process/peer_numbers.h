/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_PEER_NUMBERS_H
#define ONIC_LEARNER_PROCESS_PEER_NUMBERS_H

/* peer_numbers.h - numbers that a reward server reports under names of its own, as metrics.
 *
 * The registry of metrics is fixed in size and its names come from code; these come from a peer. So
 * they are bounded, stand below annot/ and are never one of the learner's own. What is not taken is
 * counted (annot/names_dropped_total) and said once. */

#include <stdbool.h>
#include <stdint.h>

#include "common/metrics/metrics.h"
#include "common/wire/labels/labels.h"

enum { PEER_NUMBERS_MAX = 64, PEER_NAME_MAX = 32 };

struct peer_numbers {
    char name[PEER_NUMBERS_MAX][PEER_NAME_MAX]; /* those taken in this life */
    int count;
    uint64_t dropped; /* numbers that came under a name that was not taken */
};

/* Zero-initialised p: none yet. Sets annot/<name> of each that is taken. */
void peer_numbers_report(struct peer_numbers *p, const struct wire_labels_number *number, int n,
                         struct metrics *m);
/* Letters, digits, _ . and -, at most PEER_NAME_MAX - 1: a name that can stand in a metric and in a
 * line of text. */
bool peer_name_is_plain(const char *name);
/* Counts one more, and says the first. */
void peer_numbers_drop(struct peer_numbers *p, const char *name);

#endif /* ONIC_LEARNER_PROCESS_PEER_NUMBERS_H */
