/* SPDX-License-Identifier: MIT */
/* command.c - a program of the user as annotator: one JSON line per question on its stdin, one per
 * answer on its stdout, in any order; see command_impl.h.
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
 * failed three times, and between each two of these the program has labelled others. So one
 * question that a program chokes on cannot take others with it, and a program that does not work
 * settles nothing, whatever it did before. Only what is exactly an answer becomes a label. */
#include "reward_server/annotators/command/command_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum { COMMAND_JOBS_MAX = 1024, PAUSE_MAX_S = 60, PATIENCE_MS = 1000, FAILURES_AWAY = 3 };
enum { STRANGE_EVERY_MS = 10000, DEATHS_EVERY_MS = 10000, ABSTAINED_TOLD = 8 };
enum { TRIES_MAX = 3, OTHERS_BETWEEN = 4 };       /* when a question is given up */
enum { UNUSABLE_IN_A_ROW = 8, HISTORY_MAX = 20 }; /* when a life is */

enum command_state { COMMAND_FREE, COMMAND_WAITING, COMMAND_FLYING };

struct command_job {
    enum command_state state;
    uint64_t ticket, order, id; /* id: of the last time it was asked */
    int64_t sent_ms;
    int vote, tries;      /* tries: failures that count */
    uint64_t labels_then; /* that others had when it failed last */
    bool alone;           /* never beside another one; after two failures first thing in a life */
    size_t len;
    char question[LABEL_QUESTION_MAX];
};

struct command_ready {
    uint64_t ticket;
    enum label_state state;
    double label, confidence;
    char raw[LABEL_RAW_MAX];
};

extern const struct annotator_vtable annotator_command;

struct command {
    struct annotator base;
    const struct goal *goal;
    uv_loop_t *loop;
    uv_timer_t *timer;
    void (*wake)(void *ctx);
    void *wake_ctx;
    char line[CONFIG_STR_MAX + 8], model[64], parameters[128];
    int window;
    int64_t timeout_ms;
    double backoff_s;

    struct life *life; /* NULL: none, until start_ms */
    int64_t start_ms, heard_ms;
    int64_t asked, answers;     /* in this life; answers: labels and abstentions */
    uint64_t labels, abstained; /* in all lives */
    int unusable;               /* answers in a row that were none */
    uint32_t history;           /* of this life, newest in bit 0, 1 = no answer */
    int nhistory;
    int failures;                   /* lives in a row without an answer */
    char why[400];                  /* what is wrong, "" when all is well */
    char strange[200], reason[160]; /* reason: of the last abstention */
    int64_t strange_said, deaths_said;

    struct command_job job[COMMAND_JOBS_MAX];
    struct command_ready ready[COMMAND_JOBS_MAX];
    int flying, ready_head, nready;
    uint64_t orders, ids;
};

static void dispatch(struct command *c);

static struct command *self(struct annotator *a)
{
    return (struct command *)a;
}

static const struct command *cself(const struct annotator *a)
{
    return (const struct command *)a;
}

/* --- answers to the server ------------------------------------------------------------------- */

static void settle(struct command *c, struct command_job *j, enum label_state state, double label,
                   double confidence, const char *raw)
{
    ONIC_ASSERT(c->nready < COMMAND_JOBS_MAX);
    struct command_ready *r = &c->ready[(c->ready_head + c->nready++) % COMMAND_JOBS_MAX];
    *r = (struct command_ready){
        .ticket = j->ticket, .state = state, .label = label, .confidence = confidence};
    snprintf(r->raw, sizeof r->raw, "%s", raw);
    c->labels += state == LABEL_ANSWERED;
    c->flying -= j->state == COMMAND_FLYING;
    j->state = COMMAND_FREE;
    c->wake(c->wake_ctx);
}

