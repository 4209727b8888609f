/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_HELD_LABELS_H
#define ONIC_LEARNER_PROCESS_HELD_LABELS_H

/* held_labels.h - labels that came and are not used yet: in lock-step they wait until the run asks
 * for them, for when they come depends on chance.
 *
 * Those that this run has asked for are as many as it asks. Of the others, answers to a killed life
 * or to another learner of the same server, so many are kept; then the older half goes. Training
 * thread. */

#include <stdint.h>

#include "common/base/strmap.h"
#include "common/data/label.h"

enum { HELD_LABELS_MAX = 16384 }; /* that nobody here has asked for; at times twice as many */

struct held_label {
    struct label label; /* its question is the one below */
    uint64_t came;      /* number of its arrival */
    char question[QUESTION_MAX];
};

struct held_labels {
    struct held_label *label; /* [cap] */
    int count, cap;
    int foreign;            /* at most so many of them nobody has asked for */
    uint64_t came, dropped; /* in all; dropped: the older ones that nobody asked for */
};

/* Told of a question whose label is gone: it may be asked again. */
typedef void held_labels_forget(void *ctx, const char *question, size_t len);

/* Copied. asked: questions of this run, NULL = none. */
void held_labels_put(struct held_labels *h, const struct strmap *asked, const struct label *l,
                     held_labels_forget *forget, void *ctx);
/* Hands over those that were asked for, in the order of their questions (asked NULL: all); the
 * others stay. */
typedef void held_labels_use(void *ctx, const struct label *l);
void held_labels_take(struct held_labels *h, const struct strmap *asked, held_labels_use *use,
                      void *ctx);
void held_labels_clear(struct held_labels *h);
void held_labels_release(struct held_labels *h);

#endif /* ONIC_LEARNER_PROCESS_HELD_LABELS_H */
