/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_ABOUT_H
#define ONIC_ACTOR_ENVS_GYM_ABOUT_H

/* gym_about.h - what an environment of Gymnasium says of itself. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/policy/action_space.h"
#include "common/policy/obs_spec.h"

enum { GYM_WORD_MAX = 512 };

/* What the environment says of itself. */
struct gym_about {
    struct obs_spec obs; /* all of its fields */
    struct action_space actions;
    bool captions, success;
    int max_steps;            /* 0: none */
    char names[GYM_WORD_MAX]; /* of its actions, comma-separated; "": none */
};

/* Reads the text of worker.py. ONIC_ECONFIG: none that onic understands; names id. */
int gym_about_read(struct gym_about *out, const char *text, const char *id, struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_GYM_ABOUT_H */
