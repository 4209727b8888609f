/* SPDX-License-Identifier: MIT */
/* server.c - one libuv loop between socket, queue, annotator and store.
 *
 *   ask -> known? -> answer from the store
 *            no -> queue -> [intent durable] -> annotator -> label durable -> delivered to all
 *
 * Order is the promise: a label is on disk before a client hears of it, and an intent before the
 * annotator sees a question whose answer costs time or money; one that answers at once needs no
 * intent. Answers are collected for GROUP_WAIT_MS and committed as one group. A client that is gone
 * or full is not waited for: it asks again and is answered from the store.
 *
 * When the disk does not take a label: stop asking (never pay for what cannot be kept), keep what
 * was answered in memory, keep answering known questions, try a small commit every 10 s and when a
 * drain begins, give up after a grace of 15 minutes, or when a drain finds no room, with exit code
 * 74.
 *
 * The ZeroMQ descriptor is edge-triggered: it may stay silent although messages wait, so the socket
 * is drained after every readable event, after every send and on every tick. */
#include "reward_server/server_impl.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"

/* why: NULL = all is well. Of two reasons the first counts: a drain may come behind a failure. */
static void server_quit(struct server *s, const struct onic_err *why)
{
    if (why && !s->result) {
        s->result = why->code;
        if (s->err)
            *s->err = *why;
    }
    uv_stop(&s->loop);
}

/* --- the store ------------------------------------------------------------------------- */

/* A failed write: pause, or end when the store itself is damaged, or not there any more. */
static void store_failed(struct server *s, const struct onic_err *why)
{
    if (why->code == ONIC_EDAMAGED || why->code == ONIC_ECANTCREATE) {
        server_quit(s, why);
        return;
    }
    s->full_why = *why;
    if (!s->full_since) {
        s->full_since = clock_ms();
        log_error("labels cannot be kept: asking stops until the store can be written again",
                  kv("why", (const char *)why->msg));
        s->probe_at = s->full_since + PROBE_MS; /* not put off by reads that fail meanwhile */
    }
}

/* kind: found in the store, handed to the annotator, or sent. */
static void trace_labels(const struct server *s, enum trace_kind kind, const struct label *l, int n)
{
    uint64_t identity =
        trace_on ? trace_hash(s->identity.identity, strlen(s->identity.identity)) : 0;
    for (int i = 0; i < n && trace_on; i++)
        trace_write(&(struct trace_event){.kind = (uint16_t)kind,
                                          .incarnation = identity,
                                          .seq = trace_hash(l[i].question, l[i].question_len),
                                          .version = l[i].id,
                                          .n = trace_value(l[i].value),
                                          .reason = (uint16_t)l[i].state});
}

/* Before labels go out: a client that comes back compares what it has with what it is told. */
static void tell_store(struct server *s, uint64_t newest_id)
{
    s->counts.last_id = newest_id > s->counts.last_id ? newest_id : s->counts.last_id;
    wire_labels_server_store(s->socket, s->counts.store, s->counts.last_id);
}

static void deliver_row(struct server *s, uint64_t client, const struct label_row *row)
{
    struct label label = row->label;
    trace_labels(s, TRACE_STORED, &label, 1);
    trace_labels(s, TRACE_DELIVERED, &label, 1);
    label_origin(s->annotators, label.raw, label.source);
    tell_store(s, label.id);
    if (wire_labels_server_send(s->socket, client, &label, 1) && !row->delivered)
        label_store_delivered(s->store, label.id);
}

/* What an answer takes, from being handed to the annotator: a moving average over the last ones. */
static void note_latency(struct server *s, double asked_at)
{
    double took_s = clock_wall_s() - asked_at;
    if (took_s >= 0) /* the clock may have been set */
        s->latency_s = s->latency_s < 0 ? took_s : s->latency_s + 0.05 * (took_s - s->latency_s);
}

/* Makes the collected answers durable, then sends them to everybody. False: the disk did not take
 * them, they are still there. */
