/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LEARNER_OPTIONS_H
#define ONIC_LEARNER_PROCESS_LEARNER_OPTIONS_H

/* learner_options.h - what the options of a run mean for the parts of a learner process: each part
 * has its numbers in a struct of its own and never sees the others' options. */

#include "common/config/config.h"
#include "common/policy/env_describe.h"
#include "learner/process/episode_log.h"
#include "learner/process/label_client.h"
#include "learner/process/loop.h"
#include "learner/process/stop.h"

struct wire_keys;

void stop_options(struct stop_params *out, const struct config *cfg);
void learner_options(struct learner_params *out, const struct config *cfg);
/* What a checkpoint keeps of the configuration, as YAML: what a reader takes (config_is_portable),
 * and the file names of plug-in and NetHack library, so that a person can be told what to give. */
void learner_options_kept(const struct config *cfg, struct buf *out);
/* A label client that asks at `address`, which is not always the option's: "" for none. */
int label_client_of_options(struct label_client **out, const struct config *cfg,
                            const char *address, struct wire_keys *keys, struct onic_err *err);
/* NULL when replay.every_episodes is 0 or captions are made unique for a benchmark. */
struct episode_log *episode_log_of_options(const struct config *cfg, const char *run_dir,
                                           const char *env_id, const struct action_dist *actions);
/* env_query about cfg->env_id, with every env.* option that was given. */
int env_query_of_options(const struct config *cfg, struct env_description *out,
                         struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_LEARNER_OPTIONS_H */
