/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_ENV_QUERY_H
#define ONIC_LEARNER_PROCESS_ENV_QUERY_H

/* env_query.h - asks `onic-actor --describe` what cfg->env_id gives and takes.
 *
 * The learner builds its network before any actor connects and links no environment; the actor
 * program that lies beside it knows. Call before threads are started (it forks). */

#include "common/config/config.h"
#include "common/policy/env_describe.h"

/* Passes on every env.* option that was given. ONIC_ENOTFOUND when onic-actor is missing,
 * ONIC_ECONFIG with its last sentence when it refuses the options, ONIC_EINCOMPATIBLE when it exits
 * 78 or its text cannot be read. */
int env_query(const struct config *cfg, struct env_description *out, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_ENV_QUERY_H */