static bool keep_answers(struct server *s)
{
    struct label *label = s->commit;
    struct onic_err err = {0};
    int n = s->nanswers;
    if (n == 0)
        return true;
    s->committed_ms = clock_ms();
    for (int i = 0; i < n; i++) {
        const struct annotator_answer *a = &s->answers[i];
        struct label *l = &label[i];
        *l = annotator_answer_label(a);
        l->asked_at = annotation_queue_asked_at(s->queue, a->ticket);
        l->question = annotation_queue_question(s->queue, a->ticket, &l->question_len);
        label_origin(s->annotators, l->raw, l->source);
    }
    if (label_store_answer(s->store, label, n, &err) != ONIC_OK) {
        store_failed(s, &err);
        return false;
    }
    for (int i = 0; i < n; i++) {
        bool answered = label[i].state == LABEL_ANSWERED;
        note_latency(s, label[i].asked_at);
        s->counts.answered += answered;
        s->counts.abstained += !answered;
        tell_store(s, label[i].id);
    }
    trace_labels(s, TRACE_DELIVERED, label, n);
    if (wire_labels_server_send(s->socket, 0, label, n))
        for (int i = 0; i < n; i++)
            label_store_delivered(s->store, label[i].id);
    for (int i = 0; i < n; i++)
        annotation_queue_done(s->queue, s->answers[i].ticket);
    s->nanswers = 0;
    return true;
}

static void commit_answers(struct server *s)
{
    if (!s->full_since)
        keep_answers(s);
}

/* --- asking ---------------------------------------------------------------------------- */

static void take_answer(void *ctx, uint64_t ticket, const struct label *label)
{
    struct server *s = ctx;
    if (s->nanswers == GROUP_MAX)
        commit_answers(s);
    /* the window bounds what is in flight while the disk is full */
    ONIC_ASSERT(s->nanswers < GROUP_MAX);
    annotator_answer_keep(&s->answers[s->nanswers++], ticket, label);
}

static int server_window(const struct server *s)
{
    int n = s->annotator->v->window(s->annotator);
    return n < GROUP_MAX ? n : GROUP_MAX;
}

static void on_group(uv_timer_t *timer);
static void on_due(uv_timer_t *timer);

/* Runs the whole round again when the pause between commits is over. */
static void server_run_round_later(struct server *s, int64_t since_ms)
{
    int64_t wait = since_ms + GROUP_WAIT_MS - clock_ms();
    if (!uv_is_active((uv_handle_t *)&s->group))
        uv_timer_start(&s->group, on_group, wait > 0 ? (uint64_t)wait : 0, 0);
}

/* Hands n questions to the annotator. */
static void server_submit(struct server *s, int n)
{
    for (int i = 0; i < n; i++) {
        const struct label *l = &s->asked[i];
        if (label_is_settled(l->state)) /* the client asks again and hears the stored label */
            annotation_queue_done(s->queue, s->ticket[i]);
        else {
            trace_labels(s, TRACE_ASKED, l, 1);
            s->annotator->v->submit(s->annotator, s->ticket[i], l->question, l->question_len, 0);
        }
    }
}

/* One commit of intents serves many: half a window, or what came within GROUP_WAIT_MS. Half a
 * window may never be free: an annotator may keep questions that wait for a better time. */
static bool is_group(struct server *s, int waiting, int room)
{
    if (room <= 0)
        return false;
    if ((room >= (server_window(s) + 1) / 2 && waiting >= room) ||
        clock_ms() - s->asked_ms >= GROUP_WAIT_MS)
        return true;
    server_run_round_later(s, s->asked_ms);
    return false;
}

static bool keeps_intents(const struct server *s)
{
    return s->effort != ANNOTATOR_AT_ONCE;
}

/* Fills the annotator's window: where answers are not there at once one durable group of intents,
 * then the questions. */
