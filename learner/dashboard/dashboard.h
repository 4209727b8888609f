/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_DASHBOARD_H
#define ONIC_LEARNER_DASHBOARD_DASHBOARD_H

/* dashboard.h - the page of a run, and what it is made of, served by the learner.
 *
 *   /              the page                   /api/actors     who plays
 *   /events        how the run is, each s     /api/ledger     where every trajectory went
 *   /api/state     the same once              /api/captions   what was paid most, and why
 *   /api/series    curves                     /api/episodes, /api/episode, /api/why  kept episodes
 *
 * All of it is made on the plane's thread (common/http) from the registry of numbers, the books of
 * the wire and the run directory; the training thread is asked for nothing, and whatever fails here
 * fails here alone. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/metrics/metrics.h"
#include "common/run/run_home.h"
#include "common/wire/rollout/learner_link.h"

struct dashboard;
struct http_plane;

enum { DASHBOARD_TEXT_MAX = 512 };

/* dashboard_options.h reads it. */
struct dashboard_params {
    char listen[DASHBOARD_TEXT_MAX]; /* HOST:PORT; "" = there is no page */
    char hosts[DASHBOARD_TEXT_MAX];  /* NAME,...: under which it may be asked for */
    bool allow_exposed;
    char run_dir[DASHBOARD_TEXT_MAX], env[DASHBOARD_TEXT_MAX], reward_model[DASHBOARD_TEXT_MAX],
        annotator[DASHBOARD_TEXT_MAX], goal[DASHBOARD_TEXT_MAX];
    uint64_t frames;
    double stop_success, stop_wall_s;
    /* what `onic` must be told to read this run: "--env.plugin=PATH"; "" = nothing */
    char plugin[DASHBOARD_TEXT_MAX + 16], nle[DASHBOARD_TEXT_MAX + 16],
        env_options[DASHBOARD_TEXT_MAX + 16], labels[DASHBOARD_TEXT_MAX + 16];
};

/* Binds and writes RUN/dashboard, which holds the address (of the port *: that of the life before,
 * where it is free). *out is NULL, and all is well, without an address, and where it cannot be
 * bound: the log says so, and training goes on. ONIC_ECONFIG: an address that is none, or must not
 * be bound. */
int dashboard_open(struct dashboard **out, const struct dashboard_params *p, struct onic_err *err);
/* For further routes, before the start; NULL of NULL. */
struct http_plane *dashboard_plane(struct dashboard *d);
const char *dashboard_url(const struct dashboard *d); /* "" of NULL */

/* From here on it is served. Metrics and wire are read until dashboard_close, by its thread, and
 * home is asked before anything is written in the run directory. All of these accept NULL. */
void dashboard_start(struct dashboard *d, const struct run_home *home, struct metrics *metrics,
                     struct wire_learner *wire);
void dashboard_draining(struct dashboard *d);
/* The last that pages hear: how it ended. RUN/dashboard stays: the next life takes the port again.
 */
void dashboard_close(struct dashboard *d, int exit_code);

#endif /* ONIC_LEARNER_DASHBOARD_DASHBOARD_H */
