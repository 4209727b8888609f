/* SPDX-License-Identifier: MIT */
/* labels_annotate.c - see labels_annotate.h.
 *
 * Nothing is new here but the questions: labels are durable before they are counted, what is
 * answered is never asked again, so breaking off costs nothing and calling again goes on. Pairs are
 * asked in groups, each when the one before is answered, so that memory stays bounded and a signal
 * is obeyed within a group. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/wire/labels/labels.h"
#include "deploy/cli/labels_annotate.h"
#include "reward_server/server.h"

enum { GROUP = 1024, PROGRESS_MS = 2000, POLL_MS = 50 };

struct serving {
    struct server *server;
    pthread_t thread;
    atomic_bool ended;
    int rc;
    struct onic_err err;
};

static void *labels_annotate_serve(void *arg)
{
    struct serving *s = arg;
    s->rc = server_run(s->server, &s->err);
    atomic_store(&s->ended, true);
    return NULL;
}

struct asking {
    struct serving *serving;
    const struct annotate_plan *plan;
    unsigned at; /* pairs read */
    struct wire_labels_client *client;
    int total, in_group;
    uint64_t labels, abstained;
    int64_t start_ms, shown_ms;
    bool broken_off;
};

static void labels_annotate_show(struct asking *a)
{
    double s = (double)(clock_ms() - a->start_ms) * 1e-3;
    uint64_t done = a->labels + a->abstained;
    double rate = s > 0 ? (double)done / s : 0, left = (double)a->total - (double)done;
    log_say(LOG_INFO, "annotate",
            "%" PRIu64 " of %d questions, %" PRIu64 " without an answer, %.1f/s, ETA %.0f s", done,
            a->total, a->abstained, rate, rate > 0 && left > 0 ? left / rate : 0.0);
}

/* Until every question of the group has an answer, or the server ended. */
static void finish_group(struct asking *a)
{
    struct wire_labels_client_status st;
    struct label l;
    do {
        wire_labels_client_poll(a->client, POLL_MS);
        while (wire_labels_client_next(a->client, &l))
            *(l.state == LABEL_ANSWERED ? &a->labels : &a->abstained) += 1;
        wire_labels_client_status(a->client, &st);
        if (clock_ms() - a->shown_ms > PROGRESS_MS) {
            a->shown_ms = clock_ms();
            if (st.waiting_for[0])
                log_say(LOG_INFO, "annotate", "waiting for %s", st.waiting_for);
            labels_annotate_show(a);
        }
        a->broken_off = atomic_load(&a->serving->ended);
    } while (!a->broken_off && st.outstanding + st.waiting > 0);
    a->in_group = 0;
}

static void labels_annotate_ask(void *ctx, const char *question, size_t len)
{
    struct asking *a = ctx;
    if (a->broken_off || a->at++ % a->plan->of != a->plan->chunk - 1)
        return;
    wire_labels_client_ask(a->client, question, len);
    if (++a->in_group == GROUP)
        finish_group(a);
}

static void labels_annotate_count(void *ctx, const char *question, size_t len)
{
    struct annotate_plan *plan = ctx;
    plan->total++;
    plan->kinds |= 1u << question_kind_of(question, len);
}

static int ask_all(struct serving *s, const struct annotate_plan *plan, struct onic_err *err)
{
    struct asking a = {.serving = s, .plan = plan, .start_ms = clock_ms()};
    a.total = (int)(((unsigned)plan->total + plan->of - plan->chunk) / plan->of);
    a.shown_ms = a.start_ms;
    int rc = wire_labels_client_create(&a.client, server_address(s->server), NULL, NULL, err);
    if (rc)
        return rc;
    wire_labels_client_wait_for_all(a.client, true);
    rc = pairs_read(plan->data, NULL, labels_annotate_ask, &a, err);
    if (!rc)
        finish_group(&a);
    labels_annotate_show(&a);
    wire_labels_client_free(a.client);
    if (!rc && a.broken_off && !s->rc)
        log_say(LOG_INFO, "annotate", "stopped; the same command goes on");
    return rc;
}

static int read_chunk(const char *text, struct annotate_plan *out, struct onic_err *err)
{
    char end;
    out->chunk = out->of = 1;
    if (text[0] && (sscanf(text, "%u/%u%c", &out->chunk, &out->of, &end) != 2 || out->chunk < 1 ||
                    out->chunk > out->of || out->of > 100000))
        return err_set(err, ONIC_ECONFIG,
                       "--chunk is '%s', must be i/n with i from 1 to n, for example 1/4", text);
    return ONIC_OK;
}

int labels_annotate_plan(struct annotate_plan *out, const char *data, const char *chunk,
                         struct onic_err *err)
{
    *out = (struct annotate_plan){.data = data};
    int rc = read_chunk(chunk, out, err);
    return rc ? rc : pairs_read(data, out->env_id, labels_annotate_count, out, err);
}

/* Serves and asks until all is answered or the server ends. */
int labels_annotate(const struct annotate_plan *plan, struct server *server, struct onic_err *err)
{
    struct serving s = {.server = server};
    if (pthread_create(&s.thread, NULL, labels_annotate_serve, &s) != 0)
        return err_set(err, ONIC_EIO, "cannot start the thread of the reward server");
    int rc = ask_all(&s, plan, err);
    server_stop(server);
    pthread_join(s.thread, NULL);
    if (s.rc && err)
        *err = s.err;
    return s.rc ? s.rc : rc;
}
