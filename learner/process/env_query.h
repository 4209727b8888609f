/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_ENV_QUERY_H
#define ONIC_LEARNER_PROCESS_ENV_QUERY_H

/* env_query.h - asks `onic-actor --describe` what an environment gives and takes.
 *
 * The learner builds its network before any actor connects and links no environment; the actor
 * program that lies beside it knows. Call before threads are started (it forks). */

#include "common/base/err.h"
#include "common/policy/env_describe.h"

/* options [n]: flags that make the environment, "--env.id=corridor"; env_query_options reads them.
 * ONIC_ENOTFOUND when onic-actor is missing,
 * ONIC_ECONFIG with its last sentence when it refuses the options, ONIC_EINCOMPATIBLE when it exits
 * 78 or its text cannot be read. */
int env_query(const char *env_id, char *const *options, int n, struct env_description *out,
              struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_ENV_QUERY_H */
