/* SPDX-License-Identifier: MIT */
/* answer.c - what a server said, read strictly; see llm_impl.h.
 *
 * Accepted is the word itself (blanks, quotes and a full stop around it do not matter), a JSON
 * object whose member "label" is the word, or what the prompt asks for: a last line "key: word". A
 * word inside a sentence is not an answer: the sentence may say that the word is wrong, and game
 * text may have put it there. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "reward_server/annotators/llm/llm_impl.h"

static void cut(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < size; p++)
        out[n++] = (unsigned char)*p < 32 || *p == 127 ? ' ' : *p;
    while (n > 0 && ((unsigned char)out[n - 1] & 0xc0) == 0x80) /* no half character at the end */
        n--;
    if (n > 0 && (unsigned char)out[n - 1] >= 0xc0)
        n--;
    out[n] = '\0';
}

static int word_index(const struct llm_words *w, const char *text, size_t len)
{
    for (int i = 0; i < w->n; i++)
        if (strlen(w->word[i]) == len && strncasecmp(text, w->word[i], len) == 0)
            return i;
    return -1;
}

static int json_word(const struct llm_words *w, const char *text, size_t len, char why[LLM_WHY_MAX])
{
    json_error_t e;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
    const char *value = json_string_value(json_object_get(root, "label"));
    int found = value ? word_index(w, value, strlen(value)) : -1;
    if (!root)
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

int llm_answer_word(const struct llm_words *w, const char *text, char why[LLM_WHY_MAX])
{
    static const char opens[] = "<think>", closes[] = "</think>";
    why[0] = '\0';
    while (isspace((unsigned char)*text))
        text++;
    if (strncmp(text, opens, sizeof opens - 1) == 0) { /* what a model thinks is not its answer */
        const char *end = strstr(text, closes);
        if (!end) {
            snprintf(why, LLM_WHY_MAX, "it was still thinking");
            return -1;
        }
        text = end + sizeof closes - 1;
    }
    size_t len = strlen(text);
    strip(&text, &len);
    if (len && text[0] == '{')
        return json_word(w, text, len, why);
    int found = word_index(w, text, len);
    if (found < 0 && w->prompt)
        found = prompt_answer(w->prompt, text, len);
    if (found < 0)
        snprintf(why, LLM_WHY_MAX, len ? "not one of the words" : "an empty answer");
    return found;
}

static void read_choice(const struct llm_style *style, const struct llm_words *words,
                        const json_t *c, struct llm_choice *out)
{
    const json_t *message = json_object_get(c, "message");
    const char *text = style->api == LLM_CHAT
                           ? json_string_value(json_object_get(message, "content"))
                           : json_string_value(json_object_get(c, "text"));
    const char *finish = json_string_value(json_object_get(c, "finish_reason"));
    const char *refusal = json_string_value(json_object_get(message, "refusal"));
    *out = (struct llm_choice){.verdict = LLM_NO_LABEL, .word = -1};
    if (finish && strcmp(finish, "content_filter") == 0) {
        out->verdict = LLM_REFUSED;
        snprintf(out->why, sizeof out->why, "the server's content filter");
        return;
    }
    if (refusal && *refusal) {
        cut(out->text, sizeof out->text, refusal);
        snprintf(out->why, sizeof out->why, "the model refused");
        return;
    }
    if (!text) {
        snprintf(out->why, sizeof out->why, "an answer without text");
        return;
    }
    cut(out->text, sizeof out->text, text);
    out->word = llm_answer_word(words, text, out->why);
    if (finish && strcmp(finish, "length") == 0 && style->dialect != LLM_LOGIT_BIAS) {
        out->word = -1; /* what would have come next may have changed it */
        snprintf(out->why, sizeof out->why, "cut off at max_tokens");
    }
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
                         const json_t *choices, int questions, struct llm_answer *out)
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
        read_choice(style, words, c, &out->choice[at]);
    }
    out->nchoices = questions;
    return true;
}

bool llm_answer_read(const struct llm_style *style, const struct llm_words *words, const char *body,
                     size_t len, int questions, struct llm_answer *out)
{
    json_error_t e;
    *out = (struct llm_answer){0};
    json_t *root = json_loadb(body, len, 0, &e);
    if (!root) {
        char why[LLM_WHY_MAX];
        snprintf(why, sizeof why, "the answer is not JSON: %.100s", e.text);
        return nonsense(out, NULL, why);
    }
    const json_t *choices = json_object_get(root, "choices");
    const json_t *usage = json_object_get(root, "usage");
    const char *model = json_string_value(json_object_get(root, "model"));
    if (model)
        cut(out->model, sizeof out->model, model);
    out->has_usage = json_is_integer(json_object_get(usage, "prompt_tokens"));
    out->tokens_in = tokens(usage, "prompt_tokens");
    out->tokens_out = tokens(usage, "completion_tokens");
    if (json_object_get(root, "error") && !choices) {
        llm_error_text(body, len, out->why);
        json_decref(root);
        return false;
    }
    if (!json_is_array(choices) || json_array_size(choices) == 0)
        return nonsense(out, root, "the answer has no choices");
    if (!read_choices(style, words, choices, questions, out))
        return nonsense(out, root, "the answer has not exactly one choice per question");
    json_decref(root);
    return true;
}

void llm_error_text(const char *body, size_t len, char out[LLM_WHY_MAX])
{
    json_t *root = json_loadb(body, len, 0, NULL);
    const json_t *error = json_object_get(root, "error");
    const json_t *message = json_object_get(json_is_object(error) ? error : root, "message");
    const char *text =
        json_is_string(error) ? json_string_value(error) : json_string_value(message);
    cut(out, LLM_WHY_MAX, text ? text : "");
    json_decref(root);
}
