/* SPDX-License-Identifier: MIT */
/* faults.c - what people are told of a failed request, and of a server whose answers are no labels;
 * see llm_impl.h. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { UNPARSED_MAX = 8 };

static void say_why(const struct llm *l, struct llm_endpoint *e, const struct http_reply *r,
                    enum http_fault fault)
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
                 fault == HTTP_FAULT_OVERLOAD ? ", too much to do" : "", *text ? ": " : "", text);
}

void llm_failed(struct llm *l, struct llm_endpoint *e, const struct http_reply *r)
{
    enum http_fault fault = http_fault_of(r);
    enum llm_breaker before = e->breaker;
    bool first = e->failures == 0;
    int64_t now = clock_ms();
    say_why(l, e, r, fault);
    if (fault == HTTP_FAULT_PERSON || fault == HTTP_FAULT_REQUEST)
        llm_endpoint_stop(e, 10 * l->settings.health.breaker_s, now);
    else
        llm_endpoint_failure(e, &l->settings.health, fault, r->retry_after_s, &l->jitter, now);
    if (first || (e->breaker == LLM_OPEN && before != LLM_OPEN))
        log_warn(
            e->breaker == LLM_OPEN ? "language model is not asked for a while"
                                   : "language model failed",
            kv("url", (const char *)e->url), kv("why", (const char *)e->why),
            kv("pause_s", e->breaker == LLM_OPEN ? (double)(e->open_until - now) / 1000 : 0.0));
}

void llm_no_lie(struct llm_endpoint *e)
{
    e->lies[0] = '\0';
    e->unparsed = 0;
}

/* The sentence outlives the new probe: that a server obeys the probe proves nothing here. */
void llm_lied(struct llm_endpoint *e, const struct llm_choice *c)
{
    if (++e->unparsed < UNPARSED_MAX)
        return;
    bool first = !e->lies[0], probe = e->style.dialect != LLM_PLAIN && e->ready;
    if (first)
        snprintf(e->lies, sizeof e->lies, "%d answers in a row are no labels (%.100s)",
                 UNPARSED_MAX, c->why);
    if (probe)
        e->ready = false;
    if ((first || probe) && log_every_ms(&e->lie_log_ms, 10000))
        log_warn(probe ? "answers are no labels any more: the server is probed again"
                       : "answers are no labels: nothing is learned from this server",
                 kv("url", (const char *)e->url),
                 kv("structured", llm_dialect_name(e->style.dialect)),
                 kv("why", (const char *)c->why), kv("said", (const char *)c->text));
}
