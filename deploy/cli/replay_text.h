/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_TEXT_H
#define ONIC_DEPLOY_CLI_REPLAY_TEXT_H

/* replay_text.h - the steps of a recorded episode in words and as JSON (deploy/interface.md section
 * 7), and what each was paid for. `at` counts steps from 0. */

#include "actor/envs/env.h"
#include "common/base/buf.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/replay_file.h"
#include "learner/reward/reward_model.h"

/* Everything is borrowed. */
struct replay_view {
    const struct replay *replay;
    const struct env_spec *spec;
    const struct explain *store;          /* labels of the run */
    const struct reward_model_type *type; /* of the recorded run; NULL = this onic has no such */
    double ext_sum, int_sum;              /* paid so far, this step included */
};

void replay_line(const struct replay_view *v, int at, struct buf *out);
/* Without the closing brace. */
void replay_step_json(const struct replay_view *v, int at, struct buf *out);
/* What a step was paid for, source by source. */
void replay_explain_text(const struct replay_view *v, int at, struct buf *out);
void replay_explain_json(const struct replay_view *v, int at, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_REPLAY_TEXT_H */
