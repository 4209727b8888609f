/* SPDX-License-Identifier: MIT */
/* jobs.c - the questions under way: who is asked when, and what a failure means; see
 * command_impl.h.
 *
 * A question is WAITING or FLYING. What goes wrong costs a question nothing at first:
 *
 *   the program dies           it is started again, after a pause that doubles while no life of it
 *                              answers anything
 *   it is silent too long      it is killed and started again
 *   its answers are no labels  8 in a row, or more than half of the last 20: the same
 *   one answer is missing      that question is asked again
 *
 * A question that failed is asked again later, after a death alone; when that fails too, alone and
 * first thing in a new life. It is abstained from only when it is the question's own fault: it has
 * failed three times, and between each two of these the program has answered others. Where no other
 * one waits, the last that it labelled is asked once more as a control. So one question that a
 * program chokes on cannot take others with it, and a program that does not work settles nothing,
 * whatever it did before. Only what is exactly an answer becomes a label. */
#include "reward_server/annotators/command/command_impl.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

enum { PAUSE_MAX_S = 60 };
enum { STRANGE_EVERY_MS = 10000, DEATHS_EVERY_MS = 10000 };
enum { TRIES_MAX = 3, OTHERS_BETWEEN = 4 };       /* when a question is given up */
enum { UNUSABLE_IN_A_ROW = 8, HISTORY_MAX = 20 }; /* when a life is */

/* --- answers to the server ------------------------------------------------------------------- */

void command_settle(struct command *c, struct command_job *j, const struct label *label)
{
    ONIC_ASSERT(c->nready < COMMAND_JOBS_MAX);
    annotator_answer_keep(&c->ready[(c->ready_head + c->nready++) % COMMAND_JOBS_MAX], j->ticket,
                          label);
    c->flying -= j->state == COMMAND_FLYING;
    j->state = COMMAND_FREE;
    c->wake(c->wake_ctx);
}

static void end_control(struct command *c, struct command_job *j, bool answered)
{
    c->proofs += answered ? OTHERS_BETWEEN : 0;
    c->flying--;
    j->state = COMMAND_FREE;
}

/* It failed, and nothing has shown since that the program works. */
static bool is_suspect(const struct command *c, const struct command_job *j)
{
    return j->tries > 0 && c->proofs - j->proofs_then < OTHERS_BETWEEN;
}

/* It was not answered: later, or never where others were meanwhile. */
static void fail_job(struct command *c, struct command_job *j, const char *why)
{
    char raw[LABEL_RAW_MAX];
    if (j->control) {
        end_control(c, j, false);
        return;
    }
    if (!is_suspect(c, j)) {
        j->tries++;
        j->proofs_then = c->proofs;
    }
    if (j->tries >= TRIES_MAX) {
        snprintf(raw, sizeof raw,
                 "abstained: it failed %d times while others were answered: %.380s", j->tries, why);
        command_settle(c, j, &(struct label){.state = LABEL_ABSTAINED, .raw = raw});
        return;
    }
    c->flying--;
    j->state = COMMAND_WAITING;
    j->order = c->orders++;
}

/* --- lives ----------------------------------------------------------------------------------- */

/* Why the life is over, with what the program itself says of it: people see nothing else of it. */
static void jobs_set_why(struct command *c, const char *why)
{
    const char *words = c->life ? life_last_words(c->life) : "";
    const char *again = c->answers ? ", after it had answered" : "";
    if (*words)
        snprintf(c->why, sizeof c->why, "%.150s%s: %s", why, again, words);
    else if (*c->strange)
        snprintf(c->why, sizeof c->why, "%.150s%s; it wrote what is no answer: %.160s", why, again,
                 c->strange);
    else
        snprintf(c->why, sizeof c->why, "%.300s%s", why, again);
}

/* The life is over. sick: also if it has answered something. */
static void bury(struct command *c, bool sick, const char *why)
{
    jobs_set_why(c, why);
    if (c->life)
        life_end(c->life, 0);
    c->life = NULL;
    c->failures = c->answers && !sick ? 0 : c->failures + 1;
    int doublings = c->failures > 1 ? c->failures - 1 : 0;
    double pause = c->backoff_s * (double)(1 << (doublings < 16 ? doublings : 16));
    pause = pause < PAUSE_MAX_S ? pause : PAUSE_MAX_S;
    c->start_ms = clock_ms() + (int64_t)(pause * 1000);
    if (c->failures || log_every_ms(&c->deaths_said, DEATHS_EVERY_MS))
        log_warn("annotator program is started again", kv("why", (const char *)c->why),
                 kv("pause_s", pause));
    for (int i = 0; i < COMMAND_JOBS_MAX; i++)
        if (c->job[i].state == COMMAND_FLYING) {
            c->job[i].alone = true;
            fail_job(c, &c->job[i], c->why);
        }
    command_dispatch(c);
}

