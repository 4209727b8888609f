/* SPDX-License-Identifier: MIT */
/* request.c - a question as the JSON of /v1/chat/completions or /v1/completions; see llm_impl.h.
 *
 * Sampling is stated wherever the server lets us: servers fill in what is missing from files of the
 * model. The seed belongs to the vote, so that asking again asks for another sample and not for the
 * same one. */
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { VOTES_OF_A_SEED = 128, TEXT_MAX = 1 << 18 };

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

static json_t *word_list(const struct llm_words *w)
{
    json_t *list = json_array();
    for (int i = 0; i < w->n; i++)
        json_array_append_new(list, json_string(w->word[i]));
    return list;
}

static json_t *schema(const struct llm_words *w)
{
    return json_pack("{s:s, s:{s:{s:s, s:o}}, s:[s], s:b}", "type", "object", "properties", "label",
                     "type", "string", "enum", word_list(w), "required", "label",
                     "additionalProperties", 0);
}

static json_t *grammar(const struct llm_words *w)
{
    struct buf b;
    buf_init(&b, 1024);
    buf_puts(&b, "root ::= ");
    for (int i = 0; i < w->n; i++)
        buf_printf(&b, "%s\"%s\"", i ? " | " : "", w->word[i]);
    json_t *text = json_string(b.data);
    buf_release(&b);
    return text;
}

static json_t *bias(const struct llm_style *style, const struct llm_words *w)
{
    json_t *map = json_object();
    for (int i = 0; i < w->n; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", style->token[w->first + i]);
        json_object_set_new(map, id, json_integer(100));
    }
    return map;
}

static void put_constraint(json_t *root, const struct llm_style *style, const struct llm_words *w)
{
    switch (style->dialect) {
    case LLM_STRUCTURED_OUTPUTS:
        json_object_set_new(root, "structured_outputs", json_pack("{s:o}", "choice", word_list(w)));
        break;
    case LLM_GUIDED_CHOICE:
        json_object_set_new(root, "guided_choice", word_list(w));
        break;
    case LLM_JSON_SCHEMA:
        json_object_set_new(root, "response_format",
                            json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema",
                                      "json_schema", "name", "label", "strict", 1, "schema",
                                      schema(w)));
        break;
    case LLM_JSON_OBJECT:
        json_object_set_new(root, "response_format",
                            json_pack("{s:s, s:o}", "type", "json_object", "schema", schema(w)));
        break;
    case LLM_GRAMMAR:
        json_object_set_new(root, "grammar", grammar(w));
        break;
    case LLM_LOGIT_BIAS:
        json_object_set_new(root, "logit_bias", bias(style, w));
        break;
    case LLM_PLAIN:
    case LLM_DIALECTS:
        break;
    }
}

int llm_request_max_tokens(const struct llm_settings *s, const struct llm_style *style)
{
    enum llm_dialect d = style->dialect;
    if (d == LLM_LOGIT_BIAS || style->reads != LLM_READS_TEXT)
        return 1;
    if (s->max_tokens > 0)
        return s->max_tokens;
    if (d == LLM_PLAIN) /* nothing binds: the prompt lets it say what it thinks first */
        return 256;
    return d == LLM_JSON_SCHEMA || d == LLM_JSON_OBJECT ? 48 : 16;
}

const char *llm_request_path(const struct llm_style *style)
{
    if (style->reads == LLM_READS_N_PROBS)
        return "/completion";
    return style->api == LLM_CHAT ? "/chat/completions" : "/completions";
}

/* The prompt asks for a few lines; where the server binds the answer, they cannot be given, and
 * where the first token decides, they must not. */
static void put_user(struct buf *b, const struct llm_style *style, const struct llm_question *q,
                     const struct llm_words *w)
{
    bool json = style->dialect == LLM_JSON_SCHEMA || style->dialect == LLM_JSON_OBJECT;
    buf_puts(b, q->user);
    if (llm_leads_to_word(q->user) && !json)
        return;
    if (style->reads == LLM_READS_TEXT && json)
        buf_printf(b, "\nGive the label alone, as JSON: {\"label\": %s}", w->list);
    else if (style->reads != LLM_READS_TEXT || style->dialect != LLM_PLAIN)
        buf_printf(b, "\nGive the label alone: %s", w->list);
    else if (*q->nonce.code) {
        buf_printf(b, "\nThe code of this message is %s. Put it behind the label: ", q->nonce.code);
        llm_nonce_put_words(b, w, &q->nonce);
    }
}

