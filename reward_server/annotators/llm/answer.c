/* SPDX-License-Identifier: MIT */
/* answer.c - what a server said, read strictly; see llm_impl.h.
 *
 * Accepted is the word itself (blanks, quotes and a full stop around it do not matter), a JSON
 * object whose member "label" is the word, or what the prompt asks for: a last line "key: word". A
 * word inside a sentence is not an answer: the sentence may say that the word is wrong, and game
 * text may have put it there. With a nonce (nonce.c) the word needs the code of its question. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "reward_server/annotators/llm/llm_impl.h"
#include "reward_server/http/http_json.h"

enum { TEXT_MAX_BYTES = 1 << 20 };

static void cut(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < size; p++)
        out[n++] = (unsigned char)*p < 32 || *p == 127 ? ' ' : *p;
    out[utf8_whole(out, n)] = '\0';
}

static int word_index(const struct llm_words *w, const char *text, size_t len)
{
    for (int i = 0; i < w->n; i++)
        if (strlen(w->word[i]) == len && strncasecmp(text, w->word[i], len) == 0)
            return i;
    return -1;
}

static const char no_code[] = "the code of the message is not behind the label";

static int json_word(const struct llm_words *w, const struct llm_nonce *nonce, const char *text,
                     size_t len, char why[LLM_WHY_MAX])
{
    json_error_t e;
    json_t *root = http_json(text, len, JSON_REJECT_DUPLICATES, &e);
    const char *value = json_string_value(json_object_get(root, "label"));
    size_t n = value ? strlen(value) : 0;
    bool coded = value && llm_nonce_cut(nonce, value, &n);
    int found = coded ? word_index(w, value, n) : -1;
    if (value && !coded)
        snprintf(why, LLM_WHY_MAX, "%s", no_code);
    else if (!root)
        snprintf(why, LLM_WHY_MAX, "half JSON: %.100s", e.text);
    else if (found < 0)
        snprintf(why, LLM_WHY_MAX, "JSON without a label");
    json_decref(root);
    return found;
}

/* Blanks outside, one pair of quotes or a code fence, a full stop. */
static void strip(const char **text, size_t *len)
{
    const char *p = *text, *end = p + *len;
    bool more = true;
    while (more) {
        more = false;
        while (p < end && isspace((unsigned char)*p))
            p++;
        while (p < end && isspace((unsigned char)end[-1]))
            end--;
        if (p < end && strchr("\"'`*", *p) && end - p >= 2 && end[-1] == *p) {
            p++, end--;
            more = true;
        } else if (end - p >= 2 && end[-1] == '.') {
            end--;
            more = true;
        }
    }
    if (end - p > 4 && strncmp(p, "json", 4) == 0 && isspace((unsigned char)p[4]))
        p += 5;
    *text = p;
    *len = (size_t)(end - p);
}

/* What a model thinks is not its answer: that comes after the last end of it. NULL: no answer has
 * begun. */
static const char *after_thinking(const char *text)
{
    static const char *const mark[][2] = {
        {"<think>", "</think>"},
        {"<thinking>", "</thinking>"},
        {"<thought>", "</thought>"},
        {"<reasoning>", "</reasoning>"},
        {"<seed:think>", "</seed:think>"},
        {"[THINK]", "[/THINK]"},
        {"\xe2\x97\x81think\xe2\x96\xb7", "\xe2\x97\x81/think\xe2\x96\xb7"},
        {"<|begin_of_thought|>", "<|end_of_thought|>"},
        {"<|channel|>", "<|channel|>final<|message|>"}};
    const char *rest = text;
    for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
        for (const char *at = text; (at = strcasestr(at, mark[i][1])) != NULL;) {
            at += strlen(mark[i][1]);
            rest = at > rest ? at : rest;
        }
    for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
        if (strcasestr(rest, mark[i][0]))
            return NULL;
    return rest;
}

/* What ends a turn in a chat template, where a server lets it through. */
static void cut_end_mark(const char *text, size_t *len)
{
    static const char *const mark[] = {"</s>",          "<|im_end|>", "<|eot_id|>",   "<|end|>",
                                       "<|endoftext|>", "<|return|>", "<end_of_turn>"};
    while (*len && isspace((unsigned char)text[*len - 1]))
        --*len;
    for (size_t i = 0; i < sizeof mark / sizeof *mark; i++) {
        size_t n = strlen(mark[i]);
        if (*len >= n && memcmp(text + *len - n, mark[i], n) == 0) {
            *len -= n;
            return;
        }
    }
}

