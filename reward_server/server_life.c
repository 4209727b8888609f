/* SPDX-License-Identifier: MIT */
/* server_life.c - opening in the order of what can go wrong for the user, closing in reverse.
 *
 * Goal, annotator and store are opened before the socket: a client that connects finds a server
 * that can answer. The store is opened before the annotator, because what is left of the
 * annotator's first burst depends on the labels that are there; the label identity is known last.
 */
#include "reward_server/server_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/keys/keys.h"
#include "reward_server/label_identity.h"

void server_stop(struct server *s)
{
    uv_async_send(&s->stop);
}

static void wake_loop(void *ctx)
{
    struct server *s = ctx;
    uv_async_send(&s->wake);
}

static bool get_note(void *ctx, const char *name, char out[ANNOTATOR_NOTE_MAX])
{
    struct server *s = ctx;
    return label_store_note(s->store, name, out, ANNOTATOR_NOTE_MAX);
}

static bool put_note(void *ctx, const char *name, const char *text)
{
    struct server *s = ctx;
    return label_store_put_note(s->store, name, text, NULL) == ONIC_OK;
}

static int open_annotator(struct server *s, const struct server_params *p, struct onic_err *err)
{
    const struct annotator_order *o = &p->annotators;
    char note[ONIC_ERR_MSG_MAX];
    int rc = annotator_goal(&s->goal, o, &p->goal, err);
    if (rc)
        return rc;
    if (annotator_goal_is_foreign(o, s->goal, &p->goal, note))
        log_warn(note);
    annotator_names(o, s->annotators);
    s->effort = annotator_effort_of(o);
    snprintf(s->identity.annotator, sizeof s->identity.annotator, "%.31s", s->annotators);
    s->identity.kinds = annotator_kinds(o);
    snprintf(s->identity.goal_version, sizeof s->identity.goal_version, "%s", s->goal->version);
    struct annotator_setup setup = {.goal = s->goal,
                                    .answered_before = s->counts.answered,
                                    .loop = &s->loop,
                                    .store_path = p->store_path,
                                    .notes = {get_note, put_note, s},
                                    .wake = wake_loop,
                                    .wake_ctx = s};
    return annotator_open(&s->annotator, o, &setup, err);
}

static int open_store(struct server *s, const struct server_params *p, struct onic_err *err)
{
    int rc = *p->run_dir ? paths_make_dirs(p->run_dir, err) : ONIC_OK;
    if (!rc)
        rc = label_store_open(&s->store, p->store_path, LABEL_STORE_SERVER, err);
    if (!rc)
        rc = label_store_counts(s->store, &s->counts, err);
    if (!rc)
        trace(STORE, .seq = s->counts.last_id, .version = s->counts.answered);
    return rc;
}

static void put_back(void *ctx, const char *question, size_t len)
{
    struct server *s = ctx;
    annotation_queue_put(s->queue, question, len);
}

static int use_identity(struct server *s, const struct server_params *p, struct onic_err *err)
{
    char goal[LABEL_IDENTITY_GOAL_MAX];
    struct label_identity id;
    label_identity_of(&id, goal, s->annotator, &p->annotators, s->annotators, s->goal);
    snprintf(s->identity.model, sizeof s->identity.model, "%s", id.model);
    snprintf(s->identity.goal, sizeof s->identity.goal, "%s", goal);
    label_identity_text(&id, s->identity.identity);
    int rc = label_store_use(s->store, &id, err);
    if (!rc)
        rc = label_store_unanswered(s->store, p->queue_entries, put_back, s, err);
    if (rc > 0)
        log_info("questions of an earlier life are asked again", kv("captions", rc));
    return rc < 0 ? rc : ONIC_OK;
}

static void server_life_handle(struct server *s, void *uv_handle)
{
    ((uv_handle_t *)uv_handle)->data = s;
}

static int server_life_open_loop(struct server *s, struct onic_err *err)
{
    if (uv_loop_init(&s->loop) != 0)
        return err_set(err, ONIC_EIO, "cannot create an event loop: %s", strerror(errno));
    s->loop_ready = true;
    uv_timer_init(&s->loop, &s->tick);
    uv_timer_init(&s->loop, &s->group);
    uv_timer_init(&s->loop, &s->due);
    uv_timer_init(&s->loop, &s->more);
    for (int i = 0; i < PROCESS_STOPS_MAX; i++) {
        uv_signal_init(&s->loop, &s->stops[i]);
        server_life_handle(s, &s->stops[i]);
    }
    uv_async_init(&s->loop, &s->wake, server_on_wake);
    uv_async_init(&s->loop, &s->stop, server_on_stop);
    void *all[] = {&s->tick, &s->group, &s->due, &s->more, &s->wake, &s->stop};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        server_life_handle(s, all[i]);
    return ONIC_OK;
}

