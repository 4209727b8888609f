/* SPDX-License-Identifier: MIT */
/* request.c - a question as the JSON of /v1/chat/completions or /v1/completions; see llm_impl.h.
 *
 * Sampling is always stated: servers fill in what is missing from files of the model. The seed
 * belongs to the vote, so that asking again asks for another sample and not for the same one. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { VOTES_OF_A_SEED = 128 };

static const char *const dialect_names[LLM_DIALECTS] = {
    "structured_outputs", "guided_choice", "json_schema", "json_object", "grammar",
    "logit_bias",         "plain"};

const char *llm_dialect_name(enum llm_dialect d)
{
    return dialect_names[d];
}

const char *llm_api_name(enum llm_api a)
{
    return a == LLM_CHAT ? "chat" : "completions";
}

static json_t *word_list(void)
{
    const struct llm_words *w = llm_prompt_words();
    json_t *list = json_array();
    for (int i = 0; i < w->n; i++)
        json_array_append_new(list, json_string(w->word[i]));
    return list;
}

static json_t *schema(void)
{
    return json_pack("{s:s, s:{s:{s:s, s:o}}, s:[s], s:b}", "type", "object", "properties", "label",
                     "type", "string", "enum", word_list(), "required", "label",
                     "additionalProperties", 0);
}

static json_t *grammar(void)
{
    const struct llm_words *w = llm_prompt_words();
    struct buf b;
    buf_init(&b, 1024);
    buf_puts(&b, "root ::= ");
    for (int i = 0; i < w->n; i++)
        buf_printf(&b, "%s\"%s\"", i ? " | " : "", w->word[i]);
    json_t *text = json_string(b.data);
    buf_release(&b);
    return text;
}

static json_t *bias(const struct llm_style *style)
{
    const struct llm_words *w = llm_prompt_words();
    json_t *map = json_object();
    for (int i = 0; i < w->n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", style->token[i]);
        json_object_set_new(map, id, json_integer(100));
    }
    return map;
}

static void put_constraint(json_t *root, const struct llm_style *style)
{
    switch (style->dialect) {
    case LLM_STRUCTURED_OUTPUTS:
        json_object_set_new(root, "structured_outputs", json_pack("{s:o}", "choice", word_list()));
        break;
    case LLM_GUIDED_CHOICE:
        json_object_set_new(root, "guided_choice", word_list());
        break;
    case LLM_JSON_SCHEMA:
        json_object_set_new(root, "response_format",
                            json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema",
                                      "json_schema", "name", "label", "strict", 1, "schema",
                                      schema()));
        break;
    case LLM_JSON_OBJECT:
        json_object_set_new(root, "response_format",
                            json_pack("{s:s, s:o}", "type", "json_object", "schema", schema()));
        break;
    case LLM_GRAMMAR:
        json_object_set_new(root, "grammar", grammar());
        break;
    case LLM_LOGIT_BIAS:
        json_object_set_new(root, "logit_bias", bias(style));
        break;
    case LLM_PLAIN:
    case LLM_DIALECTS:
        break;
    }
}

int llm_request_max_tokens(const struct llm_settings *s, enum llm_dialect d)
{
    if (d == LLM_LOGIT_BIAS)
        return 1;
    if (s->max_tokens > 0)
        return s->max_tokens;
    return d == LLM_JSON_SCHEMA || d == LLM_JSON_OBJECT ? 48 : 16;
}

static json_t *messages(const struct llm_ask *ask)
{
    const struct llm_question *q = ask->question;
    json_t *list = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "system", "content", q->system,
                             "role", "user", "content", q->user);
    if (list && ask->before) {
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "role", "assistant", "content", ask->before));
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "role", "user", "content", llm_prompt_reminder()));
    }
    return list;
}

static json_t *prompt_text(const struct llm_question *q, const char *before)
{
    struct buf b;
    buf_init(&b, 1 << 18);
    buf_printf(&b, "%s\n\n%s\n\nAnswer:", q->system, q->user);
    if (before)
        buf_printf(&b, " %s\n\n%s\n\nAnswer:", before, llm_prompt_reminder());
    json_t *text = json_string(b.data);
    buf_release(&b);
    return text;
}

static json_t *prompts(const struct llm_ask *ask)
{
    if (ask->n == 1)
        return prompt_text(ask->question, ask->before);
    json_t *list = json_array();
    for (int i = 0; i < ask->n; i++)
        json_array_append_new(list, prompt_text(&ask->question[i], NULL));
    return list;
}

char *llm_request_body(const struct llm_settings *s, const struct llm_style *style,
                       const struct llm_ask *ask)
{
    int64_t seed = (s->seed * VOTES_OF_A_SEED + ask->vote) & INT32_MAX;
    json_t *root =
        json_pack("{s:s, s:f, s:f, s:I, s:b}", "model", s->model, "temperature", s->temperature,
                  "top_p", s->top_p, "seed", (json_int_t)seed, "stream", 0);
    ONIC_ASSERT(root != NULL);
    if (style->api == LLM_CHAT)
        json_object_set_new(root, "messages", messages(ask));
    else
        json_object_set_new(root, "prompt", prompts(ask));
    json_object_set_new(root, style->max_completion_tokens ? "max_completion_tokens" : "max_tokens",
                        json_integer(llm_request_max_tokens(s, style->dialect)));
    put_constraint(root, style);
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    ONIC_ASSERT(text != NULL);
    json_decref(root);
    return text;
}
