/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REPORT_H
#define ONIC_LEARNER_REPORT_H

/* report.h - what a batch and an update say, as metrics with the names of interface.md section 6.
 * Training thread. */

#include <stdbool.h>

#include "common/metrics/metrics.h"
#include "common/policy/env_describe.h"
#include "common/wire/trajectory.h"
#include "learner/core.h"

enum { REPORT_SUCCESS_WINDOW = 400 }; /* episodes, for policy_stats/success_rate and stop.success */

/* Episodes that ended in these trajectories: reward/reward, len/len, policy_stats/... */
void report_episodes(struct metrics *m, const struct env_description *env,
                     struct trajectory *const *trajectories, int n);
/* train/..., intrinsic/..., reward_model/coverage, env_steps, updates, weights_version */
void report_update(struct metrics *m, const struct learner_core *core, const struct train_stats *s);
/* Success rate over a full window has reached `wanted` (0: never). */
bool report_success_reached(struct metrics *m, double wanted);
/* Numbers of this process: perf/cpu_s_learner, perf/rss_mb. cpu_before_s: of earlier lives. */
void report_process(struct metrics *m, double cpu_before_s);

#endif /* ONIC_LEARNER_REPORT_H */