static void on_ended(void *ctx, const char *why)
{
    struct command *c = ctx;
    char text[160];
    bool mute = !c->answers && !*life_last_words(c->life) && !*c->strange;
    snprintf(text, sizeof text, "%.120s%s", why, mute ? ", without a word on stderr" : "");
    bury(c, false, text);
}

static struct command_job *job_of(struct command *c, uint64_t id)
{
    for (int i = 0; i < COMMAND_JOBS_MAX; i++)
        if (c->job[i].state == COMMAND_FLYING && c->job[i].id == id)
            return &c->job[i];
    return NULL;
}

static void note_strange(struct command *c, const char *why, const char *line, size_t len)
{
    life_printable(c->strange, sizeof c->strange, line, len < 120 ? len : 120);
    if (log_every_ms(&c->strange_said, STRANGE_EVERY_MS))
        log_warn("annotator program wrote what is no answer", kv("why", why),
                 kv("line", (const char *)c->strange));
}

/* True when the program's answers are its own fault, not that of its questions. */
static bool note_outcome(struct command *c, bool unusable)
{
    int bad = 0;
    c->unusable = unusable ? c->unusable + 1 : 0;
    c->history = c->history << 1 | unusable;
    c->nhistory += c->nhistory < HISTORY_MAX;
    for (int i = 0; i < c->nhistory; i++)
        bad += c->history >> i & 1;
    return c->unusable >= UNUSABLE_IN_A_ROW ||
           (c->nhistory == HISTORY_MAX && bad > HISTORY_MAX / 2);
}

/* A line that means a question, and is no answer to it. */
static void take_unusable(struct command *c, struct command_job *j, const char *problem,
                          const char *line, size_t len)
{
    char why[400];
    note_strange(c, problem, line, len);
    snprintf(why, sizeof why, "its answer is no label: %.160s: %s", problem, c->strange);
    fail_job(c, j, why);
    if (note_outcome(c, true)) {
        c->strange[0] = '\0'; /* the sentence has it already */
        bury(c, true, why);
    }
}

static void take_usable(struct command *c, struct command_job *j, const struct protocol_answer *a)
{
    c->answers++;
    c->why[0] = '\0';
    note_outcome(c, false);
    if (j->control) {
        end_control(c, j, true);
        return;
    }
    c->proofs++;
    if (a->label.state == LABEL_ABSTAINED) {
        c->abstained++;
        life_printable(c->reason, sizeof c->reason, a->raw, strlen(a->raw));
    } else {
        c->labels++;
        c->control_len = j->len;
        c->control_vote = j->vote;
        memcpy(c->control, j->question, j->len);
    }
    struct label label = a->label;
    label.raw = a->raw;
    command_settle(c, j, &label);
}

static void on_line(void *ctx, const char *line, size_t len)
{
    struct command *c = ctx;
    struct protocol_answer a;
    if (!protocol_read(line, len, &a)) {
        note_strange(c, a.why, line, len);
        return;
    }
    struct command_job *j = job_of(c, a.id);
    if (!j) { /* too late, twice, or never asked */
        if (a.id > c->ids)
            note_strange(c, "no question has this id", line, len);
        return;
    }
    c->heard_ms = clock_ms();
    if (protocol_fits(&a, question_kind_of(j->question, j->len))) {
        take_usable(c, j, &a);
    } else {
        take_unusable(c, j, a.why, line, len);
    }
    command_dispatch(c);
}

static void jobs_start(struct command *c)
{
    struct life_events events = {.line = on_line, .ended = on_ended, .ctx = c};
    struct onic_err err = {0};
    c->asked = c->answers = c->nhistory = 0;
    c->heard_ms = clock_ms();
    c->strange[0] = '\0';
    if (life_start(&c->life, c->loop, c->line, &events, &err) != ONIC_OK)
        bury(c, false, err.msg);
}

