/* SPDX-License-Identifier: MIT */
/* nonce.c - a code that game text cannot hold; see llm_impl.h.
 *
 * Where nothing binds an answer, the word is looked for in what a model writes, and a model may
 * write what it was shown: "label: TOV" on a sign of the game. So the word counts with a code
 * behind it that belongs to this question, and that the question's captions do not hold. It stands
 * behind everything else in the prompt, so that the prefix that servers keep is the same for all.
 *
 * Depends on the seed, the question and the vote: who asks again asks the same. */
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "common/base/buf.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { NONCE_LETTERS = 5, NONCE_VOTES = 128 };

/* No vowels: no words come of it. */
static const char nonce_alphabet[] = "BCDFGHJKLMNPQRSTVWXZ";

static void nonce_write(uint64_t h, char out[LLM_NONCE_MAX])
{
    for (int i = 0; i < NONCE_LETTERS; i++, h /= sizeof nonce_alphabet - 1)
        out[i] = nonce_alphabet[h % (sizeof nonce_alphabet - 1)];
    out[NONCE_LETTERS] = '\0';
}

static bool nonce_is_in(const char *code, const char *text, size_t len)
{
    for (size_t i = 0; i + NONCE_LETTERS <= len; i++)
        if (strncasecmp(text + i, code, NONCE_LETTERS) == 0)
            return true;
    return false;
}

struct llm_nonce llm_nonce_of(const struct llm *l, const struct llm_style *style,
                              const char *question, size_t len, int vote)
{
    struct llm_nonce n = {""};
    const struct llm_words *w = llm_words_of(l, question, len);
    uint64_t seed = (uint64_t)l->settings.seed * NONCE_VOTES + (uint64_t)vote;
    if (!style->nonce || !w->prompt || llm_leads_to_word(w->prompt->user))
        return n;
    do
        nonce_write(XXH3_64bits_withSeed(question, len, seed++), n.code);
    while (nonce_is_in(n.code, question, len));
    return n;
}

void llm_nonce_put_words(struct buf *out, const struct llm_words *w, const struct llm_nonce *n)
{
    for (int i = 0; *n->code && i < w->n; i++)
        buf_printf(out, "%s%s-%s",
                   i == 0          ? ""
                   : i == w->n - 1 ? " or "
                                   : ", ",
                   w->word[i], n->code);
    if (!*n->code)
        buf_puts(out, w->list);
}

bool llm_nonce_cut(const struct llm_nonce *n, const char *text, size_t *len)
{
    size_t code = n ? strlen(n->code) : 0;
    if (code == 0)
        return true;
    if (*len <= code || strncasecmp(text + *len - code, n->code, code) != 0)
        return false;
    *len -= code;
    while (*len && strchr("- _(", text[*len - 1]))
        --*len;
    return true;
}
