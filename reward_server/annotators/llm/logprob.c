/* SPDX-License-Identifier: MIT */
/* logprob.c - the probability of each answer, from what a server says of the first token it would
 * write; see llm_impl.h.
 *
 * Three shapes: OpenAI's chat and newer llama.cpp
 * ("logprobs": {"content": [{"top_logprobs": [..]}]}), OpenAI's completions and vLLM
 * ("logprobs": {"top_logprobs": [{token: number}]}), llama.cpp's own
 * ("completion_probabilities": [{"top_logprobs" | "top_probs" | "probs": [..]}]).
 *
 * A word may be spelled by several tokens (" Yes", "yes", "Ye"): their probabilities add up. Only
 * the likeliest tokens are told; of a word without any, the most that the rest leaves is taken. */
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "reward_server/annotators/llm/llm_impl.h"

enum { TOKENS_READ_MAX = 512, TOKEN_BYTES_MAX = 64 };
static const double mass_min = 0.01;   /* of all words together: less is no answer */
static const double sum_max = 1.02;    /* of all tokens; more is no probability */
static const double logprob_min = -20; /* of a word; servers write -9999 for "never" */

struct token_sum {
    const struct llm_words *words;
    double of_word[LLM_WORDS_MAX], all, least;
    int tokens;
    const char *wrong; /* what a number is that is none */
    char first[TOKEN_BYTES_MAX], likeliest[TOKEN_BYTES_MAX];
    double most;
};

/* Blanks before and after, in whatever spelling tokenizers have for them, quotes and stops. */
static size_t bare_token(const char **token)
{
    static const char *const blank[] = {"\xe2\x96\x81", "\xc4\xa0", "\xc4\x8a"};
    const char *p = *token;
    for (bool more = true; more;) {
        more = *p && (isspace((unsigned char)*p) || strchr("\"'`*(", *p));
        p += more;
        for (size_t i = 0; i < sizeof blank / sizeof *blank && !more; i++)
            if (strncmp(p, blank[i], strlen(blank[i])) == 0) {
                p += strlen(blank[i]);
                more = true;
            }
    }
    size_t len = strlen(p);
    while (len && (isspace((unsigned char)p[len - 1]) || strchr(".,;:!\"'`*)", p[len - 1])))
        len--;
    *token = p;
    return len;
}

/* The word that a token is or begins, -1 where it is none or may be several. */
static int token_word(const struct llm_words *w, const char *token)
{
    size_t len = bare_token(&token);
    int found = -1;
    for (int i = 0; len && i < w->n; i++) {
        if (strncasecmp(token, w->word[i], len) != 0)
            continue;
        if (strlen(w->word[i]) == len)
            return i;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

static void add_token(struct token_sum *s, const char *token, double p)
{
    int i = token_word(s->words, token);
    s->all += p;
    s->least = s->tokens == 0 || p < s->least ? p : s->least;
    if (s->tokens++ == 0 || p > s->most) {
        s->most = p;
        snprintf(s->likeliest, sizeof s->likeliest, "%.60s", token);
    }
    if (i >= 0)
        s->of_word[i] += p;
}

/* value: a logarithm, or a probability itself; null stands for "never". */
static void add(struct token_sum *s, const char *token, const json_t *value, bool is_log)
{
    if (!token || (!json_is_number(value) && !json_is_null(value))) {
        s->wrong = "a token without a number";
        return;
    }
    double x = json_number_value(value);
    bool fits = is_log ? x <= 0.001 : x >= 0 && x <= 1.001;
    if (!isfinite(x) || (!fits && !json_is_null(value)))
        s->wrong = is_log ? "a logarithm of a probability above 0"
                          : "a probability that is not between 0 and 1";
    else if (s->tokens >= TOKENS_READ_MAX)
        s->wrong = "more tokens than were asked for";
    else
        add_token(s, token, json_is_null(value) ? 0 : is_log ? exp(fmin(x, 0)) : fmin(x, 1));
}

/* [{"token": "..", "logprob": -1}], or with "prob", or (older) with "tok_str". */
static void add_list(struct token_sum *s, const json_t *list)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *token = json_string_value(json_object_get(one, "token"));
        const json_t *p = json_object_get(one, "prob"), *lp = json_object_get(one, "logprob");
        token = token ? token : json_string_value(json_object_get(one, "tok_str"));
        add(s, token, lp ? lp : p, lp != NULL);
        if (s->wrong)
            return;
    }
}

static void add_object(struct token_sum *s, json_t *map)
{
    const char *token;
    json_t *value;
    json_object_foreach(map, token, value)
    {
        add(s, token, value, true);
        if (s->wrong)
            return;
    }
}

/* What the server says of the first token, in whatever shape; false: nothing. */
static bool add_first_token(struct token_sum *s, const json_t *choice)
{
    const json_t *logprobs = json_object_get(choice, "logprobs");
    const json_t *content = json_array_get(json_object_get(logprobs, "content"), 0);
    const json_t *own = json_array_get(json_object_get(choice, "completion_probabilities"), 0);
    json_t *map = json_array_get(json_object_get(logprobs, "top_logprobs"), 0);
    content = content ? content : own;
    static const char *const lists[] = {"top_logprobs", "top_probs", "probs"};
    for (size_t i = 0; content && s->tokens == 0 && !s->wrong && i < 3; i++)
        add_list(s, json_object_get(content, lists[i]));
    if (!content && json_is_object(map))
        add_object(s, map);
    const char *token = json_string_value(json_object_get(content, "token"));
    token = token ? token : json_string_value(json_object_get(content, "content"));
    if (!content)
        token = json_string_value(json_array_get(json_object_get(logprobs, "tokens"), 0));
    snprintf(s->first, sizeof s->first, "%.60s", token ? token : s->likeliest);
    return s->tokens > 0 || s->wrong;
}

bool llm_logprobs_read(const struct llm_words *words, const json_t *choice, struct llm_reading *out,
                       char why[LLM_WHY_MAX])
{
    struct token_sum s = {.words = words};
    *out = (struct llm_reading){0};
    if (!add_first_token(&s, choice)) {
        snprintf(why, LLM_WHY_MAX, "the answer has no log-probabilities");
        return false;
    }
    if (!s.wrong && s.all > sum_max)
        s.wrong = "probabilities that add up to more than 1";
    if (s.wrong) {
        snprintf(why, LLM_WHY_MAX, "the log-probabilities are none: %s", s.wrong);
        return false;
    }
    double left = fmin(s.least, fmax(1 - s.all, 0)), mass = 0;
    for (int i = 0; i < words->n; i++) {
        mass += s.of_word[i];
        double p = s.of_word[i] > 0 ? s.of_word[i] : left;
        out->lp[i] = p > 0 ? fmax(log(p), logprob_min) : logprob_min;
    }
    snprintf(out->first, sizeof out->first, "%s", s.first);
    out->answers = mass >= mass_min;
    if (!out->answers)
        snprintf(why, LLM_WHY_MAX,
                 "it puts no probability on %.60s (the likeliest beginning is \"%.30s\" with %.2g)",
                 words->list, s.likeliest, s.most);
    return true;
}
