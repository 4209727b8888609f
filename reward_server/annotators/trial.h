/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_TRIAL_H
#define ONIC_REWARD_SERVER_ANNOTATORS_TRIAL_H

/* trial.h - an annotator is asked a real question, without a server and a store: what `onic doctor`
 * shows of it. */

#include "common/base/buf.h"
#include "reward_server/annotators/annotator.h"

struct trial {
    char question[QUESTION_MAX];
    size_t len;
    int expected; /* its label by the goal's rules; -1: they do not say */
    /* LABEL_UNKNOWN: no answer came, and its raw is what the annotator says of itself */
    struct annotator_answer answer;
    /* of the goal's pool, where it was asked: how many captions, with label 1, without one */
    int pool, high, abstained;
};

/* The question of this kind about a caption that the goal praises: the first of its pool that a
 * rule labels 1, else an anchor sentence. Of a pair the second one is not praised. */
void trial_question(struct trial *t, const struct goal *goal, enum question_kind kind);
/* The captions of the question between quotes. */
void trial_put_question(const struct trial *t, struct buf *out);
/* " gets label 0", and what the rules say where they say something else. */
void trial_put_label(const struct trial *t, double label, struct buf *out);
/* Asks it of one member of the order, without votes and noise, and one that costs nothing also
 * (kind class) for the pool. Ends with the answer, with the first thing that goes wrong, or when
 * nothing has moved for patience_s. Errors as those of the annotator's create. */
int trial_ask(struct trial *t, const struct annotator_order *o, int member, const struct goal *goal,
              double patience_s, struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_TRIAL_H */
