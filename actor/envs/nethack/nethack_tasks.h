/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NETHACK_TASKS_H
#define ONIC_ACTOR_ENVS_NETHACK_NETHACK_TASKS_H

/* nethack_tasks.h - what is rewarded, and when it is reached. One line of the table in
 * nethack_tasks.c per task. */

#include <stdbool.h>

#include "actor/envs/nethack/nethack_game.h"

struct nethack_task;

/* What a task may look at: the game after the agent step, and the status line before it. */
struct nethack_view {
    const struct nethack_game *game;
    const long *before; /* blstats [27] of the previous observation */
    const long *after;  /* blstats [27] */
};

struct nethack_task {
    const char *name;    /* "StaircaseLvl3" */
    const char *options; /* NETHACKOPTIONS */
    const char *goal;    /* default annotator goal */
    int level;           /* parameter of `reached` */
    /* Reward of the step without success. */
    double (*reward)(const struct nethack_view *v);
    /* The goal is reached; NULL = a task without one. Ends the episode and pays success_reward. */
    bool (*reached)(const struct nethack_task *t, const struct nethack_view *v);
    double success_reward;
};

extern const char *const nethack_task_names[]; /* NULL-terminated, for the registry */
const struct nethack_task *nethack_task_find(const char *name); /* NULL when unknown */

#endif /* ONIC_ACTOR_ENVS_NETHACK_NETHACK_TASKS_H */
