/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PLAY_AGENT_H
#define ONIC_DEPLOY_CLI_PLAY_AGENT_H

/* play_agent.h - an agent, or a person, to be watched, with what it expects and what it is paid
 * for.
 *
 * One environment, one step per frame: picture, the action that led to it, both values of what is
 * seen now, the reward by source, and what pays it: the label of the caption, the score of a
 * trained model, or what is seen. Without a policy actions are drawn, and there are no values and
 * no reward but the environment's, unless a model was chosen. On a terminal keys control the pace,
 * or take the actions of a person; without one (a pipe, a log) every step is one line and one
 * episode is played. */

#include <stdbool.h>

#include "actor/envs/vec_env.h"
#include "common/base/rng.h"
#include "common/policy/policy.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/frame_sink.h"
#include "deploy/cli/reward_ticks.h"
#include "deploy/cli/terminal.h"
#include "learner/reward/mix.h"

struct play_agent {
    struct terminal *term;       /* borrowed, open while it plays */
    struct frame_sink *sink;     /* borrowed; what is seen goes there; NULL = to the terminal */
    bool greedy;                 /* the likeliest action instead of a drawn one */
    bool human;                  /* a person acts, by keys: play_keys.h */
    int episodes;                /* 0 = until stopped; < 0 = that on a terminal, else one */
    const struct policy *policy; /* borrowed; NULL = a person, or random actions */
    const float *weights;        /* borrowed */
    struct vec_env *envs;        /* one; owned, like what follows */
    struct reward_mix *mix;      /* NULL = the environment alone pays */
    struct explain *explain;     /* NULL = nothing is known of labels */
    uint64_t seed;               /* of the actions */
    /* play_agent.c */
    struct policy_actor *ws;
    uint8_t *obs;
    float *state, *outputs, value[POLICY_HEADS];
    bool acted;                                   /* an action led to what is seen now: */
    union action_cell action[BOUND_ACTION_PARTS]; /* in the environment's units */
    struct rng rng;
    double ext_sum, int_sum;
    struct reward_ticks ticks;
    int episode;
};

/* Plays until it is stopped or so many episodes have ended. */
int play_agent_run(struct play_agent *p, struct onic_err *err);
void play_agent_free(struct play_agent *p);

#endif /* ONIC_DEPLOY_CLI_PLAY_AGENT_H */