int llm_answer_word(const struct llm_words *w, const struct llm_nonce *nonce, const char *text,
                    char why[LLM_WHY_MAX])
{
    why[0] = '\0';
    text = after_thinking(text);
    if (!text) {
        snprintf(why, LLM_WHY_MAX, "it was still thinking");
        return -1;
    }
    size_t len = strlen(text);
    cut_end_mark(text, &len);
    strip(&text, &len);
    if (len && text[0] == '{')
        return json_word(w, nonce, text, len, why);
    if (len && !llm_nonce_cut(nonce, text, &len)) {
        snprintf(why, LLM_WHY_MAX, "%s", no_code);
        return -1;
    }
    int found = word_index(w, text, len);
    if (found < 0 && w->prompt)
        found = prompt_answer(w->prompt, text, len);
    if (found < 0)
        snprintf(why, LLM_WHY_MAX, len ? "not one of the words" : "an empty answer");
    return found;
}

/* The text of a message: a string, or the parts of a list that are text; those that are thinking,
 * or anything else, are not the answer. False: there is none. */
static bool put_content(struct buf *b, const json_t *content)
{
    const json_t *part;
    size_t i;
    bool any = json_is_string(content);
    if (any)
        buf_puts(b, json_string_value(content));
    json_array_foreach(content, i, part)
    {
        const char *type = json_string_value(json_object_get(part, "type"));
        const json_t *text = json_is_string(part) ? part : json_object_get(part, "text");
        if (json_is_object(text)) /* as OpenAI's assistants give it */
            text = json_object_get(text, "value");
        if (!json_is_string(text) ||
            (type && strcmp(type, "text") != 0 && strcmp(type, "output_text") != 0))
            continue;
        buf_puts(b, json_string_value(text));
        any = true;
    }
    return any;
}

static bool is_cut_off(const char *finish)
{
    return finish && (strcmp(finish, "length") == 0 || strcasecmp(finish, "max_tokens") == 0 ||
                      strcmp(finish, "model_length") == 0);
}

static const char *refusal_of(const json_t *message)
{
    const json_t *part;
    size_t i;
    const char *refusal = json_string_value(json_object_get(message, "refusal"));
    json_array_foreach(json_object_get(message, "content"), i, part)
    {
        const char *one = json_string_value(json_object_get(part, "refusal"));
        refusal = refusal ? refusal : one;
    }
    return refusal && *refusal ? refusal : NULL;
}

/* Reads the text of a choice: a word, or why it is none. */
static void answer_read_text(const struct llm_style *style, const struct llm_words *words,
                             const struct llm_nonce *nonce, const json_t *content, bool cut_off,
                             struct llm_choice *out)
{
    struct buf b;
    buf_init(&b, TEXT_MAX_BYTES);
    bool any = put_content(&b, content);
    const char *text = any && b.data ? b.data : "";
    cut(out->text, sizeof out->text, text);
    out->word = llm_answer_word(words, nonce, text, out->why);
    bool thinking = strcmp(out->why, "it was still thinking") == 0;
    if (!any)
        snprintf(out->why, sizeof out->why, "an answer without text");
    if (cut_off && style->dialect != LLM_LOGIT_BIAS) {
        out->word = -1; /* what would have come next may have changed it */
        snprintf(out->why, sizeof out->why,
                 *text && !thinking ? "cut off at max_tokens: raise llm.max_tokens"
                                    : "still thinking at max_tokens: raise llm.max_tokens");
    }
    buf_release(&b);
}

/* What broke off while it was written, as routers say it: there may be half an answer. */
static bool read_error(const json_t *choice, const char *finish, char why[LLM_WHY_MAX])
{
    char *text;
    const json_t *error = json_object_get(choice, "error");
    if (!json_is_object(error) && !(finish && strcmp(finish, "error") == 0))
        return false;
    text = json_dumps(error, JSON_COMPACT);
    if (text)
        http_error_text(200, text, strlen(text), "llm.url", why, LLM_WHY_MAX);
    free(text);
    if (!*why)
        snprintf(why, LLM_WHY_MAX, "the server broke off");
    return true;
}

/* The same question has the same probabilities: it is not asked again. */
static void answer_read_logprobs(const struct llm_words *words, const json_t *c,
                                 struct llm_choice *out)
{
    bool there = llm_logprobs_read(words, c, &out->reading, out->why);
    cut(out->text, sizeof out->text, out->reading.first);
    out->verdict = there && out->reading.answers ? LLM_LABEL : LLM_REFUSED;
}

static void read_choice(const struct llm_style *style, const struct llm_words *words,
                        const struct llm_nonce *nonce, const json_t *c, struct llm_choice *out)
{
    const json_t *message = json_object_get(c, "message");
    const char *finish = json_string_value(json_object_get(c, "finish_reason"));
    const char *refusal = refusal_of(message);
    *out = (struct llm_choice){.verdict = LLM_NO_LABEL, .word = -1};
    if (read_error(c, finish, out->why))
        return;
    if (style->reads != LLM_READS_TEXT && !refusal &&
        !(finish && strcmp(finish, "content_filter") == 0)) {
        answer_read_logprobs(words, c, out);
        return;
    }
    if (finish && strcmp(finish, "content_filter") == 0) {
        out->verdict = LLM_REFUSED;
        snprintf(out->why, sizeof out->why, "the server's content filter");
        return;
    }
    if (refusal) {
        cut(out->text, sizeof out->text, refusal);
        snprintf(out->why, sizeof out->why, "the model refused");
        return;
    }
    answer_read_text(style, words, nonce,
                     style->api == LLM_CHAT ? json_object_get(message, "content")
                                            : json_object_get(c, "text"),
                     is_cut_off(finish), out);
    if (out->word >= 0)
        out->verdict = LLM_LABEL;
}

