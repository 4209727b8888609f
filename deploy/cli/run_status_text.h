/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RUN_STATUS_TEXT_H
#define ONIC_DEPLOY_CLI_RUN_STATUS_TEXT_H

/* run_status_text.h - a run_status for people and for programs. */

#include "common/base/buf.h"
#include "deploy/cli/run_status.h"

/* What the files say of themselves; "" where they do not. */
struct run_status_names {
    const char *run, *env, *reward_model, *version; /* version: of the onic that ran it last */
};

void run_status_text(const struct run_status *s, const struct run_status_wish *w,
                     const struct run_status_names *names, struct buf *out);
/* deploy/interface.md section 7; every key is always there, null where it is not known. */
void run_status_json(const struct run_status *s, const struct run_status_wish *w,
                     const struct run_status_names *names, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_RUN_STATUS_TEXT_H */
