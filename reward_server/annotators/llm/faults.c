/* SPDX-License-Identifier: MIT */
/* faults.c - what people are told of a failed request, of a server whose answers are no labels,
 * that refuses what the probe asks, or serves another model; see llm_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "reward_server/annotators/llm/probe_impl.h"

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

/* --- the probe ------------------------------------------------------------------------------- */

/* Keeps the refusal if it tells more than those before: one with a reason more than one without, of
 * a path that is there more than of one that is not, of a bare question more than of one with a
 * constraint, of chat more than of what is tried without it. */
void llm_probe_refusal(struct llm_probe *p, int status, const char *text)
{
    bool there = status != 404 && status != 405, reason = !http_reason_is_bare(text);
    int telling = PROBE_TELLING_REASON * reason + 4 * there + 2 * (p->style.dialect == LLM_PLAIN) +
                  (p->style.api == LLM_CHAT);
    if (*p->refused && telling < p->telling)
        return;
    p->telling = telling;
    if (status < 300)
        snprintf(p->refused, sizeof p->refused, "%.190s", text);
    else
        snprintf(p->refused, sizeof p->refused, "%d %.180s", status, text);
}

void llm_probe_free(struct llm_endpoint *e)
{
    free(e->probe);
    e->probe = NULL;
}

bool llm_wrong_model(struct llm *l, struct llm_endpoint *e, const char *served)
{
    if (l->settings.any_model || http_same_model(l->settings.model, served))
        return false;
    snprintf(e->why, sizeof e->why,
             "it serves the model %.60s, not llm.model=%.60s (llm.any_model=true takes it)", served,
             l->settings.model);
    llm_endpoint_stop(e, 10 * l->settings.health.breaker_s, clock_ms());
    log_warn("language model is not asked", kv("url", (const char *)e->url),
             kv("why", (const char *)e->why));
    return true;
}
