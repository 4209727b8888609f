/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LEARNED_H
#define ONIC_LEARNER_REWARD_LEARNED_H

/* learned.h - whether a reward model learned something from its labels, and if not, why: for a
 * warning at the end of training. A model that guesses pays for something all the same, and nothing
 * else in a run would show it. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "learner/reward/heldout.h"

struct learned {
    bool pairs; /* labels of pairs: 0 the first is better, 1 the second; else classes */
    uint64_t low, high, ties;       /* labels below, above and at 0.5 */
    uint64_t steps;                 /* gradient steps; 0 = a model that is not trained */
    double loss;                    /* of training at the end, NAN = not known */
    double guess;                   /* loss of guessing where the model says it, else 0 */
    struct heldout_measure heldout; /* n = 0: nothing was held out */
};

enum learned_verdict {
    LEARNED_FINE,      /* or too few labels to say */
    LEARNED_TIES,      /* of pairs: all are ties */
    LEARNED_ONE_SIDED, /* all labels are the same; of pairs: nearly all that are no ties */
    LEARNED_DIVERGED,  /* the loss is far above that of guessing */
    LEARNED_NOTHING,   /* the loss is that of the best constant guess */
    LEARNED_BY_HEART   /* of pairs: no better than a coin on those that were held out */
};
enum learned_verdict learned_judge(const struct learned *l);
/* Loss of the best guess that does not look at the captions: ln 2 of pairs, else the entropy of the
 * labels. NAN without labels. */
double learned_guess(const struct learned *l);
enum { LEARNED_WORDS_MAX = 400 };
/* One sentence without a full stop, "" for LEARNED_FINE. */
void learned_words(const struct learned *l, char out[LEARNED_WORDS_MAX]);

#endif /* ONIC_LEARNER_REWARD_LEARNED_H */