/* It was not answered: later, or never where others were meanwhile. */
static void fail_job(struct command *c, struct command_job *j, const char *why)
{
    char raw[LABEL_RAW_MAX];
    if (j->tries == 0 || c->labels - j->labels_then >= OTHERS_BETWEEN) {
        j->tries++;
        j->labels_then = c->labels;
    }
    if (j->tries >= TRIES_MAX) {
        snprintf(raw, sizeof raw,
                 "abstained: it failed %d times while others were labelled: %.380s", j->tries, why);
        settle(c, j, LABEL_ABSTAINED, 0, 0, raw);
        return;
    }
    c->flying--;
    j->state = COMMAND_WAITING;
    j->order = c->orders++;
}

/* --- lives ----------------------------------------------------------------------------------- */

/* Why the life is over, with what the program itself says of it: people see nothing else of it. */
static void set_why(struct command *c, const char *why)
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
    set_why(c, why);
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
    dispatch(c);
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
        c->answers++;
        c->why[0] = '\0';
        if (a.state == LABEL_ABSTAINED) {
            c->abstained++;
            life_printable(c->reason, sizeof c->reason, a.raw, strlen(a.raw));
        }
        note_outcome(c, false);
        settle(c, j, a.state, a.label, a.confidence, a.raw);
    } else {
        take_unusable(c, j, a.why, line, len);
    }
    dispatch(c);
}

static void start(struct command *c)
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

/* The oldest that waits. */
static struct command_job *next_job(struct command *c)
{
    struct command_job *found = NULL;
    for (int i = 0; i < COMMAND_JOBS_MAX; i++) {
        struct command_job *j = &c->job[i];
        if (j->state == COMMAND_WAITING && (!found || j->order < found->order))
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
static void check(struct command *c)
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

static void on_timer(uv_timer_t *timer)
{
    struct command *c = timer->data;
    check(c);
    dispatch(c);
}

static void dispatch(struct command *c)
{
    struct command_job *j;
    int64_t now = clock_ms(), due = -1;
    bool lost;
    if (c->life && c->asked > 0 && c->flying == 0 && (j = next_job(c)) && j->tries == TRIES_MAX - 1)
        rest(c);
    if (!c->life && now >= c->start_ms && next_job(c))
        start(c);
    while (c->life && c->flying < c->window && !one_is_alone(c) && (j = next_job(c)) != NULL &&
           !(j->alone && c->flying > 0))
        fly(c, j);
    due = c->life ? overdue_at(c, &lost) : next_job(c) ? c->start_ms : -1;
    if (due >= 0)
        uv_timer_start(c->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
    else
        uv_timer_stop(c->timer);
}

/* --- the vtable ------------------------------------------------------------------------------ */

static bool command_varies(const struct config *config)
{
    (void)config; /* a program may use the number of the vote */
    return true;
}

static bool command_paid(const struct config *config)
{
    (void)config;
    return true;
}

/* The hash comes first: texts of identities are cut. */
static void set_identity(struct command *c, const struct config *config)
{
    const char *line = config->command_run;
    if (strlen(line) < sizeof c->model)
        snprintf(c->model, sizeof c->model, "%.63s", line);
    else
        snprintf(c->model, sizeof c->model, "%.40s..%016llx", line,
                 (unsigned long long)XXH3_64bits(line, strlen(line)));
    snprintf(c->parameters, sizeof c->parameters, "%08x version=%.60s",
             (unsigned)XXH3_64bits(line, strlen(line)), config->command_version);
}

static int command_create(struct annotator **out, const struct annotator_setup *setup,
                          struct onic_err *err)
{
    const struct config *config = setup->config;
    int rc = command_available(config, err);
    if (rc != ONIC_OK)
        return rc;
    struct command *c = xcalloc(1, sizeof *c);
    ONIC_ASSERT(setup->loop != NULL);
    c->base.v = &annotator_command;
    c->goal = setup->goal;
    c->loop = setup->loop;
    c->wake = setup->wake;
    c->wake_ctx = setup->wake_ctx;
    c->window = (int)config->command_window;
    c->timeout_ms = (int64_t)(config->command_timeout_s * 1000);
    c->backoff_s = config->command_backoff_s;
    snprintf(c->line, sizeof c->line, "%s%s", command_is_simple(config->command_run) ? "exec " : "",
             config->command_run);
    set_identity(c, config);
    c->timer = xcalloc(1, sizeof *c->timer);
    uv_timer_init(c->loop, c->timer);
    c->timer->data = c;
    *out = &c->base;
    return ONIC_OK;
}

static void close_timer(uv_handle_t *h)
{
    free(h);
}

static void command_free(struct annotator *a)
{
    if (!a)
        return;
    struct command *c = self(a);
    if (c->life)
        life_end(c->life, PATIENCE_MS);
    uv_close((uv_handle_t *)c->timer, close_timer);
    free(c);
}

static void command_identity(const struct annotator *a, const char **model, const char **parameters)
{
    *model = cself(a)->model;
    *parameters = cself(a)->parameters;
}

static int command_window(const struct annotator *a)
{
    return cself(a)->window;
}

static void command_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                           int vote)
{
    struct command *c = self(a);
    int i = 0;
    while (i < COMMAND_JOBS_MAX && c->job[i].state != COMMAND_FREE)
        i++;
    ONIC_ASSERT(i < COMMAND_JOBS_MAX && len <= LABEL_QUESTION_MAX);
    struct command_job *j = &c->job[i];
    *j = (struct command_job){
        .state = COMMAND_WAITING, .ticket = ticket, .order = c->orders++, .vote = vote, .len = len};
    memcpy(j->question, question, len);
    if (c->goal->no_preference)
        settle(c, j, LABEL_ANSWERED, question_kind_of(question, len) == QUESTION_PAIR ? 0.5 : 0, 1,
               "no preference");
    else
        dispatch(c);
}

static int command_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct command *c = self(a);
    int n = 0;
    for (; c->nready > 0; n++) {
        struct command_ready *r = &c->ready[c->ready_head];
        c->ready_head = (c->ready_head + 1) % COMMAND_JOBS_MAX;
        c->nready--;
        struct annotator_answer out = {.ticket = r->ticket,
                                       .state = r->state,
                                       .label = r->label,
                                       .confidence = r->confidence,
                                       .raw = r->raw};
        done(ctx, &out);
    }
    return n;
}

static int64_t command_due_ms(const struct annotator *a)
{
    (void)a;
    return -1;
}

static int command_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct command *c = self(a);
    int n = 0;
    for (int i = 0; i < COMMAND_JOBS_MAX; i++)
        if (c->job[i].state == COMMAND_WAITING) {
            c->job[i].state = COMMAND_FREE;
            taken(ctx, c->job[i].ticket);
            n++;
        }
    return n;
}