static void put_reminder(struct buf *b, const struct llm_words *w, const struct llm_nonce *n)
{
    buf_puts(b, "That is not an answer I can use. Answer with exactly one word and nothing else: ");
    llm_nonce_put_words(b, w, n);
    buf_puts(b, ".");
}

static json_t *messages(const struct llm_style *style, const struct llm_ask *ask, bool system)
{
    const struct llm_question *q = ask->question;
    struct buf b;
    buf_init(&b, TEXT_MAX);
    json_t *list =
        system ? json_pack("[{s:s, s:s}]", "role", "system", "content", q->system) : json_array();
    if (!system)
        buf_printf(&b, "%s\n\n", q->system);
    put_user(&b, style, q, ask->words);
    json_array_append_new(list, json_pack("{s:s, s:s}", "role", "user", "content", b.data));
    if (ask->before) {
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "role", "assistant", "content", ask->before));
        buf_reset(&b);
        put_reminder(&b, ask->words, &q->nonce);
        json_array_append_new(list, json_pack("{s:s, s:s}", "role", "user", "content", b.data));
    }
    buf_release(&b);
    return list;
}

static json_t *prompt_text(const struct llm_style *style, const struct llm_question *q,
                           const struct llm_words *w, const char *before)
{
    struct buf b;
    buf_init(&b, TEXT_MAX);
    buf_printf(&b, "%s\n\n", q->system);
    put_user(&b, style, q, w);
    if (b.data[b.len - 1] != ':')
        buf_puts(&b, "\n\nAnswer:");
    if (before) {
        buf_printf(&b, " %s\n\n", before);
        put_reminder(&b, w, &q->nonce);
        buf_puts(&b, "\n\nAnswer:");
    }
    json_t *text = json_string(b.data);
    buf_release(&b);
    return text;
}

static json_t *prompts(const struct llm_style *style, const struct llm_ask *ask)
{
    if (ask->n == 1)
        return prompt_text(style, ask->question, ask->words, ask->before);
    json_t *list = json_array();
    for (int i = 0; i < ask->n; i++)
        json_array_append_new(list, prompt_text(style, &ask->question[i], ask->words, NULL));
    return list;
}

/* Probabilities are those of the model, and of one answer: of a temperature that makes one of them
 * 1, or of the tokens that sampling leaves, some servers would tell others. */
static void put_sampling(json_t *root, const struct llm_settings *s, const struct llm_style *style,
                         int vote)
{
    bool text = style->reads == LLM_READS_TEXT;
    const char *length =
        style->max_completion_tokens ? "max_completion_tokens" : llm_field_name(LLM_MAX_TOKENS);
    json_int_t seed = (s->seed * VOTES_OF_A_SEED + vote) & INT32_MAX;
    json_t *value[LLM_SYSTEM] = {[LLM_TEMPERATURE] = json_real(text ? s->temperature : 1),
                                 [LLM_TOP_P] = json_real(text ? s->top_p : 1),
                                 [LLM_SEED] = json_integer(seed),
                                 [LLM_STREAM] = json_false(),
                                 [LLM_MAX_TOKENS] = json_integer(llm_request_max_tokens(s, style))};
    for (int i = 0; i < LLM_SYSTEM; i++)
        if ((style->omit | s->omit) & 1u << i)
            json_decref(value[i]);
        else
            json_object_set_new(root, i == LLM_MAX_TOKENS ? length : llm_field_name(i), value[i]);
}

static void put_logprobs(json_t *root, const struct llm_style *style)
{
    if (style->reads == LLM_READS_N_PROBS) {
        json_object_set_new(root, "n_predict", json_integer(1));
        json_object_set_new(root, "n_probs", json_integer(style->top));
    } else if (style->api == LLM_CHAT) {
        json_object_set_new(root, "logprobs", json_true());
        json_object_set_new(root, "top_logprobs", json_integer(style->top));
    } else {
        json_object_set_new(root, "logprobs", json_integer(style->top));
    }
}

char *llm_request_body(const struct llm_settings *s, const struct llm_style *style,
                       const struct llm_ask *ask)
{
    json_t *root = json_pack("{s:s}", "model", s->model);
    ONIC_ASSERT(root != NULL);
    if (style->api == LLM_CHAT)
        json_object_set_new(root, "messages",
                            messages(style, ask, !((style->omit | s->omit) & 1u << LLM_SYSTEM)));
    else
        json_object_set_new(root, "prompt", prompts(style, ask));
    put_sampling(root, s, style, ask->vote);
    if (style->reads == LLM_READS_TEXT)
        put_constraint(root, style, ask->words);
    else
        put_logprobs(root, style);
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    ONIC_ASSERT(text != NULL);
    json_decref(root);
    return text;
}
