/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_QUESTION_H
#define ONIC_COMMON_DATA_QUESTION_H

/* question.h - what is asked of an annotator, as one string of bytes.
 *
 *   class   caption                 does it help?                   label 0 or 1
 *   pair    caption NUL caption_b   which of the two is better?     0 first, 1 second, 0.5 tie
 *   score   NUL caption             how close is it to the goal?    a number in [-1, 1]
 *
 * Captions hold no NUL, so bytes tell the kind. One string everywhere (client, wire, queue, label
 * store) makes a pair as easy to count, to find and to send as a caption, and labels of two kinds
 * can never be taken for each other. Pure functions. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/base/bounds.h"

enum { QUESTION_CAPTION_MAX = BOUND_CAPTION, QUESTION_MAX = 2 * QUESTION_CAPTION_MAX + 1 };

enum question_kind { QUESTION_CLASS, QUESTION_PAIR, QUESTION_SCORE, QUESTION_KINDS };

struct question {
    enum question_kind kind;
    const char *caption, *caption_b; /* borrowed, not terminated; caption_b NULL unless a pair */
    size_t len, len_b;
};

static inline const char *question_kind_name(enum question_kind kind)
{
    static const char *const name[QUESTION_KINDS] = {"class", "pair", "score"};
    return name[kind];
}

static inline size_t question_caption_len(const char *caption, size_t len)
{
    return strnlen(caption, len < QUESTION_CAPTION_MAX ? len : QUESTION_CAPTION_MAX);
}

/* A caption as it is after it was cut, and not the empty one, of which nothing is asked. */
static inline bool question_is_caption(const char *p, size_t len)
{
    return len >= 1 && question_caption_len(p, len) == len;
}

/* Writes the question of a pair, captions cut at QUESTION_CAPTION_MAX bytes and at their first NUL;
 * returns its length. */
static inline size_t question_pair(char out[QUESTION_MAX], const char *a, size_t alen,
                                   const char *b, size_t blen)
{
    alen = question_caption_len(a, alen);
    blen = question_caption_len(b, blen);
    memcpy(out, a, alen);
    out[alen] = '\0';
    memcpy(out + alen + 1, b, blen);
    return alen + 1 + blen;
}

/* One name for a pair in whatever order it comes: its question with the lesser caption first. */
static inline size_t question_pair_name(char out[QUESTION_MAX], const char *a, size_t alen,
                                        const char *b, size_t blen)
{
    int order = memcmp(a, b, alen < blen ? alen : blen);
    return order > 0 || (order == 0 && alen > blen) ? question_pair(out, b, blen, a, alen)
                                                    : question_pair(out, a, alen, b, blen);
}

/* Writes the question of kind class or score about one caption; returns its length. */
static inline size_t question_about(char out[QUESTION_MAX], enum question_kind kind,
                                    const char *caption, size_t len)
{
    size_t at = kind == QUESTION_SCORE;
    len = question_caption_len(caption, len);
    out[0] = '\0';
    memcpy(out + at, caption, len);
    return at + len;
}

static inline enum question_kind question_kind_of(const char *q, size_t len)
{
    const char *nul = memchr(q, '\0', len);
    return !nul ? QUESTION_CLASS : nul == q ? QUESTION_SCORE : QUESTION_PAIR;
}

/* False when the bytes are no question: an empty or too long caption, or more than one NUL. */
static inline bool question_split(const char *q, size_t len, struct question *out)
{
    *out = (struct question){.kind = question_kind_of(q, len), .caption = q, .len = len};
    if (out->kind == QUESTION_SCORE) {
        out->caption++;
        out->len--;
    } else if (out->kind == QUESTION_PAIR) {
        out->len = strlen(q); /* a NUL was found */
        out->caption_b = q + out->len + 1;
        out->len_b = len - out->len - 1;
        if (!question_is_caption(out->caption_b, out->len_b))
            return false;
    }
    return question_is_caption(out->caption, out->len);
}

/* What a label may be. */
static inline bool question_label_fits(enum question_kind kind, double label)
{
    if (kind == QUESTION_SCORE)
        return label >= -1 && label <= 1;
    return label == 0 || label == 1 || (kind == QUESTION_PAIR && label == 0.5);
}

#endif /* ONIC_COMMON_DATA_QUESTION_H */
