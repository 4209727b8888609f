/* SPDX-License-Identifier: MIT */
/* faults.c - what a failed request means and what people are told; see llm_impl.h. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum llm_fault llm_fault_of(const struct http_reply *r)
{
    if (r->failure == HTTP_REDIRECTED)
        return LLM_FAULT_PERSON;
    if (r->failure == HTTP_TIMEOUT)
        return LLM_FAULT_OVERLOAD;
    if (r->failure != HTTP_FINE)
        return LLM_FAULT_PASSING;
    switch (r->status) {
    case 429:
        return strstr(r->body, "insufficient_quota") ? LLM_FAULT_PERSON : LLM_FAULT_OVERLOAD;
    case 503:
    case 529:
        return LLM_FAULT_OVERLOAD;
    case 200:
    case 408:
    case 409:
    case 425:
    case 500:
    case 502:
    case 504:
        return LLM_FAULT_PASSING;
    case 400:
    case 413:
    case 422:
        return LLM_FAULT_REQUEST;
    default:
        return LLM_FAULT_PERSON;
    }
}

static void say_why(const struct llm *l, struct llm_endpoint *e, const struct http_reply *r,
                    enum llm_fault fault)
{
    char text[LLM_WHY_MAX];
    llm_error_text(r->body, r->len, text);
    if (r->failure != HTTP_FINE)
        snprintf(e->why, sizeof e->why, "%.190s", r->why);
    else if (r->status == 401 || r->status == 403)
        snprintf(e->why, sizeof e->why, "it says %d: check %s", r->status,
                 *l->settings.key ? "the key (llm.api_key_file or OPENAI_API_KEY)"
                                  : "llm.api_key_file, there is no key");
    else if (r->status == 404)
        snprintf(e->why, sizeof e->why, "it says 404: check llm.url and llm.model%s%.100s",
                 *text ? ": " : "", text);
    else
        snprintf(e->why, sizeof e->why, "it says %d%s%s%.150s", r->status,
                 fault == LLM_FAULT_OVERLOAD ? ", too much to do" : "", *text ? ": " : "", text);
}

void llm_failed(struct llm *l, struct llm_endpoint *e, const struct http_reply *r)
{
    enum llm_fault fault = llm_fault_of(r);
    enum llm_breaker before = e->breaker;
    bool first = e->failures == 0;
    int64_t now = clock_ms();
    say_why(l, e, r, fault);
    if (fault == LLM_FAULT_PERSON || fault == LLM_FAULT_REQUEST)
        llm_endpoint_stop(e, 10 * l->settings.health.breaker_s, now);
    else
        llm_endpoint_failure(e, &l->settings.health, fault == LLM_FAULT_OVERLOAD, r->retry_after_s,
                             &l->jitter, now);
    if (first || (e->breaker == LLM_OPEN && before != LLM_OPEN))
        log_warn(
            e->breaker == LLM_OPEN ? "language model is not asked for a while"
                                   : "language model failed",
            kv("url", (const char *)e->url), kv("why", (const char *)e->why),
            kv("pause_s", e->breaker == LLM_OPEN ? (double)(e->open_until - now) / 1000 : 0.0));
}