static void server_ask(struct server *s)
{
    struct onic_err err = {0};
    struct annotation_queue_numbers now = annotation_queue_numbers(s->queue);
    int room = server_window(s) - (int)now.in_flight, n = 0;
    if (s->draining || s->full_since || now.waiting == 0)
        return;
    if (keeps_intents(s) && !is_group(s, (int)now.waiting, room))
        return;
    while (n < room) {
        struct label *l = &s->asked[n];
        *l = (struct label){.state = LABEL_UNKNOWN};
        if (!annotation_queue_take(s->queue, &s->ticket[n], &l->question, &l->question_len))
            break;
        n++;
    }
    if (!keeps_intents(s)) {
        server_submit(s, n);
        return;
    }
    s->asked_ms = clock_ms();
    if (label_store_ask(s->store, s->asked, n, s->effort == ANNOTATOR_MAY_COST, &err) == ONIC_OK) {
        server_submit(s, n);
        return;
    }
    for (int i = n - 1; i >= 0; i--)
        annotation_queue_return(s->queue, s->ticket[i]);
    store_failed(s, &err);
}

static void server_ask_and_arm_due(struct server *s)
{
    server_ask(s);
    if (s->full_since && s->nanswers) /* nothing is polled: the tick goes on with it */
        return;
    int64_t due = s->annotator->v->due_ms(s->annotator);
    if (due < 0)
        return;
    if (due < s->committed_ms + GROUP_WAIT_MS)
        due = s->committed_ms + GROUP_WAIT_MS;
    int64_t wait = due - clock_ms(); /* never 0: libuv would not leave its timers */
    uint64_t ms = wait > 1 ? (uint64_t)wait : 1;
    if (!uv_is_active((uv_handle_t *)&s->due) || uv_timer_get_due_in(&s->due) > ms)
        uv_timer_start(&s->due, on_due, ms, 0); /* messages must not push it ahead of them */
}

/* --- receiving ------------------------------------------------------------------------- */

static void server_receive_one(struct server *s, const struct wire_labels_ask *ask)
{
    struct label_row row;
    struct onic_err err = {0};
    struct question q;
    if (!question_split(ask->question, ask->question_len, &q) ||
        !(s->identity.kinds & 1u << q.kind)) /* WELCOME has said what is answered */
        return;
    int state = label_store_find(s->store, ask->question, ask->question_len, &row, &err);
    if (state < 0) {
        store_failed(s, &err);
    } else if (label_is_settled((enum label_state)state)) {
        deliver_row(s, ask->client, &row);
    } else if (!s->draining) {
        annotation_queue_put(s->queue, ask->question, ask->question_len);
    }
}

static void on_more(uv_timer_t *timer);

/* Who asks faster than the store is looked at keeps nobody else's answers, nor the end, waiting. */
static void server_receive(struct server *s)
{
    struct wire_labels_ask one;
    int n = 0;
    for (; n < RECEIVE_MAX && wire_labels_server_recv(s->socket, &one); n++)
        server_receive_one(s, &one);
    if (n == RECEIVE_MAX || wire_labels_server_waits(s->socket))
        uv_timer_start(&s->more, on_more, 1, 0); /* never 0: libuv would not leave its timers */
    server_ask_and_arm_due(s);
}

static void on_more(uv_timer_t *timer)
{
    server_receive(timer->data);
}

/* Answers that are there, then the socket: sending may have swallowed its signal. */
static void poll_annotator(struct server *s)
{
    if (!s->full_since || !s->nanswers) { /* they wait in the annotator while the disk is full */
        s->annotator->v->poll(s->annotator, take_answer, s);
        commit_answers(s);
    }
    server_receive(s);
}

/* --- events ---------------------------------------------------------------------------- */

static void server_report(struct server *s)
{
    struct annotation_queue_numbers q = annotation_queue_numbers(s->queue);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    log_info("reward server", kv("labels", s->counts.answered),
             kv("abstained", s->counts.abstained), kv("labels_per_s", s->rate),
             kv("waiting", q.waiting), kv("in_flight", q.in_flight), kv("evicted", q.evicted),
             kv("asked_twice", s->counts.asked_twice),
             kv("maybe_paid_twice", s->counts.maybe_paid_twice),
             kv("rss_mb", (double)use.ru_maxrss / 1024));
}

static void server_put_number(void *ctx, const char *name, double value)
{
    struct wire_labels_server_numbers *n = ctx;
    if (n->nown == WIRE_LABELS_NUMBERS_MAX)
        return;
    struct wire_labels_number *own = &n->own[n->nown++];
    snprintf(own->name, sizeof own->name, "%s", name);
    own->value = value;
}

