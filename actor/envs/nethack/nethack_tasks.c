/* SPDX-License-Identifier: MIT */
/* nethack_tasks.c - the table of tasks.
 *
 * Score pays the change of the in-game score, less 0.01 for a step that did not move the game
 * clock, so that an agent does not idle in prompts. Outside the game proper (the last death screen)
 * the status line is zero and the score part is not paid: the difference would be minus everything
 * earned.
 *
 * RewardFree is the same game without any reward: what the agent does is up to the language
 * feedback, and how well it does shows in the statistics.
 *
 * StaircaseLvlN pays 50 once for taking stairs down to level N, as in ONI: the game must say "You
 * descend the stairs" in this step and the level number of the branch must be N. Falling through a
 * trap door or being teleported does not count, and level 3 of the Gnomish Mines does. */
#include "actor/envs/nethack/nethack_tasks.h"

#include <stddef.h>
#include <string.h>

/* NLE's options. The monk starts with martial arts and no weapon to wield, so few actions suffice.
 */
#define OPTIONS                                                                                    \
    "autopickup,color,disclose:+i +a +v +g +c +o,mention_walls,nobones,nocmdassist,nolegacy,"      \
    "nosparkle,pickup_burden:unencumbered,pickup_types:$?!/,runmode:teleport,showexp,showscore,"   \
    "time,name:Agent-mon-hum-neu-mal"

static double reward_score(const struct nethack_view *v)
{
    double reward = 0;
    if (nethack_game_obs(v->game)->in_normal_game)
        reward = (double)(v->after[NLE_BL_SCORE] - v->before[NLE_BL_SCORE]);
    if (v->after[NLE_BL_TURN] == v->before[NLE_BL_TURN])
        reward -= 0.01;
    return reward;
}

static double reward_none(const struct nethack_view *v)
{
    (void)v;
    return 0;
}

static bool reached_level(const struct nethack_task *t, const struct nethack_view *v)
{
    return nethack_game_pages(v->game)->descended && v->after[NLE_BL_DLEVEL] == t->level;
}

/* name, goal, level, reward, reached, success reward */
#define TASKS(XX)                                                                                  \
    XX(Score, "score", 0, reward_score, NULL, 0)                                                   \
    XX(RewardFree, "score", 0, reward_none, NULL, 0)                                               \
    XX(StaircaseLvl2, "stairs", 2, reward_none, reached_level, 50)                                 \
    XX(StaircaseLvl3, "stairs", 3, reward_none, reached_level, 50)                                 \
    XX(StaircaseLvl4, "stairs", 4, reward_none, reached_level, 50)

static const struct nethack_task tasks[] = {
#define XX(name, goal, level, reward, reached, success)                                            \
    {#name, OPTIONS, goal, level, reward, reached, success},
    TASKS(XX)
#undef XX
};

const char *const nethack_task_names[] = {
#define XX(name, goal, level, reward, reached, success) #name,
    TASKS(XX)
#undef XX
        NULL,
};

const struct nethack_task *nethack_task_find(const char *name)
{
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        if (strcmp(tasks[i].name, name) == 0)
            return &tasks[i];
    return NULL;
}
