/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_PROMPTS_PROMPT_H
#define ONIC_REWARD_SERVER_PROMPTS_PROMPT_H

/* prompt.h - what a language model is asked, as a file a person edits.
 *
 *   prompts/<domain>/<kind>.<wording>.yaml      kind: classification or ranking
 *
 * One file holds every goal of its domain; deploy/prompts/README.md describes the keys. A prompt
 * is resolved for one goal at loading; only the captions are left open. The version is a hash of
 * everything that shapes question and answer (not of comments or of other goals) and belongs into a
 * label's identity. Immutable after loading, so threads may read it. */

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { PROMPT_FILE_MAX_BYTES = 1 << 18, PROMPT_WORD_MAX = 32, PROMPT_NAME_MAX = 64 };

enum prompt_kind { PROMPT_CLASSIFICATION, PROMPT_RANKING, PROMPT_KINDS };
extern const char *const prompt_kind_name[PROMPT_KINDS];

struct prompt {
    enum prompt_kind kind;
    char version[33];
    char *system;              /* UTF-8 */
    char *user;                /* UTF-8; captions are slots, see prompt_render */
    char key[PROMPT_WORD_MAX]; /* name of the part of the answer that holds the word */
    int nwords;
    char word[3][PROMPT_WORD_MAX]; /* the only words that are an answer */
    double label[3];               /* what word[i] means: 1 and 0; for pairs 0, 1 and 0.5 */
};

/* Loads <dir>/<domain>/<kind>.<wording>.yaml for the goal. ONIC_ECONFIG with file and line; an
 * unknown goal lists the known ones. *out is owned by the caller, NULL on failure. */
int prompt_load(struct prompt **out, const char *dir, const char *domain, enum prompt_kind kind,
                const char *goal, const char *wording, struct onic_err *err);
void prompt_free(struct prompt *p); /* NULL is allowed */

/* Appends the user's part of the question. Captions are bytes of a game: they become UTF-8 on one
 * line, with quotes and backslashes escaped, so that no caption can leave the quotes it stands in.
 * caption_b is used by rankings only. ONIC_ELIMIT when out is too small. */
int prompt_render(const struct prompt *p, const char *caption, size_t len, const char *caption_b,
                  size_t len_b, struct buf *out);

/* Index of the word that answers, -1 when the text is no answer. Strict: the whole text is a word,
 * or its last line is "key: word" (case of the key and spaces around do not matter), and no other
 * line gives the key another word. */
int prompt_answer(const struct prompt *p, const char *text, size_t len);

#endif /* ONIC_REWARD_SERVER_PROMPTS_PROMPT_H */
