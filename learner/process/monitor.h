/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_MONITOR_H
#define ONIC_LEARNER_PROCESS_MONITOR_H

/* monitor.h - what machines ask a learner over HTTP: /metrics, /healthz, /readyz.
 *
 * /healthz: the training loop moves; who asks may kill a learner for which it does not (503).
 * /readyz: actors may come: its sockets are bound and it does not end. Both answer with one
 * sentence. Answers are made on the plane's thread of the registry and of two atomic numbers. */

#include <stdatomic.h>
#include <stdbool.h>

#include "common/metrics/metrics.h"
#include "common/run/run_id.h"

struct http_plane;

enum monitor_phase { MONITOR_STARTING, MONITOR_TRAINING, MONITOR_DRAINING };

struct monitor {
    struct metrics *metrics;        /* outlives the plane */
    const char *env, *reward_model; /* borrowed */
    bool wants_labels;
    char run_id[RUN_ID_TEXT_MAX];
    atomic_llong beat_ms; /* clock_ms of the loop's last sign of life */
    atomic_int phase;     /* enum monitor_phase */
};

/* The three routes of a plane that is not started yet; NULL: there is none. */
void monitor_mount(struct monitor *m, struct http_plane *plane);
/* Training thread, several times a second. */
void monitor_beat(struct monitor *m);
void monitor_enter(struct monitor *m, enum monitor_phase phase);

#endif /* ONIC_LEARNER_PROCESS_MONITOR_H */
