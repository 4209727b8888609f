/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_SERVER_IMPL_H
#define ONIC_REWARD_SERVER_SERVER_IMPL_H

/* server_impl.h - the server's state, shared by server.c (what happens) and server_life.c (opening
 * and closing). Private to these two. */

#include <uv.h>

#include "common/base/process.h"
#include "common/wire/labels/labels.h"
#include "reward_server/annotation_queue.h"
#include "reward_server/annotators/annotator.h"
#include "reward_server/server.h"
#include "reward_server/store/label_store.h"

enum {
    GROUP_MAX = 256,    /* answers in one commit */
    RECEIVE_MAX = 1024, /* questions that are taken before everything else has its turn */
    GROUP_WAIT_MS = 50, /* commits of one kind are at least so far apart, unless a group is full */
    TICK_MS = 500,
    PROBE_MS = 10000,
    FULL_GRACE_MS = 15 * 60 * 1000,
    DRAIN_MS = 20000,
    REPORT_MS = 60000,
};

struct server {
    uv_loop_t loop;
    uv_poll_t readable;
    uv_timer_t tick, group, due, more;
    uv_async_t wake, stop;
    uv_signal_t stops[PROCESS_STOPS_MAX];
    bool loop_ready;

    struct wire_keys *keys; /* NULL = none */
    struct wire_labels_server *socket;
    struct goal *goal;
    struct annotator *annotator;
    struct label_store *store;
    struct reward_monitor *monitor; /* NULL = nobody may ask */
    struct annotation_queue *queue;
    struct wire_labels_identity identity;
    char annotators[ANNOTATOR_NAMES_MAX]; /* "llm>rules": of the labels' identity */
    enum annotator_effort effort;         /* of them; beyond ANNOTATOR_AT_ONCE intents are kept */

    struct annotator_answer answers[GROUP_MAX]; /* not yet durable */
    int nanswers;
    struct label commit[GROUP_MAX]; /* scratch of one commit */
    struct label asked[GROUP_MAX];  /* scratch of one round of asking */
    uint64_t ticket[GROUP_MAX];     /* of asked */
    int64_t asked_ms, committed_ms; /* clock_ms of the last commits of intents, of answers */
    struct label_counts counts;     /* of the store, kept up to date between re-counts */
    double rate;                    /* labels per second, over the last ticks */
    uint64_t rate_answered;
    double latency_s; /* of the last answers, on average; < 0 = none yet */
    int64_t rate_at, reported_at;
    int64_t full_since, probe_at; /* clock_ms; 0 = the disk takes labels */
    struct onic_err full_why;     /* why it did not, the last time */
    bool draining;
    int64_t drain_until;
    char said[160], said_now[160]; /* status last logged; of the last tick */
    int result;                    /* enum onic_code, what server_run returns */
    struct onic_err *err;
};

/* server.c: events of the loop. */
void server_on_tick(uv_timer_t *timer);
void server_on_readable(uv_poll_t *poll, int status, int events);
void server_on_signal(uv_signal_t *signal, int number);
void server_on_wake(uv_async_t *async);
void server_on_stop(uv_async_t *async);

#endif /* ONIC_REWARD_SERVER_SERVER_IMPL_H */
