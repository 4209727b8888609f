/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PLAY_AGENT_H
#define ONIC_DEPLOY_CLI_PLAY_AGENT_H

/* play_agent.h - an agent to be watched, with what it expects and what it is paid for.
 *
 * One environment, one step per frame: picture, the action that led to it, both values of what is
 * seen now, the reward by source, and what pays it: the label of the caption, the score of a
 * trained model, or what is seen. Without a policy actions are drawn, and there are no values and
 * no reward but the environment's. On a terminal keys control the pace; without one (a pipe, a log)
 * every step is one line and one episode is played. */

#include <stdbool.h>

#include "actor/envs/vec_env.h"
#include "common/base/rng.h"
#include "common/policy/policy.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/terminal.h"
#include "learner/reward/mix.h"

struct play_agent {
    struct terminal term;
    bool greedy;                 /* the likeliest action instead of a drawn one */
    int episodes;                /* 0 = until stopped; < 0 = that on a terminal, else one */
    struct vec_env *envs;        /* one; owned, like what follows */
    const struct policy *policy; /* borrowed; NULL = random actions, and mix, explain are NULL */
    const float *weights;        /* borrowed */
    struct reward_mix *mix;
    struct explain *explain;
    uint64_t seed; /* of the actions */
    /* play_agent.c */
    struct policy_actor *ws;
    uint8_t *obs;
    float *state, *outputs, value[POLICY_HEADS];
    bool acted;                                   /* an action led to what is seen now: */
    union action_cell action[BOUND_ACTION_PARTS]; /* in the environment's units */
    struct rng rng;
    double ext_sum, int_sum;
    int episode;
};

/* Plays until it is stopped or so many episodes have ended. */
int play_agent_run(struct play_agent *p, struct onic_err *err);
void play_agent_free(struct play_agent *p);

#endif /* ONIC_DEPLOY_CLI_PLAY_AGENT_H */