/* Why no label comes now, "" for nothing. */
static const char *not_ready(const struct server *s)
{
    if (s->draining)
        return "the server is ending: it drains";
    if (s->full_since)
        return "labels cannot be kept: the store cannot be written";
    return s->said_now;
}

/* What machines are told: the store's counts, the queue, and the annotator's own numbers. */
static void tell_monitor(struct server *s, const struct wire_labels_server_numbers *n)
{
    char name[REWARD_MONITOR_NAME_MAX];
    reward_monitor_begin(s->monitor);
    reward_monitor_put(s->monitor, "server/answered", (double)n->labels_total);
    reward_monitor_put(s->monitor, "server/abstained", (double)n->abstained_total);
    reward_monitor_put(s->monitor, "server/labels_per_s", n->labels_per_s);
    reward_monitor_put(s->monitor, "server/backlog", (double)n->backlog);
    reward_monitor_put(s->monitor, "server/in_flight", (double)n->in_flight);
    reward_monitor_put(s->monitor, "server/evicted", (double)n->evicted);
    reward_monitor_put(s->monitor, "server/asked_twice", (double)n->asked_twice);
    reward_monitor_put(s->monitor, "server/maybe_paid_twice", (double)n->maybe_paid_twice);
    reward_monitor_put(s->monitor, "server/rx_bad", (double)wire_labels_server_bad(s->socket));
    reward_monitor_put(s->monitor, "server/annotator_ready", !s->said_now[0]);
    reward_monitor_put(s->monitor, "server/store_writable", !s->full_since);
    reward_monitor_put(s->monitor, "server/draining", s->draining);
    for (int i = 0; i < n->nown; i++) {
        snprintf(name, sizeof name, "annot/%.50s", n->own[i].name);
        reward_monitor_put(s->monitor, name, n->own[i].value);
    }
    reward_monitor_end(s->monitor, not_ready(s));
}

static void tell_numbers(struct server *s)
{
    struct annotation_queue_numbers q = annotation_queue_numbers(s->queue);
    struct wire_labels_server_numbers n = {.labels_total = s->counts.answered,
                                           .abstained_total = s->counts.abstained,
                                           .backlog = q.waiting,
                                           .in_flight = q.in_flight,
                                           .asked_twice = s->counts.asked_twice,
                                           .maybe_paid_twice = s->counts.maybe_paid_twice,
                                           .evicted = q.evicted,
                                           .labels_per_s = s->rate};
    snprintf(n.status, sizeof n.status, "%s", s->said_now);
    server_put_number(&n, "cpu_s", (double)clock_process_cpu_ns() * 1e-9);
    server_put_number(&n, "backlog_age_s", annotation_queue_age_s(s->queue));
    if (s->latency_s >= 0)
        server_put_number(&n, "latency_s", s->latency_s);
    if (s->annotator->v->report)
        s->annotator->v->report(s->annotator, server_put_number, &n);
    wire_labels_server_numbers(s->socket, &n);
    tell_monitor(s, &n);
}

static void server_measure(struct server *s)
{
    int64_t now = clock_ms();
    uint64_t answered = s->counts.answered + s->counts.abstained;
    if (now - s->rate_at >= 2000) {
        double seconds = (double)(now - s->rate_at) / 1000;
        s->rate = (double)(answered - s->rate_answered) / seconds;
        s->rate_answered = answered;
        s->rate_at = now;
        label_store_counters(s->store, &s->counts, NULL);
    }
    if (now - s->reported_at >= REPORT_MS) {
        s->reported_at = now;
        server_report(s);
    }
}

/* The disk took no labels. If it does now, what waits in memory is kept. */
static bool store_is_back(struct server *s)
{
    struct onic_err err = {0};
    int64_t now = clock_ms();
    s->probe_at = now + PROBE_MS;
    if (label_store_probe(s->store, &err) != ONIC_OK) {
        if (err.code == ONIC_ECANTCREATE)
            store_failed(s, &err);
        s->full_why = err;
        return false;
    }
    if (!keep_answers(s))
        return false;
    log_info("the label store can be written again", kv("after_s", (now - s->full_since) / 1000));
    s->full_since = 0;
    return true;
}

