/* SPDX-License-Identifier: MIT */
/* jobs.c - the questions under way: which is asked next, what becomes of each; see llm_impl.h. */
#include <string.h>

#include "reward_server/annotators/llm/llm_impl.h"

void llm_job_answer(struct llm *l, struct llm_job *j, enum label_state state, double label,
                    const char *raw)
{
    ONIC_ASSERT(l->nready < LLM_JOBS_MAX);
    struct llm_ready *r = &l->ready[(l->ready_head + l->nready++) % LLM_JOBS_MAX];
    r->ticket = j->ticket;
    r->state = state;
    r->label = label;
    snprintf(r->raw, sizeof r->raw, "%s", raw);
    j->state = LLM_FREE;
    l->njobs--;
    if (state == LABEL_ANSWERED)
        l->labels++;
    else
        l->abstained++;
    l->wake(l->wake_ctx);
}

void llm_job_abstain(struct llm *l, struct llm_job *j, const char *why, const char *text)
{
    char raw[LABEL_RAW_MAX];
    snprintf(raw, sizeof raw, "abstained: %s%s%.300s", why, *text ? ": " : "", text);
    llm_job_answer(l, j, LABEL_ABSTAINED, 0, raw);
}

void llm_job_wait(struct llm *l, struct llm_job *j, int64_t due)
{
    j->state = LLM_WAITING;
    j->due_ms = due;
    l->retries++;
}

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
    for (int i = 0; i < LLM_JOBS_MAX; i++)
        if (l->job[i].state == LLM_WAITING && l->job[i].due_ms > now &&
            (due < 0 || l->job[i].due_ms < due))
            due = l->job[i].due_ms;
    return due;
}
