/* SPDX-License-Identifier: MIT */
/* endpoint.c - the health of one server; see llm_impl.h. No clock and no I/O of its own.
 *
 * Window: how many requests the server has at once. It grows by one for each window of good answers
 * (additive increase) and halves when the server says it has too much to do, when it does not
 * answer in time, or when answers take four times as long as they do without load (multiplicative
 * decrease), at most once per round trip. vLLM queues without a bound and never says no, so latency
 * is the only sign it gives.
 *
 * Pause: after the first of a round of failures, except one that has nothing to do with load and
 * comes alone; it doubles from round to round. Requests of the same round that fail later say the
 * same thing: they neither double it nor, once the breaker is open, its time. Only a Retry-After
 * makes it longer.
 *
 * Breaker: closed while it works; open, for a time that doubles, when more than half of the last 20
 * requests failed or five in a row did ("too much to do" is an answer and does not count as one of
 * the five); then, when nothing is under way any more, half open: one probe decides.
 *
 * Answers: that a server replies does not mean that it labels. Eight answers in a row that are no
 * labels, or more than half of the last 20, open the breaker as well. After the probe it is on
 * trial then: one question at a time, and two bad answers open it again, for longer, because a
 * server that obeys the probe may still talk nonsense. An abstention for a reason of the server is
 * no answer of the caption: it stands only if the server labelled eight others within the same
 * minute and went on doing well, else the caption is asked again. */
#include <stdio.h>
#include <string.h>

#include "reward_server/annotators/llm/llm_impl.h"

enum {
    IN_A_ROW = 5,
    OPENED_MAX = 4,
    BAD_IN_A_ROW = 8,
    BAD_ON_TRIAL = 2, /* a question and its repetition */
    MINUTE_MS = 60000,
    QUIET_MS = 8000 /* a server that gives 8 labels a minute is not quiet for longer */
};
static const double slow_factor = 4;

void llm_endpoint_open(struct llm_endpoint *e, const char *url, int window, int window_max)
{
    *e = (struct llm_endpoint){.lists = true, .window = window, .window_max = window_max};
    llm_address_read(&e->address, url, strlen(url));
    memcpy(e->url, e->address.base, sizeof e->url);
    memcpy(e->root, e->url, sizeof e->root);
    size_t n = strlen(e->root);
    if (n > 3 && strcmp(e->root + n - 3, "/v1") == 0)
        e->root[n - 3] = '\0';
}

static void note(struct llm_endpoint *e, bool failed)
{
    e->history = (e->history << 1 | failed) & ((1U << LLM_HISTORY) - 1);
    if (e->nhistory < LLM_HISTORY)
        e->nhistory++;
}

static void shrink(struct llm_endpoint *e, int64_t now, double factor)
{
    if (now - e->cut_ms < (int64_t)e->best_ms)
        return; /* requests of the same round say the same thing */
    e->cut_ms = now;
    e->window *= factor;
    if (e->window < 1)
        e->window = 1;
}

void llm_endpoint_success(struct llm_endpoint *e, double ms, int64_t now)
{
    note(e, false);
    e->failures = 0;
    e->pauses = 0;
    if (!e->doubted)
        e->opened = 0;
    if (!e->doubted ||
        e->breaker != LLM_OPEN) /* else it was under way when its answers opened it */
        e->breaker = LLM_CLOSED;
    e->why[0] = '\0';
    if (ms < 1)
        ms = 1;
    if (e->best_ms <= 0 || ms < e->best_ms)
        e->best_ms = ms;
    else
        e->best_ms *= 1.001; /* forgets slowly: another model, another machine */
    if (ms > slow_factor * e->best_ms + 20)
        shrink(e, now, 0.75);
    else if (e->window < e->window_max)
        e->window += 1 / e->window;
}

static void open_breaker(struct llm_endpoint *e, double pause_s, int64_t now)
{
    if (e->breaker != LLM_OPEN && e->opened < OPENED_MAX)
        e->opened++;
    e->breaker = LLM_OPEN;
    e->gone = true;
    e->ready = false; /* it may be another server when it is back */
    e->open_until = now + (int64_t)(pause_s * 1000);
    e->history = 0;
    e->nhistory = 0;
    e->bad_history = 0;
    e->nbad_history = 0;
    e->bad_row = 0;
    e->window = 1;
}

void llm_endpoint_stop(struct llm_endpoint *e, double pause_s, int64_t now)
{
    note(e, true);
    e->failures++;
    open_breaker(e, pause_s, now);
}

static void hold(struct llm_endpoint *e, const struct llm_health_options *o, double retry_after_s,
                 struct rng *jitter, int64_t now)
{
    bool same_round = now < e->hold_until;
    double backoff_s = same_round ? 0 : o->backoff_s;
    int64_t until = now + http_backoff_ms(backoff_s, e->pauses, retry_after_s, jitter);
    if (!same_round)
        e->pauses++;
    if (until > e->hold_until)
        e->hold_until = until;
}