static void server_check_disk(struct server *s)
{
    int64_t now = clock_ms();
    if (!s->full_since || now < s->probe_at || store_is_back(s) ||
        now - s->full_since < FULL_GRACE_MS)
        return;
    struct onic_err err;
    err_set(&err, ONIC_EIO, "labels could not be kept for %d minutes: %.800s",
            FULL_GRACE_MS / 60000, s->full_why.msg);
    server_quit(s, &err);
}

static void server_check_annotator(struct server *s)
{
    char text[160];
    struct onic_err err = {0};
    int rc = s->annotator->v->status(s->annotator, text, &err);
    snprintf(s->said_now, sizeof s->said_now, "%.159s", !rc ? text : err.msg);
    if (rc) {
        err.code = rc;
        server_quit(s, &err);
    } else if (strncmp(text, s->said, 8) !=
               0) { /* the first words tell the phase, numbers follow */
        if (*text && !label_annotator_is_starting(text))
            log_warn("annotator", kv("status", (const char *)text));
        else
            log_info("annotator", kv("status", *text ? (const char *)text : "ready"));
        snprintf(s->said, sizeof s->said, "%s", text);
    }
}

static void check_drain(struct server *s)
{
    if (!s->draining)
        return;
    if (s->full_since) /* what failed once may have passed: these answers were paid for */
        store_is_back(s);
    struct annotation_queue_numbers q = annotation_queue_numbers(s->queue);
    if (q.in_flight == 0 || clock_ms() >= s->drain_until || s->full_since) {
        server_report(s);
        server_quit(s, NULL);
    }
}

void server_on_tick(uv_timer_t *timer)
{
    struct server *s = timer->data;
    server_check_disk(s);
    server_check_annotator(s);
    server_measure(s);
    tell_numbers(s);
    wire_labels_server_tick(s->socket);
    poll_annotator(s);
    check_drain(s);
}

static void on_due(uv_timer_t *timer)
{
    poll_annotator(timer->data);
}

static void on_group(uv_timer_t *timer)
{
    struct server *s = timer->data;
    poll_annotator(s);
    check_drain(s);
}

void server_on_wake(uv_async_t *async)
{
    struct server *s = async->data;
    server_run_round_later(s, s->committed_ms);
}

void server_on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    server_receive(poll->data);
}

/* What the annotator has not begun. */
struct taken_back {
    struct server *s;
    int n; /* in s->asked and s->ticket */
};

/* Their intents go in one commit: a window may be hundreds of questions, and a drain is short. */
static void forget_intents(struct taken_back *t)
{
    struct server *s = t->s;
    if (keeps_intents(s) && !s->full_since && t->n > 0)
        label_store_forget(s->store, s->asked, t->n, NULL);
    for (int i = 0; i < t->n; i++)
        annotation_queue_done(s->queue, s->ticket[i]);
    t->n = 0;
}

static void server_take_back(void *ctx, uint64_t ticket)
{
    struct taken_back *t = ctx;
    struct server *s = t->s;
    if (t->n == GROUP_MAX)
        forget_intents(t);
    struct label *l = &s->asked[t->n];
    *l = (struct label){.state = LABEL_ASKED};
    l->question = annotation_queue_question(s->queue, ticket, &l->question_len);
    s->ticket[t->n++] = ticket;
}

static void server_drain(struct server *s)
{
    if (s->draining) { /* asked a second time: now */
        server_quit(s, NULL);
        return;
    }
    s->draining = true;
    s->drain_until = clock_ms() + DRAIN_MS;
    if (s->full_since) /* there may be room since the last look */
        store_is_back(s);
    struct taken_back taken = {.s = s};
    s->annotator->v->cancel(s->annotator, server_take_back, &taken);
    forget_intents(&taken);
    poll_annotator(s);
    struct annotation_queue_numbers q = annotation_queue_numbers(s->queue);
    log_info("draining", kv("in_flight", q.in_flight), kv("not_asked", q.waiting));
    check_drain(s);
}

void server_on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    server_drain(signal->data);
}

void server_on_stop(uv_async_t *async)
{
    server_drain(async->data);
}
