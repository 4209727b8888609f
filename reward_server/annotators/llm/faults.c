/* SPDX-License-Identifier: MIT */
/* faults.c - what people are told of a failed request, and of a server whose answers are no labels;
 * see llm_impl.h. */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "reward_server/annotators/llm/llm_impl.h"

static void say_why(const struct llm *l, struct llm_endpoint *e, const struct http_reply *r,
                    enum http_fault fault)
{
    char text[LLM_WHY_MAX];
    llm_error_text(l, r, text);
    const char *key = *l->settings.key ? "check the key (llm.api_key_file or OPENAI_API_KEY)"
                                       : "check llm.api_key_file, there is no key";
    const char *colon = *text ? ": " : "";
    if (r->failure != HTTP_FINE)
        snprintf(e->why, sizeof e->why, "%.190s", r->why);
    else if (r->status == 403 && !http_reason_is_bare(text))
        snprintf(e->why, sizeof e->why, "it says 403: %.180s", text);
    else if (r->status == 401 || r->status == 403)
        snprintf(e->why, sizeof e->why, "it says %d: %s%s%.120s", r->status, key, colon, text);
    else if (r->status == 404)
        snprintf(e->why, sizeof e->why, "it says 404: check llm.url and llm.model%s%.140s", colon,
                 text);
    else
        snprintf(e->why, sizeof e->why, "it says %d%s%s%.150s", r->status,
                 fault == HTTP_FAULT_OVERLOAD ? ", too much to do" : "", colon, text);
    http_hide_key(e->why, l->settings.key);
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
    if (e->breaker == LLM_OPEN && before != LLM_OPEN)
        llm_jobs_put_back(l, e);
    if (first || (e->breaker == LLM_OPEN && before != LLM_OPEN))
        log_warn(
            e->breaker == LLM_OPEN ? "language model is not asked for a while"
                                   : "language model failed",
            kv("url", (const char *)e->url), kv("why", (const char *)e->why),
            kv("pause_s", e->breaker == LLM_OPEN ? (double)(e->open_until - now) / 1000 : 0.0));
}

void llm_refused(const struct llm *l, struct llm_endpoint *e, const struct http_reply *r,
                 char why[LLM_WHY_MAX])
{
    char text[LLM_WHY_MAX];
    llm_error_text(l, r, text);
    snprintf(why, LLM_WHY_MAX, "it refuses the question: %d %.150s", r->status, text);
    if (e->labels > 0 || *e->why)
        return;
    snprintf(e->why, sizeof e->why, "%s", why);
    log_warn("language model refuses a question", kv("url", (const char *)e->url),
             kv("why", (const char *)e->why));
}

void llm_judge(struct llm *l, struct llm_endpoint *e, const struct llm_choice *c)
{
    int64_t now = clock_ms();
    int row = e->bad_row, bad = __builtin_popcount(e->bad_history);
    bool told = e->bad_why[0];
    if (!llm_endpoint_judge(e, &l->settings.health, now))
        return;
    if (!told && row >= LLM_PROOF)
        snprintf(e->bad_why, sizeof e->bad_why, "%d answers in a row are no labels (%.140s)", row,
                 c->why);
    else if (!told)
        snprintf(e->bad_why, sizeof e->bad_why, "%d of the last %d answers are no labels (%.130s)",
                 bad, LLM_HISTORY, c->why);
    LOG_AT(
        told ? LOG_INFO : LOG_WARN,
        "answers are no labels: this server is left alone, and its questions are asked again later",
        kv("url", (const char *)e->url), kv("why", (const char *)e->bad_why),
        kv("structured", llm_dialect_name(e->style.dialect)), kv("said", (const char *)c->text),
        kv("pause_s", (double)(e->open_until - now) / 1000));
    llm_jobs_put_back(l, e);
}
