/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_REPORT_H
#define ONIC_LEARNER_PROCESS_REPORT_H

/* report.h - what a batch and an update say, as metrics with the names of deploy/interface.md
 * section 6. Training thread. */

#include <stdbool.h>

#include "common/data/trajectory.h"
#include "common/metrics/metrics.h"
#include "common/policy/env_describe.h"
#include "learner/process/label_client.h"
#include "learner/process/stop.h"
#include "learner/reward/share_watch.h"
#include "learner/train/trainer.h"

/* Episodes that ended in these trajectories: reward/reward, len/len, policy_stats/... */
void report_episodes(struct metrics *m, const struct env_description *env,
                     struct trajectory *const *trajectories, int n);
/* train/..., intrinsic/..., reward_model/coverage, env_steps, updates, weights_version */
void report_update(struct metrics *m, const struct trainer *core, const struct train_stats *s);
/* Warns when the intrinsic reward drowns the task, or is not there (reward/share_watch.h). */
void report_share(struct share_watch *w, const struct reward_mix *mix, const struct train_stats *s);
/* success and episodes of *out, from the metrics. */
void report_success(struct metrics *m, struct stop_state *out);
/* The window behind policy_stats/success_rate to a checkpoint, and back. */
void report_save(struct metrics *m, struct checkpoint *to);
void report_load(struct metrics *m, const struct checkpoint_file *from);
/* Warns when the labels of this life taught the reward model nothing (reward/learned.h). At the end
 * of a life; not for a goal without a preference, which is a control and meant so. */
void report_learned(const struct trainer *core, const struct label_client *a);
/* How the weights of each layer are spread; core: struct trainer. */
void report_weights(void *core, struct tensorboard *to);
/* For what reports by name and value; metrics: struct metrics. */
void report_number(void *metrics, const char *name, double value);
/* Numbers of this process: perf/cpu_s_learner, perf/rss_mb. cpu_before_s: of earlier lives. */
void report_process(struct metrics *m, double cpu_before_s);

#endif /* ONIC_LEARNER_PROCESS_REPORT_H */