static int server_life_open_socket(struct server *s, const struct server_params *p,
                                   struct onic_err *err)
{
    const struct wire_keys_wish keys = {.folder = p->keys ? p->keys : "",
                                        .self = KEY_REWARD_SERVER,
                                        .address = {p->listen_address}};
    int rc = wire_keys_open(&s->keys, &keys, err);
    if (!rc)
        rc = wire_labels_server_create(&s->socket, p->listen_address, NULL, p->allow_insecure,
                                       s->keys, &s->identity, err);
    if (rc)
        return rc;
    wire_labels_server_store(s->socket, s->counts.store, s->counts.last_id);
    uv_poll_init(&s->loop, &s->readable, wire_labels_server_fd(s->socket));
    server_life_handle(s, &s->readable);
    return ONIC_OK;
}

/* What stops it drains it from here on, also before the loop runs: a server that said that it is
 * ready is stopped as one. Before that a signal ends it, for a start may take long. */
static void server_life_drain_on_stops(struct server *s)
{
    int stops[PROCESS_STOPS_MAX], n = process_stop_signals(stops);
    for (int i = 0; i < n; i++)
        uv_signal_start(&s->stops[i], server_on_signal, stops[i]);
}

int server_create(struct server **out, const struct server_params *params, struct onic_err *err)
{
    struct server *s = xcalloc(1, sizeof *s);
    *out = NULL;
    s->queue = annotation_queue_create((size_t)params->queue_entries, params->queue_bytes,
                                       params->oldest_share);
    int rc = server_life_open_loop(s, err);
    if (!rc) /* first: an address that is taken costs nothing yet */
        rc = reward_monitor_open(&s->monitor, &params->monitor, err);
    if (!rc)
        rc = open_store(s, params, err);
    if (!rc)
        rc = open_annotator(s, params, err);
    if (!rc)
        rc = use_identity(s, params, err);
    if (!rc && params->audit_dir && *params->audit_dir)
        audit_open_in(params->audit_dir, "reward-server");
    if (!rc)
        rc = server_life_open_socket(s, params, err);
    if (!rc)
        rc = reward_monitor_start(s->monitor, err);
    if (rc) {
        server_free(s);
        return rc;
    }
    server_life_drain_on_stops(s);
    log_info("reward server is ready", kv("address", wire_labels_server_address(s->socket)),
             kv("identity", (const char *)s->identity.identity),
             kv("store", (const char *)params->store_path), kv("labels", s->counts.answered),
             kv("queue_max_mb", (double)params->queue_bytes / 1048576),
             kv("metrics", reward_monitor_url(s->monitor)));
    *out = s;
    return ONIC_OK;
}

/* The disk did not take these answers; their questions stay open in the store or with the clients.
 * A drain that loses them has not ended well. */
static void say_lost(struct server *s)
{
    uint64_t under_way = annotation_queue_numbers(s->queue).in_flight - (uint64_t)s->nanswers;
    log_error("answers that could not be kept are lost and will be asked again",
              kv("answers", s->nanswers), kv("under_way", under_way));
    if (s->result)
        return;
    s->result = err_set(s->err, ONIC_EIO,
                        "%d answer%s lost and will be asked again, for labels could not be kept "
                        "when the server was told to end: %.800s",
                        s->nanswers, s->nanswers == 1 ? " is" : "s are", s->full_why.msg);
}

int server_run(struct server *s, struct onic_err *err)
{
    s->err = err;
    s->said[0] = 127; /* no status yet: the first one is told */
    s->rate_at = s->reported_at = clock_ms();
    s->rate_answered = s->counts.answered + s->counts.abstained;
    s->latency_s = -1;
    uv_timer_start(&s->tick, server_on_tick, 0, TICK_MS);
    uv_poll_start(&s->readable, UV_READABLE, server_on_readable);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->nanswers)
        say_lost(s);
    return s->result;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    reward_monitor_free(s->monitor);
    if (s->annotator)
        s->annotator->v->free(s->annotator); /* its threads may still call wake */
    if (s->loop_ready) {
        uv_walk(&s->loop, close_handle, NULL);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        uv_loop_close(&s->loop);
    }
    wire_labels_server_free(s->socket);
    audit_close();
    wire_keys_free(s->keys);
    label_store_close(s->store);
    annotation_queue_free(s->queue);
    goal_free(s->goal);
    free(s);
}

const char *server_address(const struct server *s)
{
    return wire_labels_server_address(s->socket);
}
