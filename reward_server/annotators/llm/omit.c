/* SPDX-License-Identifier: MIT */
/* omit.c - fields that a server refuses are left out of its requests; see llm_impl.h.
 *
 * Servers of one API differ in what they take: some refuse temperature and top_p together, any
 * temperature but 1, seed, or every field they do not know. Which one it is stands in the answer.
 * It is remembered per server. The identity of labels stays what the options say: a model that
 * refuses a field refuses it always, so model and options still decide how its labels are made. */
#define _GNU_SOURCE
#include <string.h>

#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

const char *llm_field_name(enum llm_field f)
{
    static const char *const name[LLM_FIELDS] = {"temperature", "top_p",      "seed",
                                                 "stream",      "max_tokens", "system"};
    return name[f];
}

static const char newer_name[] = "max_completion_tokens";

/* Fields that the request has: its texts hold no quote that is not escaped. */
static unsigned fields_of(const char *body, const char *const name[LLM_FIELDS])
{
    unsigned set = 0;
    for (int i = 0; i < LLM_FIELDS; i++) {
        char key[40];
        snprintf(key, sizeof key, i == LLM_SYSTEM ? "\"role\":\"%.24s\"" : "\"%.32s\":", name[i]);
        if (strstr(body, key))
            set |= 1u << i;
    }
    return set;
}

/* "max_tokens is too large" and "exceeds the context" speak of its value: without it, the answer
 * would be as long as the server likes. */
static bool speaks_of_the_field(const char *text)
{
    static const char *const word[] = {"unsupported", "not support", "unknown",     "unrecogni",
                                       "unexpected",  "not permit",  "not allow",   "extra",
                                       "instead",     "deprecated",  "invalid name"};
    if (strcasestr(text, "context"))
        return false;
    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (strcasestr(text, word[i]))
            return true;
    return false;
}

/* Templates of models say it in their own words, and most servers with 500 then. */
static bool refuses_the_system_role(const char *text)
{
    return strcasestr(text, "system role") || strcasestr(text, "developer instruction") ||
           strcasestr(text, "system instruction") || strcasestr(text, "system message") ||
           strcasestr(text, "system prompt") || strcasestr(text, "roles must alternate") ||
           strcasestr(text, "roles are supported") ||
           (strcasestr(text, "role") && strcasestr(text, "system"));
}

/* Also an error that comes with 200; a server that is broken has to say more than a word. */
static bool may_refuse_a_field(int status, const char *why)
{
    if (status == 500)
        return speaks_of_the_field(why) || strcasestr(why, " both ") ||
               refuses_the_system_role(why);
    return status < 300 || status == 400 || status == 404 || status == 422 || status == 501;
}

static const char *instead_of(enum llm_field f)
{
    if (f == LLM_TEMPERATURE || f == LLM_TOP_P)
        return "its own default; llm.omit makes that part of the labels' identity";
    return f == LLM_SYSTEM ? "the same text before the question" : "nothing";
}

static void tell(const struct llm_call *call, unsigned fields, const char *why)
{
    for (int i = 0; i < LLM_FIELDS; i++)
        if (fields & 1u << i)
            log_warn("the server refuses a field of the request: it is left out from now on",
                     kv("url", (const char *)call->e->url), kv("field", llm_field_name(i)),
                     kv("instead", instead_of((enum llm_field)i)), kv("why", why));
}

/* Of the length of an answer: its newer name first; nothing, where no budget depends on it. */
static bool rename_or_omit_length(struct llm_call *call, struct llm_style *style, const char *why)
{
    const struct llm_limits *most = &call->l->budget.limits;
    if (strstr(call->body, newer_name) == NULL) {
        style->max_completion_tokens = true;
        return true;
    }
    if (most->max_tokens > 0 || most->max_cost > 0)
        return false;
    style->omit |= 1u << LLM_MAX_TOKENS;
    tell(call, 1u << LLM_MAX_TOKENS, why);
    return true;
}

bool llm_omit_refused(struct llm_call *call, struct llm_style *style, const struct http_reply *r,
                      bool sure)
{
    enum { BOTH = 1u << LLM_TEMPERATURE | 1u << LLM_TOP_P, LENGTH = 1u << LLM_MAX_TOKENS };
    bool newer = strstr(call->body, newer_name) != NULL;
    const char *name[LLM_FIELDS];
    char why[LLM_WHY_MAX];
    if (r->failure != HTTP_FINE)
        return false;
    for (int i = 0; i < LLM_FIELDS; i++)
        name[i] = i == LLM_MAX_TOKENS && newer ? newer_name : llm_field_name(i);
    llm_error_text(call->l, r, why);
    if (!may_refuse_a_field(r->status, why))
        return false;
    unsigned named = http_refused_fields(r->body, r->len, name, LLM_SYSTEM, sure);
    if (!sure && refuses_the_system_role(why))
        named |= 1u << LLM_SYSTEM;
    if (!newer && strstr(why, newer_name)) /* "use max_completion_tokens instead" */
        named |= LENGTH;
    named &= fields_of(call->body, name);
    if ((named & BOTH) == BOTH) /* "cannot both be specified": the temperature says more */
        named &= ~(1u << LLM_TEMPERATURE);
    if (named & LENGTH && !speaks_of_the_field(why))
        named &= ~LENGTH;
    unsigned fresh = named & ~(style->omit | LENGTH);
    style->omit |= fresh;
    call->e->style.omit |= fresh; /* also for the next probe */
    tell(call, fresh, why);
    if (named & LENGTH && (fresh == 0 || !newer))
        return rename_or_omit_length(call, style, why) || fresh;
    return named != 0; /* when nothing is fresh, it was sent before the field was left out */
}
