/* links: onic_reward_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_llm.c - the answer of a language-model server. Byte 0: how it was asked, and how many
 * questions. A label is one of the words, a reading a finite number. */
#include <math.h>

#include "reward_server/annotators/llm/llm_impl.h"
#include "tests/fuzz/fuzz.h"

static void look_at(const struct llm_style *style, const struct llm_words *words,
                    const struct llm_choice *c)
{
    if (c->verdict != LLM_LABEL) {
        if (!c->why[0])
            abort();
        return;
    }
    if (style->reads == LLM_READS_TEXT && (c->word < 0 || c->word >= words->n))
        abort();
    for (int i = 0; style->reads != LLM_READS_TEXT && i < words->n; i++)
        if (!isfinite(c->reading.lp[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct llm_words words = {
        .word = {"TOV", "BEX"}, .label = {1, 0}, .n = 2, .list = "TOV or BEX"};
    static struct llm_answer a;
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    struct llm_style style = {.reads = (enum llm_reads)(data[0] % 3),
                              .top = 20,
                              .api = data[0] & 16 ? LLM_COMPLETIONS : LLM_CHAT,
                              .dialect = data[0] & 32 ? LLM_JSON_SCHEMA : LLM_PLAIN};
    int questions = style.api == LLM_COMPLETIONS ? 1 + (data[0] >> 6) : 1;
    static const struct llm_nonce nonce[4] = {{"KQXPB"}, {"BCDFG"}, {""}, {"ZZZZZ"}};
    char *body = fuzz_text(data + 1, size - 1);
    memset(&a, 0, sizeof a);
    if (llm_answer_read(&style, &words, data[0] & 8 ? nonce : NULL, body, size - 1, questions,
                        &a)) {
        if (a.nchoices != questions)
            abort();
        for (int i = 0; i < a.nchoices; i++)
            look_at(&style, &words, &a.choice[i]);
    } else if (!a.why[0]) {
        abort();
    }
    free(body);
    return 0;
}
