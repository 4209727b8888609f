/* SPDX-License-Identifier: MIT */
/* probe_margin.c - whether a server tells log-probabilities, and how; see llm_impl.h.
 *
 *   completions: logprobs=20, then 5 where 20 is refused; llama.cpp's own /completion: n_probs
 *   chat: logprobs with top_logprobs=20, then 5 where 20 is refused
 *
 * Completions first: a prompt whose examples end in "Answer:" is gone on with there, and answered
 * in a sentence by many models in a chat. A status of 200 proves nothing. The question is the one
 * about a message without content, so the answer is the calibration as well (margin.c). */
#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "reward_server/annotators/llm/probe_impl.h"

static const struct {
    enum llm_api api;
    enum llm_reads reads;
    int top;
} ways[] = {
    {LLM_COMPLETIONS, LLM_READS_LOGPROBS, LLM_TOP},
    {LLM_COMPLETIONS, LLM_READS_LOGPROBS, LLM_TOP_FEW},
    {LLM_COMPLETIONS, LLM_READS_N_PROBS, LLM_TOP},
    {LLM_CHAT, LLM_READS_LOGPROBS, LLM_TOP},
    {LLM_CHAT, LLM_READS_LOGPROBS, LLM_TOP_FEW},
};
enum { WAYS = sizeof ways / sizeof *ways };

bool llm_probe_margin_asks(const struct llm_probe *p)
{
    return p->margin_way < WAYS;
}

static bool auto_is_open(const struct llm *l)
{
    return l->settings.answer == CONFIG_llm_answer_auto && !l->calibration.known;
}

/* Nothing is left to try: texts, where they may be read. */
static void margin_end(struct llm *l, struct llm_endpoint *e)
{
    struct llm_probe *p = e->probe;
    char why[LLM_WHY_MAX];
    p->margin_way = WAYS;
    if (auto_is_open(l)) {
        e->probe->ends.texts(l, e);
        return;
    }
    if (l->settings.answer == CONFIG_llm_answer_auto)
        snprintf(why, sizeof why,
                 "no log-probabilities there, of which this run's labels are made: take another "
                 "server, or llm.answer=text in another run (%.60s)",
                 p->refused);
    else
        snprintf(why, sizeof why,
                 "no log-probabilities there, which llm.answer=logprob reads: set llm.answer=text, "
                 "or take another server (%.80s)",
                 p->refused);
    p->ends.give_up(l, e, why);
}

/* The next way; a shorter list only where the long one was refused. */
static void margin_next(struct llm *l, struct llm_endpoint *e, bool refused)
{
    struct llm_probe *p = e->probe;
    int before = p->margin_way;
    do {
        p->margin_way++;
    } while (p->margin_way < WAYS &&
             ((l->settings.api >= 0 && l->settings.api != (int)ways[p->margin_way].api) ||
              (ways[p->margin_way].top == LLM_TOP_FEW && !(refused && before >= 0))));
    if (p->margin_way < WAYS)
        llm_probe_margin_step(l, e);
    else
        margin_end(l, e);
}

void llm_probe_margin_start(struct llm *l, struct llm_endpoint *e)
{
    bool text = l->settings.answer == CONFIG_llm_answer_text;
    if (!text)
        llm_margin_recall(l);
    if (text || (l->calibration.known && l->calibration.text)) {
        e->probe->margin_way = WAYS;
        e->probe->ends.texts(l, e);
        return;
    }
    e->probe->margin_way = -1;
    margin_next(l, e, false);
}

bool llm_probe_margin_differs(struct llm *l, struct llm_endpoint *e)
{
    const struct llm_calibration *k = &l->calibration;
    bool reads_text = e->probe->style.reads == LLM_READS_TEXT;
    if (l->settings.answer != CONFIG_llm_answer_auto || !k->known || k->text == reads_text)
        return false;
    e->probe->margin_way = WAYS;
    if (k->text)
        e->probe->ends.texts(l, e);
    else
        margin_end(l, e);
    return true;
}

