/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_MONITOR_H
#define ONIC_REWARD_SERVER_MONITOR_H

/* monitor.h - what machines ask a reward server over HTTP: /metrics, /healthz, /readyz.
 *
 * /healthz: its loop moves. /readyz: it can label now, else 503 and one sentence that says what is
 * in the way; a learner may come all the same and is answered from the store. Answers are made on
 * the plane's thread, of what the loop said last. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/metrics/metrics.h"

struct reward_monitor;

enum { REWARD_MONITOR_NUMBERS_MAX = 128, REWARD_MONITOR_NAME_MAX = 64 };

struct reward_monitor_params {
    const char *listen, *hosts; /* of dashboard.*; listen "" = nobody may ask; borrowed */
    bool allow_exposed;
};

/* Binds; *out is NULL without an address. ONIC_ECONFIG, ONIC_ECANTCREATE. */
int reward_monitor_open(struct reward_monitor **out, const struct reward_monitor_params *p,
                        struct onic_err *err);
int reward_monitor_start(struct reward_monitor *m, struct onic_err *err);
void reward_monitor_free(struct reward_monitor *m);
/* The functions below accept NULL. */
const char *reward_monitor_url(const struct reward_monitor *m); /* "" */

/* A look of the loop: begin, each number, end with what is in the way of labels ("" = nothing).
 * Names are those of common/metrics/prometheus.def; counters begin with their first value. */
void reward_monitor_begin(struct reward_monitor *m);
void reward_monitor_put(struct reward_monitor *m, const char *name, double value);
void reward_monitor_end(struct reward_monitor *m, const char *why_not_ready);

#endif /* ONIC_REWARD_SERVER_MONITOR_H */
