/* SPDX-License-Identifier: MIT */
/* command.c - a program of the user as annotator: one JSON line per question on its stdin, one per
 * answer on its stdout, in any order; see command_impl.h. Here is the vtable. */
#include "reward_server/annotators/command/command_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"

enum { PATIENCE_MS = 1000, FAILURES_AWAY = 3, ABSTAINED_TOLD = 8 };

extern const struct annotator_vtable annotator_command;

static struct command *command_self(struct annotator *a)
{
    return (struct command *)a;
}

static const struct command *command_cself(const struct annotator *a)
{
    return (const struct command *)a;
}

static bool command_varies(const struct config *config)
{
    (void)config; /* a program may use the number of the vote */
    return true;
}

static enum annotator_effort command_effort(const struct config *config)
{
    (void)config;
    return ANNOTATOR_MAY_COST;
}

static int command_available(const struct config *config, struct onic_err *err)
{
    if (strlen(config->command_version) > COMMAND_VERSION_MAX)
        return err_set(err, ONIC_ECONFIG, "command.version is longer than %d bytes",
                       COMMAND_VERSION_MAX);
    return command_check_program(config->command_run, err);
}

/* The hash comes first: texts of identities are cut. */
static void command_set_identity(struct command *c, const struct config *config)
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
    if (rc)
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
    command_set_identity(c, config);
    c->timer = xcalloc(1, sizeof *c->timer);
    uv_timer_init(c->loop, c->timer);
    c->timer->data = c;
    *out = &c->base;
    return ONIC_OK;
}

static void command_close_timer(uv_handle_t *h)
{
    free(h);
}

static void command_free(struct annotator *a)
{
    if (!a)
        return;
    struct command *c = command_self(a);
    if (c->life)
        life_end(c->life, PATIENCE_MS);
    uv_close((uv_handle_t *)c->timer, command_close_timer);
    free(c);
}

static void command_identity(const struct annotator *a, const char **model, const char **parameters)
{
    *model = command_cself(a)->model;
    *parameters = command_cself(a)->parameters;
}

static int command_window(const struct annotator *a)
{
    return command_cself(a)->window;
}

static void command_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                           int vote)
{
    struct command *c = command_self(a);
    int i = 0;
    while (i < COMMAND_JOBS_MAX && c->job[i].state != COMMAND_FREE)
        i++;
    ONIC_ASSERT(i < COMMAND_JOBS_MAX && len <= QUESTION_MAX);
    struct command_job *j = &c->job[i];
    *j = (struct command_job){
        .state = COMMAND_WAITING, .ticket = ticket, .order = c->orders++, .vote = vote, .len = len};
    memcpy(j->question, question, len);
    if (c->goal->no_preference)
        command_settle(
            c, j,
            &(struct label){.state = LABEL_ANSWERED,
                            .value = question_kind_of(question, len) == QUESTION_PAIR ? 0.5 : 0,
                            .confidence = 1,
                            .raw = "no preference"});
    else
        command_dispatch(c);
}

static int command_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct command *c = command_self(a);
    int n = 0;
    for (; c->nready > 0; n++) {
        const struct annotator_answer *r = &c->ready[c->ready_head];
        struct label label = annotator_answer_label(r);
        c->ready_head = (c->ready_head + 1) % COMMAND_JOBS_MAX;
        c->nready--;
        done(ctx, r->ticket, &label);
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
    struct command *c = command_self(a);
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
    const struct command *c = command_cself(a);
    if (c->failures < FAILURES_AWAY || (c->life && c->answers > 0))
        return ANNOTATOR_AVAILABLE;
    return !c->life && clock_ms() < c->start_ms ? ANNOTATOR_UNAVAILABLE : ANNOTATOR_PROBING;
}

/* A program that abstains from everything gives no label either: as long as it has given none. */
static int command_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    const struct command *c = command_cself(a);
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
    .effort = command_effort,
    .may_worsen = true,
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
