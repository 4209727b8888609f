/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_WORDVEC_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_WORDVEC_H

/* wordvec.h - word vectors of a file in fastText's text format, and sentences as their sums.
 *
 *   <count> <width>
 *   <word> <number> ... <number>        count lines of width numbers
 *
 * A sentence's tokens are its runs of letters, digits and bytes above 127, ASCII letters made
 * small. Only words that a token can equal are kept (a capital letter or a sign inside excludes
 * them), the first of a word that stands twice. Memory: 4 * width + about 40 bytes per kept word.
 * Immutable after loading. */

#include "common/base/err.h"

struct wordvec;

/* ONIC_ECONFIG with file and line: no header, a line of another width, a broken number, another
 * count of lines. *out is owned by the caller, NULL on failure. */
int wordvec_load(struct wordvec **out, const char *path, struct onic_err *err);
void wordvec_free(struct wordvec *w); /* NULL is allowed */

int wordvec_dim(const struct wordvec *w);
/* "fasttext@" and the hash of the file's content. */
const char *wordvec_name(const struct wordvec *w);
/* Sum of the vectors of the known words into out[dim], in double and in order; returns how many
 * were known. */
int wordvec_sum(const struct wordvec *w, const char *text, float *out);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_WORDVEC_H */
