/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_RESUME_OPTIONS_H
#define ONIC_LEARNER_PROCESS_RESUME_OPTIONS_H

/* resume_options.h - whether a run can go on with the options of its next life.
 *
 * The learner finds out when it loads the newest checkpoint and when the reward server tells who it
 * is; `onic train` asks the same code before it writes or starts anything. */

#include "common/checkpoint/checkpoint.h"
#include "common/config/config.h"
#include "common/policy/env_describe.h"

/* ONIC_OK when a learner with these options would go on with the newest checkpoint of the run in
 * `run_dir`, or when there is none. identity: as what the reward server will answer
 * (label_identity.h), "" = unknown. Errors as resume_load and label_client_check_identity. */
int resume_check(const struct config *cfg, const struct env_description *env, const char *run_dir,
                 const char *identity, struct onic_err *err);

/* The part of it that a learner asks before it waits for actors: of a deterministic run, that its
 * rounds are made of what they were made of. ONIC_ECONFIG. */
int resume_check_lock_step(const struct checkpoint_file *file, const struct config *cfg,
                           const struct env_description *env, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_RESUME_OPTIONS_H */