/* Ends a life in which nothing went wrong, for a question that needs a new one. */
static void rest(struct command *c)
{
    life_end(c->life, 0);
    c->life = NULL;
    c->start_ms = clock_ms();
}

/* --- who is asked when ----------------------------------------------------------------------- */

/* The oldest that waits, suspects last. */
static struct command_job *next_job(struct command *c)
{
    struct command_job *found = NULL;
    for (int i = 0; i < COMMAND_JOBS_MAX; i++) {
        struct command_job *j = &c->job[i];
        if (j->state != COMMAND_WAITING)
            continue;
        int later = found ? is_suspect(c, j) - is_suspect(c, found) : -1;
        if (later < 0 || (later == 0 && j->order < found->order))
            found = j;
    }
    return found;
}

static bool one_is_alone(const struct command *c)
{
    for (int i = 0; i < COMMAND_JOBS_MAX; i++)
        if (c->job[i].state == COMMAND_FLYING && c->job[i].alone)
            return true;
    return false;
}

static void fly(struct command *c, struct command_job *j)
{
    j->state = COMMAND_FLYING;
    j->id = ++c->ids;
    j->sent_ms = clock_ms();
    c->flying++;
    c->asked++;
    life_write(c->life, protocol_question(c->goal, j->id, j->question, j->len, j->vote));
}

/* Instead of a suspect: one that was labelled before tells whether the program works at all. */
static void fly_control(struct command *c)
{
    struct command_job *j = c->job;
    while (j->state != COMMAND_FREE)
        j++; /* there is one: the window is smaller */
    *j = (struct command_job){
        .control = true, .alone = true, .vote = c->control_vote, .len = c->control_len};
    memcpy(j->question, c->control, c->control_len);
    fly(c, j);
}

/* clock_ms at which a question that flies is overdue; -1 = none flies. lost: one answer is missing
 * although others come; else: nothing comes at all. */
static int64_t overdue_at(const struct command *c, bool *lost)
{
    int64_t oldest = -1;
    for (int i = 0; i < COMMAND_JOBS_MAX; i++)
        if (c->job[i].state == COMMAND_FLYING && (oldest < 0 || c->job[i].sent_ms < oldest))
            oldest = c->job[i].sent_ms;
    if (oldest < 0)
        return -1;
    int64_t silent = (oldest > c->heard_ms ? oldest : c->heard_ms) + c->timeout_ms;
    int64_t missing = oldest + c->timeout_ms * c->window;
    *lost = missing < silent;
    return *lost ? missing : silent;
}

/* What time alone does. */
static void jobs_check(struct command *c)
{
    bool lost;
    char why[100];
    int64_t now = clock_ms(), at;
    snprintf(why, sizeof why, "no answer within %g s", (double)c->timeout_ms / 1000);
    while ((at = overdue_at(c, &lost)) >= 0 && at <= now) {
        if (!lost) {
            bury(c, false, why);
            return;
        }
        struct command_job *oldest = NULL;
        for (int i = 0; i < COMMAND_JOBS_MAX; i++)
            if (c->job[i].state == COMMAND_FLYING &&
                (!oldest || c->job[i].sent_ms < oldest->sent_ms))
                oldest = &c->job[i];
        oldest->alone = true;
        fail_job(c, oldest, "its answer is missing, others came");
    }
}

static void jobs_on_timer(uv_timer_t *timer)
{
    struct command *c = timer->data;
    jobs_check(c);
    command_dispatch(c);
}

void command_dispatch(struct command *c)
{
    struct command_job *j;
    int64_t now = clock_ms(), due = -1;
    bool lost;
    if (c->life && c->asked > 0 && c->flying == 0 && (j = next_job(c)) && j->tries == TRIES_MAX - 1)
        rest(c);
    if (!c->life && now >= c->start_ms && next_job(c))
        jobs_start(c);
    while (c->life && c->flying < c->window && !one_is_alone(c) && (j = next_job(c)) != NULL &&
           !((j->alone || is_suspect(c, j)) && c->flying > 0))
        if (is_suspect(c, j) && c->control_len > 0)
            fly_control(c);
        else
            fly(c, j);
    due = c->life ? overdue_at(c, &lost) : next_job(c) ? c->start_ms : -1;
    if (due >= 0)
        uv_timer_start(c->timer, jobs_on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
    else
        uv_timer_stop(c->timer);
}
