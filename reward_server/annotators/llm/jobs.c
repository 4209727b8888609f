/* SPDX-License-Identifier: MIT */
/* jobs.c - the questions under way: which is asked next, what becomes of each; see llm_impl.h. */
#include <string.h>

#include "common/base/clock.h"
#include "reward_server/annotators/llm/llm_impl.h"

enum { ROUNDS_MAX = 7 }; /* pauses of a doubted caption double up to 128 times llm.breaker_s */

void llm_job_answer(struct llm *l, struct llm_job *j, enum label_state state, double label,
                    double confidence, const char *raw)
{
    ONIC_ASSERT(l->nready < LLM_JOBS_MAX);
    struct label answer = {.state = state, .value = label, .confidence = confidence, .raw = raw};
    annotator_answer_keep(&l->ready[(l->ready_head + l->nready++) % LLM_JOBS_MAX], j->ticket,
                          &answer);
    j->state = LLM_FREE;
    l->njobs--;
    if (state == LABEL_ANSWERED)
        l->labels++;
    else
        l->abstained++;
    l->wake(l->wake_ctx);
}

void llm_job_wait(struct llm *l, struct llm_job *j, int64_t due)
{
    j->state = LLM_WAITING;
    j->due_ms = due;
    l->retries++;
}

/* --- doubts ---------------------------------------------------------------------------------- */

static void ask_anew(struct llm *l, struct llm_job *j, int64_t due)
{
    j->again = false;
    j->previous[0] = '\0';
    j->alone = 0;
    j->order = l->orders++; /* behind the others: it may be the caption after all */
    llm_job_wait(l, j, due);
}

void llm_job_doubt(struct llm *l, struct llm_job *j, const struct llm_endpoint *e, const char *why,
                   const char *text)
{
    j->server = (int)(e - l->endpoint);
    if (e->doubted) { /* it has not shown yet that it works again: nothing to be settled */
        ask_anew(l, j, 0);
        return;
    }
    snprintf(j->doubt, sizeof j->doubt, "abstained: %.190s%s%.300s", why, *text ? ": " : "", text);
    j->state = LLM_DOUBTED;
    j->doubted_ms = clock_ms();
}

/* Nothing is under way or may be asked now. */
static bool is_idle(const struct llm *l, int64_t now)
{
    for (int i = 0; i < LLM_JOBS_MAX; i++)
        if (l->job[i].state == LLM_FLYING ||
            (l->job[i].state == LLM_WAITING && l->job[i].due_ms <= now))
            return false;
    return true;
}

void llm_jobs_settle(struct llm *l, int64_t now)
{
    const struct llm_health_options *o = &l->settings.health;
    bool idle = is_idle(l, now);
    for (int i = 0; i < LLM_JOBS_MAX; i++) {
        struct llm_job *j = &l->job[i];
        if (j->state != LLM_DOUBTED)
            continue;
        switch (llm_endpoint_doubt(&l->endpoint[j->server], o, j->doubted_ms, idle, now)) {
        case LLM_DOUBT_STANDS:
            llm_job_answer(l, j, LABEL_ABSTAINED, 0, 0, j->doubt);
            break;
        case LLM_DOUBT_FALLS: /* a pause that doubles: nothing is spent without bound */
            j->rounds += j->rounds < ROUNDS_MAX;
            ask_anew(l, j, now + (int64_t)(o->breaker_s * 1000 * (1 << j->rounds)));
            break;
        case LLM_DOUBT_OPEN:
            break;
        }
    }
}

void llm_jobs_put_back(struct llm *l, const struct llm_endpoint *e)
{
    for (int i = 0; i < LLM_JOBS_MAX; i++) {
        struct llm_job *j = &l->job[i];
        if (j->server == (int)(e - l->endpoint) &&
            (j->state == LLM_DOUBTED || (j->state == LLM_WAITING && j->again)))
            ask_anew(l, j, 0);
    }
}

int llm_jobs_resting(const struct llm *l, int64_t now)
{
    int n = 0;
    for (int i = 0; i < LLM_JOBS_MAX; i++)
        n += l->job[i].state == LLM_DOUBTED ||
             (l->job[i].state == LLM_WAITING && l->job[i].rounds > 0 && l->job[i].due_ms > now);
    return n;
}

/* --- who is next ----------------------------------------------------------------------------- */

int llm_jobs_next(const struct llm *l, int64_t now, const struct llm_job *first)
{
    int found = -1;
    for (int i = 0; i < LLM_JOBS_MAX; i++) {
        const struct llm_job *j = &l->job[i];
        if (j->state == LLM_WAITING && j->due_ms <= now &&
            (!first || (!j->single && j->vote == first->vote &&
                        question_kind_of(j->question, j->len) ==
                            question_kind_of(first->question, first->len))) &&
            (found < 0 || j->order < l->job[found].order))
            found = i;
    }
    return found;
}

int64_t llm_jobs_due(const struct llm *l, int64_t now)
{
    int64_t due = -1;
    bool idle = is_idle(l, now);
    for (int i = 0; i < LLM_JOBS_MAX; i++) {
        const struct llm_job *j = &l->job[i];
        int64_t at = -1;
        if (j->state == LLM_WAITING)
            at = j->due_ms;
        else if (j->state == LLM_DOUBTED)
            at = llm_endpoint_doubt_due(&l->settings.health, j->doubted_ms, idle);
        if (at > now && (due < 0 || at < due))
            due = at;
    }
    return due;
}