void llm_endpoint_failure(struct llm_endpoint *e, const struct llm_health_options *o,
                          enum http_fault fault, double retry_after_s, struct rng *jitter,
                          int64_t now)
{
    bool busy = fault == HTTP_FAULT_OVERLOAD || fault == HTTP_FAULT_LATE;
    e->failures++;
    if (e->breaker == LLM_OPEN) { /* it was under way when the breaker opened */
        if (retry_after_s >= 0)
            hold(e, o, retry_after_s, jitter, now);
        return;
    }
    note(e, true);
    if (busy)
        shrink(e, now, 0.5);
    if (busy || e->failures > 1)
        hold(e, o, retry_after_s, jitter, now);
    int bad = __builtin_popcount(e->history);
    bool many = e->nhistory == LLM_HISTORY && bad > LLM_HISTORY / 2;
    if (e->breaker == LLM_CLOSED && !many && e->failures < IN_A_ROW)
        return;
    if (fault == HTTP_FAULT_OVERLOAD && !many && e->breaker == LLM_CLOSED)
        return; /* "too many requests" is an answer: the window and the pause deal with it */
    open_breaker(e, o->breaker_s * (double)(1 << e->opened), now);
}

bool llm_endpoint_may_ask(struct llm_endpoint *e, int64_t now)
{
    if (e->breaker == LLM_OPEN && now >= e->open_until && e->in_flight == 0)
        e->breaker = LLM_HALF_OPEN;
    if (e->breaker == LLM_OPEN || now < e->hold_until)
        return false;
    if (e->breaker == LLM_HALF_OPEN || !e->ready || e->gone)
        return e->in_flight == 0;
    return e->in_flight < (int)e->window;
}

int64_t llm_endpoint_due(const struct llm_endpoint *e, int64_t now)
{
    int64_t due = -1;
    if (e->breaker == LLM_OPEN && e->in_flight == 0) /* else the end of the last one is looked at */
        due = e->open_until;
    if (e->hold_until > now && e->hold_until > due)
        due = e->hold_until;
    return due;
}

/* --- answers --------------------------------------------------------------------------------- */

static void note_answer(struct llm_endpoint *e, bool bad)
{
    e->bad_row = bad ? e->bad_row + 1 : 0;
    e->bad_history = (e->bad_history << 1 | bad) & ((1U << LLM_HISTORY) - 1);
    if (e->nbad_history < LLM_HISTORY)
        e->nbad_history++;
}

void llm_endpoint_good_answer(struct llm_endpoint *e, int64_t now)
{
    e->label_ms[e->labels++ % LLM_PROOF] = now;
    if (e->breaker == LLM_OPEN)
        return;
    note_answer(e, false);
    e->gone = false;
    e->bad_why[0] = '\0';
    if (e->doubted && ++e->proof >= LLM_PROOF) {
        e->doubted = false;
        e->opened = 0;
    }
}

void llm_endpoint_bad_answer(struct llm_endpoint *e)
{
    if (e->breaker != LLM_OPEN) /* else it was under way, and says nothing new */
        note_answer(e, true);
}

bool llm_endpoint_judge(struct llm_endpoint *e, const struct llm_health_options *o, int64_t now)
{
    int bad = __builtin_popcount(e->bad_history);
    bool many = e->nbad_history == LLM_HISTORY && bad > LLM_HISTORY / 2;
    if (e->breaker == LLM_OPEN || (!many && e->bad_row < (e->gone ? BAD_ON_TRIAL : BAD_IN_A_ROW)))
        return false;
    open_breaker(e, o->breaker_s * (double)(1 << e->opened), now);
    e->doubted = true;
    e->proof = 0;
    return true;
}

enum llm_doubt llm_endpoint_doubt(const struct llm_endpoint *e, const struct llm_health_options *o,
                                  int64_t doubted_ms, bool idle, int64_t now)
{
    bool proven = e->labels >= LLM_PROOF;
    int64_t oldest = proven ? e->label_ms[e->labels % LLM_PROOF] : 0;
    int64_t newest = proven ? e->label_ms[(e->labels - 1) % LLM_PROOF] : 0;
    int64_t from = oldest < doubted_ms ? oldest : doubted_ms;
    int64_t to = newest > doubted_ms ? newest : doubted_ms;
    bool well = !e->doubted && 2 * __builtin_popcount(e->bad_history) <= e->nbad_history;
    proven &= well && to - from <= MINUTE_MS;
    if (proven && oldest > doubted_ms) /* it has gone on labelling */
        return LLM_DOUBT_STANDS;
    if (now < llm_endpoint_doubt_due(o, doubted_ms, idle))
        return LLM_DOUBT_OPEN;
    return proven ? LLM_DOUBT_STANDS : LLM_DOUBT_FALLS;
}

int64_t llm_endpoint_doubt_due(const struct llm_health_options *o, int64_t doubted_ms, bool idle)
{
    int64_t quiet = (int64_t)(o->breaker_s * 1000);
    return doubted_ms + (!idle ? MINUTE_MS : quiet < QUIET_MS ? quiet : QUIET_MS);
}
