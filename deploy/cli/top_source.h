/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TOP_SOURCE_H
#define ONIC_DEPLOY_CLI_TOP_SOURCE_H

/* top_source.h - how a run is now, as the JSON of its page (learner/dashboard/state.h): asked of
 * the page, or made of the files of its directory, which are a few seconds older and need no
 * network. */

#include <jansson.h>

#include "common/base/err.h"
#include "learner/dashboard/state.h"

enum { TOP_PLACE_MAX = 512 };

/* The phase of a run directory that nobody works in, and whose last life did not say its end. */
#define TOP_CRASHED "crashed"

struct top_source {
    char place[TOP_PLACE_MAX]; /* RUN, or HOST:PORT of a page */
    bool is_run;
    struct state_run run;   /* of a RUN: what its configuration says */
    struct state_wait wait; /* grows while it is looked at */
};

/* Whether place is a directory or an address. ONIC_ENOTFOUND: neither. */
int top_source_find(struct top_source *s, struct onic_err *err);
/* *out is released with json_decref. What http_get fails with; ONIC_ENOTFOUND: the run has no
 * numbers yet; ONIC_EPROTO: what answers is no page of onic. */
int top_source_state(struct top_source *s, json_t **out, struct onic_err *err);
/* Another document of a page ("/api/actors"); NULL: there is none, or it is a run's directory. */
json_t *top_source_more(const struct top_source *s, const char *path);

#endif /* ONIC_DEPLOY_CLI_TOP_SOURCE_H */
