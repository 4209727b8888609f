/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_LABEL_H
#define ONIC_COMMON_DATA_LABEL_H

/* label.h - a question with what is known of its answer, from the annotator through the label store
 * and the wire to the reward model. A plain type: nothing here owns memory, its pointers are
 * borrowed as long as whoever hands the label over says. A layer that knows more of a label (its
 * row in the store, its place in a queue) embeds this struct.
 *
 * Not every field is known everywhere: an annotator fills in state, value, confidence and raw, the
 * store id and the times, the reward server the source; raw does not cross the wire. What is not
 * known is 0, NULL or "". */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/data/question.h"

/* Kept in label stores: the numbers stay. */
enum label_state {
    LABEL_UNKNOWN = 0,
    LABEL_ASKED = 1, /* an answer may be on its way */
    LABEL_ANSWERED = 2,
    LABEL_ABSTAINED = 3 /* the annotator had the question and gives no label */
};

enum {
    LABEL_RAW_MAX = 512, /* bytes of `raw` that are kept */
    LABEL_SOURCE_MAX = 32
};

struct label {
    uint64_t id; /* rising number of the store: the label cursor; 0 = no answer yet */
    enum label_state state;
    double value;                 /* valid for LABEL_ANSWERED; what it says: question.h */
    double confidence;            /* [0, 1] */
    double asked_at, answered_at; /* Unix s; 0 = not yet, or not known */
    const char *question;         /* borrowed; its bytes (question.h), not terminated */
    size_t question_len;
    const char *raw;               /* borrowed; the annotator's own words: scores, reason */
    char source[LABEL_SOURCE_MAX]; /* annotator that answered: "embedding", "rules" */
};

/* It is not to be asked: the annotator has answered, or has abstained from it. */
static inline bool label_is_settled(enum label_state state)
{
    return state == LABEL_ANSWERED || state == LABEL_ABSTAINED;
}

/* Why nobody may take this label, without a stop; NULL: it is sane. Whoever gets one from a file, a
 * program or a peer asks this first. kind: of its question, which a caption alone does not tell. An
 * abstention says nothing that could be wrong. */
static inline const char *label_fault(const struct label *l, enum question_kind kind)
{
    static const char *const must_be[QUESTION_KINDS] = {"label must be 0 or 1",
                                                        "label must be 0 or 1, or 0.5 for a tie",
                                                        "label must be from -1 to 1"};
    if (l->state != LABEL_ANSWERED)
        return NULL;
    if (!question_label_fits(kind, l->value))
        return must_be[kind];
    if (!(l->confidence >= 0 && l->confidence <= 1)) /* NaN, too */
        return "confidence must be from 0 to 1";
    return isfinite(l->asked_at) && isfinite(l->answered_at)
               ? NULL
               : "asked_at and answered_at must be numbers";
}

/* True for what an annotator says of itself in every start; anything else is for people to look
 * at. */
static inline bool label_annotator_is_starting(const char *status)
{
    return strncmp(status, "warming up", 10) == 0 || strncmp(status, "asking ", 7) == 0;
}

#endif /* ONIC_COMMON_DATA_LABEL_H */
