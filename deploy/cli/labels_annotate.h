/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_ANNOTATE_H
#define ONIC_DEPLOY_CLI_LABELS_ANNOTATE_H

/* labels_annotate.h - `onic labels annotate DATA`: a reward server in a thread of this process, and
 * a client that asks it every question that has no label yet. Can be broken off and called
 * again. */

#include "common/base/err.h"
#include "deploy/cli/pairs.h"
#include "reward_server/server.h"

struct annotate_plan {
    const char *data;           /* folder of pairs.h; borrowed */
    char env_id[PAIRS_ENV_MAX]; /* of which the pairs are, "" = not known */
    int total;                  /* questions there are, of pairs or of one caption */
    unsigned kinds;             /* of them: 1 << enum question_kind */
    unsigned chunk, of;         /* of `of` chunks the one to be asked about, from 1 */
};

/* chunk: "i/n", "" = all. */
int labels_annotate_plan(struct annotate_plan *out, const char *data, const char *chunk,
                         struct onic_err *err);
/* server: has its store in plan->data. */
int labels_annotate(const struct annotate_plan *plan, struct server *server, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_ANNOTATE_H */
