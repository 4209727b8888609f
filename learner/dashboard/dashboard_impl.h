/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_DASHBOARD_IMPL_H
#define ONIC_LEARNER_DASHBOARD_DASHBOARD_IMPL_H

/* dashboard_impl.h - what dashboard.c and dashboard_routes.c share. */

#include <stdatomic.h>

#include "common/http/http_plane.h"
#include "learner/dashboard/asks.h"
#include "learner/dashboard/dashboard.h"
#include "learner/dashboard/history.h"
#include "learner/dashboard/series.h"
#include "learner/dashboard/state.h"

/* Documents that every page asks for again and again. */
enum dashboard_doc { DASHBOARD_ACTORS, DASHBOARD_LEDGER, DASHBOARD_EPISODES, DASHBOARD_DOCS };

struct dashboard {
    struct dashboard_params p;
    const struct run_home *home; /* whose directory it is, for what is written there */
    struct state_run run;
    char run_id[2 * RUN_ID_BYTES + 1];
    struct http_plane *plane;
    atomic_int phase, exit_code; /* told by the training thread */

    /* the plane's thread alone, once it was started */
    struct metrics *metrics;
    struct wire_learner *wire;
    struct http_body *page;
    struct {
        struct http_body *body; /* NULL: never asked for */
        int64_t made_ms;
    } doc[DASHBOARD_DOCS];
    struct asks *asks;
    struct series *series;
    struct history *history; /* NULL: all is read */
    struct numbers numbers;
    struct state_now now;
    struct state_wait wait;
    struct state_since since;
    struct buf state; /* the newest, JSON */
    int64_t state_ms, series_ms;
};

void dashboard_routes(struct dashboard *d);

#endif /* ONIC_LEARNER_DASHBOARD_DASHBOARD_IMPL_H */
