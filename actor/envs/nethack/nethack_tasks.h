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
    long max_depth;     /* deepest level of the episode so far, this step included */
};

/* What counts as having come down a level: env.staircase. */
enum nethack_staircase { NETHACK_BY_MESSAGE, NETHACK_BY_DEPTH };

struct nethack_task {
    const char *name;    /* "StaircaseLvl3" */
    const char *options; /* NETHACKOPTIONS */
    const char *goal;    /* default annotator goal */
    int level;           /* parameter of `reached` and `reached_depth` */
    /* Reward of the step without success. */
    double (*reward)(const struct nethack_view *v);
    /* The goal is reached; NULL = a task without one. Pays success_reward and ends the episode. */
    bool (*reached)(const struct nethack_task *t, const struct nethack_view *v);
    /* The same by env.staircase=depth; NULL = the option does not concern this task. */
    bool (*reached_depth)(const struct nethack_task *t, const struct nethack_view *v);
    double success_reward;
    bool continual; /* success_reward is paid once, and the episode goes on */
};

/* Has the goal been reached in this step? False for a task without one. */
bool nethack_task_reached(const struct nethack_task *t, enum nethack_staircase staircase,
                          const struct nethack_view *v);

extern const char *const nethack_task_names[]; /* NULL-terminated, for the registry */
const struct nethack_task *nethack_task_find(const char *name); /* NULL when unknown */

#endif /* ONIC_ACTOR_ENVS_NETHACK_NETHACK_TASKS_H */
