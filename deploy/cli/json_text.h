/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_JSON_TEXT_H
#define ONIC_DEPLOY_CLI_JSON_TEXT_H

/* json_text.h - captions and questions out of JSON lines.
 *
 * Captions are bytes of a game; in JSON each byte is the Latin-1 character of that number
 * (buf_json_string). This is the way back. */

#include <jansson.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/data/question.h"

/* "" when there is no such string. Borrowed from o. */
static inline const char *json_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* UTF-8 to the bytes of the game; characters above 255 are kept as UTF-8. In place, NUL-terminated;
 * returns the length. */
static inline size_t latin1_from_utf8(char *s)
{
    size_t n = 0;
    for (size_t i = 0; s[i]; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c == 0xc2 || c == 0xc3) && s[i + 1]) {
            s[n++] = (char)((c & 3) << 6 | ((unsigned char)s[i + 1] & 0x3f));
            i++;
        } else {
            s[n++] = (char)c;
        }
    }
    s[n] = '\0';
    return n;
}

/* The question of {"caption","caption_b"}: a pair, else the "kind" of question about one caption
 * (class when it names none). question_split tells whether it is a question at all. */
static inline size_t json_question(const json_t *o, char out[QUESTION_MAX])
{
    char *a = xstrdup(json_text(o, "caption")), *b = xstrdup(json_text(o, "caption_b"));
    size_t alen = latin1_from_utf8(a), blen = latin1_from_utf8(b);
    bool score = strcmp(json_text(o, "kind"), question_kind_name(QUESTION_SCORE)) == 0;
    size_t len = blen ? question_pair(out, a, alen, b, blen)
                      : question_about(out, score ? QUESTION_SCORE : QUESTION_CLASS, a, alen);
    free(a);
    free(b);
    return len;
}

#endif /* ONIC_DEPLOY_CLI_JSON_TEXT_H */
