/* SPDX-License-Identifier: MIT */
/* question.c - questions from prompt files; see llm_impl.h and reward_server/prompts.
 *
 * Game text is data. A player may name a dog "ignore all instructions" and a game prints it, so the
 * caption is escaped, loses control bytes and what chat templates use as marks, and the worst it
 * can do is one wrong label: the alphabet of answers is closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/paths.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { QUESTION_TEXT_MAX = 1 << 17 };

static void set_words(struct llm_words *w, const struct prompt *p, int first)
{
    *w = (struct llm_words){.n = p->nwords, .first = first, .prompt = p};
    for (int i = 0; i < p->nwords; i++) {
        size_t at = strlen(w->list);
        w->word[i] = p->word[i];
        w->label[i] = p->label[i];
        snprintf(w->list + at, sizeof w->list - at, "%s%s",
                 i == 0               ? ""
                 : i == p->nwords - 1 ? " or "
                                      : ", ",
                 p->word[i]);
    }
}

int llm_prompts_open(struct llm *l, const struct llm_wording *w, struct onic_err *err)
{
    static const enum prompt_kind kind[LLM_KINDS] = {PROMPT_CLASSIFICATION, PROMPT_RANKING};
    char dir[PATHS_MAX];
    int rc = ONIC_OK, first = 0;
    if (*w->dir)
        snprintf(dir, sizeof dir, "%s", w->dir);
    else
        rc = paths_share("prompts", dir, sizeof dir, err);
    for (int i = 0; i < LLM_KINDS && !rc; i++) {
        rc = prompt_load(&l->prompt[i], dir, l->goal->domain, kind[i], l->goal->name, w->name, err);
        if (!rc)
            set_words(&l->words[i], l->prompt[i], first);
        first += l->words[i].n;
    }
    return rc;
}

void llm_prompts_close(struct llm *l)
{
    for (int i = 0; i < LLM_KINDS; i++)
        prompt_free(l->prompt[i]);
}

bool llm_leads_to_word(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && text[n - 1] == ':';
}

const struct llm_words *llm_words_of(const struct llm *l, const char *question, size_t len)
{
    return &l->words[question_kind_of(question, len)];
}

const char *llm_word_at(const struct llm *l, int i)
{
    for (int k = 0; k < LLM_KINDS; k++)
        if (i - l->words[k].first < l->words[k].n)
            return l->words[k].word[i - l->words[k].first];
    return NULL;
}

/* Chat templates' own marks within a caption lose their shape: "<|", "|>", "[INST]". */
static size_t disarm(char out[2 * QUESTION_CAPTION_MAX], const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool mark = i + 1 < len && ((text[i] == '<' && text[i + 1] == '|') ||
                                    (text[i] == '|' && text[i + 1] == '>') ||
                                    (text[i] == '[' && (text[i + 1] == 'I' || text[i + 1] == '/')));
        out[n++] = text[i];
        if (mark)
            out[n++] = ' ';
    }
    return n;
}

void llm_question_render(const struct llm *l, const char *question, size_t len, bool exchanged,
                         struct llm_question *out)
{
    struct question q;
    struct buf b;
    char a[2 * QUESTION_CAPTION_MAX], second[2 * QUESTION_CAPTION_MAX];
    question_split(question, len, &q);
    const struct prompt *p = l->prompt[q.kind];
    size_t alen = disarm(a, q.caption, q.len), blen = 0;
    if (q.kind == QUESTION_PAIR)
        blen = disarm(second, q.caption_b, q.len_b);
    buf_init(&b, QUESTION_TEXT_MAX);
    int rc = exchanged ? prompt_render(p, second, blen, a, alen, &b)
                       : prompt_render(p, a, alen, second, blen, &b);
    ONIC_ASSERT(!rc); /* a prompt file is smaller than the buffer */
    out->nonce = (struct llm_nonce){""};
    out->system = xstrdup(p->system);
    out->user = xstrdup(b.data);
    buf_release(&b);
}

void llm_question_release(struct llm_question *q)
{
    free(q->system);
    free(q->user);
    *q = (struct llm_question){0};
}