/* --- the answer about nothing ---------------------------------------------------------------- */

static void margin_found(struct llm *l, struct llm_endpoint *e, const struct llm_reading *nothing)
{
    char why[LLM_WHY_MAX];
    double margin = nothing->lp[0] - nothing->lp[1];
    bool one_sided = llm_margin_is_one_sided(l, nothing);
    llm_margin_one_sided_text(l, margin, why);
    if (one_sided && auto_is_open(l)) {
        log_info("the words that the language model writes are read, not their log-probabilities",
                 kv("url", (const char *)e->url), kv("why", (const char *)why));
        e->probe->margin_way = WAYS;
        e->probe->ends.texts(l, e);
        return;
    }
    if (one_sided && !l->calibration.known)
        log_warn("the calibration puts everything on one side", kv("url", (const char *)e->url),
                 kv("why", (const char *)why));
    llm_margin_decide(l, false, margin);
    e->probe->ends.found(l, e);
}

/* This way is refused, as against the server being unable to answer anything now. What only a
 * person can mend may be mended already for the other API: the last way tells. */
static bool is_refusal(const struct llm *l, const struct llm_probe *p, const struct http_reply *r)
{
    enum http_fault fault = http_fault_of(r);
    bool last = !auto_is_open(l) &&
                (l->settings.api == LLM_COMPLETIONS ? ways[p->margin_way].reads == LLM_READS_N_PROBS
                                                    : ways[p->margin_way].api == LLM_CHAT);
    if (r->failure != HTTP_FINE || http_answered(r))
        return false;
    return fault == HTTP_FAULT_REQUEST || (fault == HTTP_FAULT_PERSON && !last) ||
           r->status == 404 || r->status == 405 || r->status == 500 || r->status == 501;
}

static void on_nothing(struct llm_call *call, const struct http_reply *r)
{
    struct llm *l = call->l;
    struct llm_endpoint *e = call->e;
    struct llm_probe *p = e->probe;
    struct llm_answer a = {0};
    char text[LLM_WHY_MAX];
    bool fine = http_answered(r);
    if (fine &&
        !llm_answer_read(&p->style, &l->words[QUESTION_CLASS], NULL, r->body, r->len, 1, &a))
        a.nchoices = 0;
    llm_book(call, r, &a);
    const struct llm_choice *c = &a.choice[0];
    llm_error_text(l, r, text);
    bool refusal = is_refusal(l, p, r);
    if (a.nchoices == 0 && llm_omit_refused(call, &p->style, r, false)) {
        llm_probe_margin_step(l, e);
    } else if (a.nchoices && llm_wrong_model(l, e, a.model)) {
        llm_probe_free(e);
    } else if (a.nchoices && c->verdict == LLM_LABEL) {
        llm_endpoint_success(e, r->seconds * 1000, clock_ms());
        margin_found(l, e, &c->reading);
    } else if (fine || refusal) {
        llm_probe_refusal(p, r->status, !fine ? text : a.nchoices ? c->why : a.why);
        margin_next(l, e, refusal);
    } else {
        llm_failed(l, e, r);
    }
}

void llm_probe_margin_step(struct llm *l, struct llm_endpoint *e)
{
    struct llm_probe *p = e->probe;
    struct llm_question q;
    p->style.api = ways[p->margin_way].api;
    p->style.reads = ways[p->margin_way].reads;
    p->style.top = ways[p->margin_way].top;
    p->style.dialect = LLM_PLAIN;
    llm_question_render(l, llm_no_content, strlen(llm_no_content), false, &q);
    struct llm_ask ask = {.question = &q, .words = &l->words[QUESTION_CLASS], .n = 1};
    char *body = llm_request_body(&l->settings, &p->style, &ask);
    llm_send(l, e, llm_request_path(&p->style), body, strlen(body),
             llm_request_max_tokens(&l->settings, &p->style), NULL, 0, on_nothing);
    llm_question_release(&q);
}