static bool nonsense(struct llm_answer *out, json_t *root, const char *why)
{
    snprintf(out->why, sizeof out->why, "%s", why);
    json_decref(root);
    return false;
}

static int64_t tokens(const json_t *usage, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(usage, name));
    return n < 0 || n > 100000000 ? 0 : n;
}

/* Each choice at the place its index names; false unless every question has one. */
static bool read_choices(const struct llm_style *style, const struct llm_words *words,
                         const struct llm_nonce *nonce, const json_t *choices, int questions,
                         struct llm_answer *out)
{
    bool seen[LLM_BATCH_MAX] = {false};
    if ((int)json_array_size(choices) != questions)
        return false;
    for (int i = 0; i < questions; i++) {
        const json_t *c = json_array_get(choices, (size_t)i), *index = json_object_get(c, "index");
        json_int_t at = json_is_integer(index) ? json_integer_value(index) : i;
        if (!json_is_object(c) || at < 0 || at >= questions || seen[at])
            return false;
        seen[at] = true;
        read_choice(style, words, nonce ? &nonce[at] : NULL, c, &out->choice[at]);
    }
    out->nchoices = questions;
    return true;
}

/* Who answered, and what was counted, under the names of this form. */
static void read_model_and_usage(const json_t *root, const json_t *usage, const char *in,
                                 const char *out_of, struct llm_answer *out)
{
    const char *model = json_string_value(json_object_get(root, "model"));
    if (model)
        cut(out->model, sizeof out->model, model);
    out->has_usage = json_is_integer(json_object_get(usage, in));
    out->tokens_in = tokens(usage, in);
    out->tokens_out = tokens(usage, out_of);
}

/* llama.cpp's own: no choices, and other names. Takes root over. */
static bool read_own_answer(const struct llm_words *words, json_t *root, struct llm_answer *out)
{
    read_model_and_usage(root, root, "tokens_evaluated", "tokens_predicted", out);
    out->choice[0].word = -1;
    answer_read_logprobs(words, root, &out->choice[0]);
    out->nchoices = 1;
    json_decref(root);
    return true;
}

/* A web page and a stream of events are named as such; other text is shown. */
static void read_no_json(const char *body, size_t len, const char *error, char why[LLM_WHY_MAX])
{
    static const char named[] = "the server answered";
    char text[LLM_WHY_MAX];
    http_error_text(200, body, len, "llm.url", text, sizeof text);
    if (!body[strspn(body, " \t\r\n")])
        snprintf(why, LLM_WHY_MAX, "the answer is empty");
    else if (!*text)
        snprintf(why, LLM_WHY_MAX, "the answer is not JSON: %.100s", error);
    else if (strncmp(text, named, sizeof named - 1) == 0)
        snprintf(why, LLM_WHY_MAX, "%s", text);
    else
        snprintf(why, LLM_WHY_MAX, "the answer is not JSON, it says: %.150s", text);
}

/* Members that say in a 200 why there is no answer. */
static bool has_reason(const json_t *object)
{
    return json_object_get(object, "error") || json_object_get(object, "errors") ||
           json_object_get(object, "detail") || json_object_get(object, "message");
}

static const char not_one_each[] = "the answer has not exactly one choice per question";

bool llm_answer_read(const struct llm_style *style, const struct llm_words *words,
                     const struct llm_nonce *nonce, const char *body, size_t len, int questions,
                     struct llm_answer *out)
{
    json_error_t e;
    *out = (struct llm_answer){0};
    json_t *root = http_json(body, len, 0, &e);
    if (!root) {
        read_no_json(body, len, e.text, out->why);
        return false;
    }
    if (style->reads == LLM_READS_N_PROBS && json_object_get(root, "completion_probabilities"))
        return questions == 1 ? read_own_answer(words, root, out) /* it tells of one text */
                              : nonsense(out, root, not_one_each);
    const json_t *choices = json_object_get(root, "choices");
    read_model_and_usage(root, json_object_get(root, "usage"), "prompt_tokens", "completion_tokens",
                         out);
    if (json_array_size(choices) == 0 && has_reason(root)) {
        http_error_text(200, body, len, "llm.url", out->why, sizeof out->why);
        json_decref(root);
        if (!*out->why)
            snprintf(out->why, sizeof out->why, "the answer has no choices");
        return false;
    }
    if (!json_is_array(choices) || json_array_size(choices) == 0)
        return nonsense(out, root, "the answer has no choices");
    if (!read_choices(style, words, nonce, choices, questions, out))
        return nonsense(out, root, not_one_each);
    json_decref(root);
    return true;
}
