/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_FILE_H
#define ONIC_DEPLOY_CLI_REPLAY_FILE_H

/* replay_file.h - a recorded episode, out of either kind of file in RUN/replays/:
 *
 *   *.jsonl          kept by the learner, with captions and rewards (learner/process/episode_log.h)
 *   crash-*.replay   seeds and actions of a game that ended in a crash (envs/nethack/replay_log.h)
 *
 * The second has to survive the crash of the process that writes it, so it is a mapped file of
 * bytes without anything about rewards. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/policy/action_space.h"

struct replay_step {
    double *action; /* [parts] as recorded: choices or numbers */
    int parts;
    /* of the environment; as paid by source, coefficients included */
    double reward, ext, intrinsic;
    int n;         /* times the caption occurred in the episode, this one included */
    char *caption; /* bytes as the game gave them, NUL-terminated, [caption_len] */
    size_t caption_len;
    /* of the reward model then, before shaping; NAN = unknown, or it reads no captions */
    double score;
    int labelled; /* 1 a label of the caption had come by then, 0 none had, -1 unknown */
};

/* An option as the record has it, whatever it may say. */
struct replay_option {
    char *key, *value; /* "env.max_steps", text as an option is given */
};

struct replay {
    bool crash;                   /* actions only; the last one ended the process */
    char *env_id;                 /* what was played, with these options */
    struct replay_option *option; /* [noptions] */
    int noptions;
    char plugin[128]; /* file name of the plug-in it was played in, to be shown; "" = none */
    uint64_t seed;    /* given to the environment, */
    uint64_t resets;  /* which is then reset so many times */
    int nsteps;
    struct replay_step *step; /* [nsteps] */
    char end[16];             /* "terminated", "truncated"; "" = unknown */
    char reward_model[64], shaping[256], annotator[32], goal[64], prompt_version[40];
    double ret, coef_ext, coef_int;
    uint64_t versions[2]; /* of the weights that played: first, last */
};

/* ONIC_ENOTFOUND; ONIC_ECONFIG with the line when it is no such file. Release it in any case. */
int replay_read(struct replay *out, const char *path, struct onic_err *err);
void replay_release(struct replay *r);
/* The action of a step; false when it is none of this space. */
bool replay_action(const struct replay_step *s, const struct action_space *space,
                   union action_cell *out);

#endif /* ONIC_DEPLOY_CLI_REPLAY_FILE_H */
