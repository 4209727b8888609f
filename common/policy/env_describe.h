/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENV_DESCRIBE_H
#define ONIC_COMMON_POLICY_ENV_DESCRIBE_H

/* env_describe.h - what the learner must know of an environment, as text.
 *
 * The learner links no environment: it runs `onic-actor --describe` once at start and reads this
 * text. An actor sends the same text in READY, where it is compared line by line, so a difference
 * is named by its key. Pure functions. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/policy/action_space.h"
#include "common/policy/obs_spec.h"

enum {
    ENV_DESCRIPTION_STATS_MAX = 12,
    ENV_DESCRIPTION_NAME_MAX = 32,
    ENV_DESCRIPTION_TEXT_MAX = 65536 /* bytes of the text */
};

struct env_description {
    char id[64];     /* canonical, "minigrid:KeyCorridorS3R3" */
    char domain[32]; /* folder of goals and caption pools */
    struct obs_spec obs;
    struct action_space actions;
    int max_steps;
    bool has_success;
    int nstats;
    char stat_names[ENV_DESCRIPTION_STATS_MAX][ENV_DESCRIPTION_NAME_MAX];
    char default_net[ENV_DESCRIPTION_NAME_MAX]; /* for policy.net=auto */
    char default_goal[64];                      /* the goal it is about */
    int default_count;                          /* environments per actor for env.count=0 */
    size_t snapshot_bytes; /* of the environment's own state, 0 = cannot be saved */
};

/* Appends lines "key: value\n", always the same keys in the same order. */
void env_describe_write(const struct env_description *d, struct buf *out);
/* Reads such a text. ONIC_EPROTO naming the line when a key is unknown, missing, twice or out of
 * range; *out is then undefined. */
int env_describe_read(const char *text, size_t len, struct env_description *out,
                      struct onic_err *err);

#endif /* ONIC_COMMON_POLICY_ENV_DESCRIBE_H */