/* Away in the pauses between lives of which several in a row answered nothing. */
static enum annotator_health command_health(const struct annotator *a)
{
    const struct command *c = cself(a);
    if (c->failures < FAILURES_AWAY || (c->life && c->answers > 0))
        return ANNOTATOR_WELL;
    return !c->life && clock_ms() < c->start_ms ? ANNOTATOR_AWAY : ANNOTATOR_TRYING;
}

/* A program that abstains from everything gives no label either: as long as it has given none. */
static int command_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    const struct command *c = cself(a);
    (void)err;
    text[0] = '\0';
    if (*c->why)
        snprintf(text, 160, "the program is started again: %.128s", c->why);
    else if (c->labels == 0 && c->abstained >= ABSTAINED_TOLD)
        snprintf(text, 160, "the program has %.98s (%llu times, never a label)", c->reason,
                 (unsigned long long)c->abstained);
    return ONIC_OK;
}

const struct annotator_vtable annotator_command = {
    .id = "command",
    .summary = "a program of yours: JSON lines on its stdin and stdout",
    .kinds = 1u << QUESTION_CLASS | 1u << QUESTION_PAIR | 1u << QUESTION_SCORE,
    .available = command_available,
    .varies = command_varies,
    .paid = command_paid,
    .create = command_create,
    .free = command_free,
    .identity = command_identity,
    .window = command_window,
    .submit = command_submit,
    .poll = command_poll,
    .due_ms = command_due_ms,
    .cancel = command_cancel,
    .health = command_health,
    .status = command_status,
};
