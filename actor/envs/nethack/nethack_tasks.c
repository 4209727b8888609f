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
 * Gold pays the change of the gold carried, with the same charge, and only gold is picked up;
 * nothing is paid or charged outside the game proper. With 23 actions it is NLE's task of that
 * name.
 *
 * StaircaseLvlN pays 50 once for taking stairs down to level N, as in ONI: the game must say "You
 * descend the stairs" in this step and the level number of the branch must be N. Falling through a
 * trap door or being teleported does not count, and level 3 of the Gnomish Mines does, although it
 * lies deeper. With env.staircase=depth, success is instead to have been N levels below the
 * surface, in any branch and however it happened.
 *
 * Oracle pays 50 for standing next to the Oracle, as the map shows it: a hallucinating hero sees
 * one sooner or later, wherever that is. OracleSober therefore does not count what is seen in that
 * state, which is one bit of the condition word; blindness or any other bit beside it changes
 * nothing.
 *
 * -Continual: the same, but the episode goes on after the reward, to death or the step limit. */
#include "actor/envs/nethack/nethack_tasks.h"

#include <stddef.h>
#include <string.h>

/* NLE's options. The monk starts with martial arts and no weapon to wield, so few actions suffice.
 */
#define OPTIONS_PICKING(types)                                                                     \
    "autopickup,color,disclose:+i +a +v +g +c +o,mention_walls,nobones,nocmdassist,nolegacy,"      \
    "nosparkle,pickup_burden:unencumbered,pickup_types:" types                                     \
    ",runmode:teleport,showexp,showscore,time,name:Agent-mon-hum-neu-mal"
#define OPTIONS OPTIONS_PICKING("$?!/")
#define OPTIONS_GOLD OPTIONS_PICKING("$")

static double frozen_charge(const struct nethack_view *v)
{
    return v->after[NLE_BL_TURN] == v->before[NLE_BL_TURN] ? 0.01 : 0;
}

static double reward_score(const struct nethack_view *v)
{
    double reward = 0;
    if (nethack_game_obs(v->game)->in_normal_game)
        reward = (double)(v->after[NLE_BL_SCORE] - v->before[NLE_BL_SCORE]);
    return reward - frozen_charge(v);
}

static double reward_gold(const struct nethack_view *v)
{
    if (!nethack_game_obs(v->game)->in_normal_game)
        return 0;
    return (double)(v->after[NLE_BL_GOLD] - v->before[NLE_BL_GOLD]) - frozen_charge(v);
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

static bool reached_depth(const struct nethack_task *t, const struct nethack_view *v)
{
    return v->max_depth >= t->level;
}

/* The Oracle's picture on one of the nine cells around the hero. */
static bool beside_oracle(const struct nethack_task *t, const struct nethack_view *v)
{
    (void)t;
    const struct nle_obs *o = nethack_game_obs(v->game);
    if (!o->in_normal_game)
        return false;
    for (long y = v->after[NLE_BL_Y] - 1; y <= v->after[NLE_BL_Y] + 1; y++)
        for (long x = v->after[NLE_BL_X] - 1; x <= v->after[NLE_BL_X] + 1; x++)
            if (y >= 0 && y < NLE_ROWS && x >= 0 && x < NLE_COLS &&
                o->glyphs[y * NLE_COLS + x] == NLE_GLYPH_ORACLE)
                return true;
    return false;
}

static bool beside_oracle_sober(const struct nethack_task *t, const struct nethack_view *v)
{
    return !(v->after[NLE_BL_CONDITION] & NLE_CONDITION_HALLUCINATION) && beside_oracle(t, v);
}

/* name, options, goal, level, reward, reached, reached by depth, success reward, continual */
/* clang-format off */
#define TASKS(XX) \
    XX("Score", OPTIONS, "score", 0, reward_score, NULL, NULL, 0, false) \
    XX("Gold", OPTIONS_GOLD, "gold", 0, reward_gold, NULL, NULL, 0, false) \
    XX("RewardFree", OPTIONS, "score", 0, reward_none, NULL, NULL, 0, false) \
    XX("StaircaseLvl2", OPTIONS, "stairs", 2, reward_none, reached_level, reached_depth, 50, false) \
    XX("StaircaseLvl3", OPTIONS, "stairs", 3, reward_none, reached_level, reached_depth, 50, false) \
    XX("StaircaseLvl4", OPTIONS, "stairs", 4, reward_none, reached_level, reached_depth, 50, false) \
    XX("Oracle", OPTIONS, "oracle", 0, reward_none, beside_oracle, NULL, 50, false) \
    XX("OracleSober", OPTIONS, "oracle", 0, reward_none, beside_oracle_sober, NULL, 50, false) \
    XX("StaircaseLvl2-Continual", OPTIONS, "stairs", 2, reward_none, reached_level, reached_depth, 50, true) \
    XX("StaircaseLvl3-Continual", OPTIONS, "stairs", 3, reward_none, reached_level, reached_depth, 50, true) \
    XX("StaircaseLvl4-Continual", OPTIONS, "stairs", 4, reward_none, reached_level, reached_depth, 50, true) \
    XX("Oracle-Continual", OPTIONS, "oracle", 0, reward_none, beside_oracle, NULL, 50, true) \
    XX("OracleSober-Continual", OPTIONS, "oracle", 0, reward_none, beside_oracle_sober, NULL, 50, true)
/* clang-format on */

static const struct nethack_task tasks[] = {
#define XX(name, options, goal, level, reward, reached, depth, success, continual)                 \
    {name, options, goal, level, reward, reached, depth, success, continual},
    TASKS(XX)
#undef XX
};

const char *const nethack_task_names[] = {
#define XX(name, options, goal, level, reward, reached, depth, success, continual) name,
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

bool nethack_task_reached(const struct nethack_task *t, enum nethack_staircase staircase,
                          const struct nethack_view *v)
{
    if (staircase == NETHACK_BY_DEPTH && t->reached_depth)
        return t->reached_depth(t, v);
    return t->reached && t->reached(t, v);
}
