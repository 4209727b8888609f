/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PAIRS_H
#define ONIC_DEPLOY_CLI_PAIRS_H

/* pairs.h - data of an offline reward (Motif), a folder DATA.
 *
 * pairs.jsonl: a first line {"env","from","episodes","captions"}, then {"caption","caption_b"},
 * each two captions once, in one order or the other. A line {"caption"} that somebody has written
 * there is a question about one caption, for annotators alone.
 *
 * labels.sqlite: their labels, as the reward server keeps them.
 *
 * reward.safetensors and quantiles.csv (a row per epoch): what `onic reward train` made of both. */

#include <stdbool.h>
#include <stdint.h>

#include "actor/envs/vec_env.h"
#include "common/policy/policy.h"
#include "learner/reward/ranking/pair_data.h"

enum { PAIRS_ENV_MAX = 512 };

struct pairs_collect {
    const char *data; /* a folder, which pairs_make_folder has made */
    const char *run;  /* whose agent plays, to be written down; "" = uniform random play */
    const char *env_id;
    struct vec_env *envs;        /* borrowed, like the next two; eval_envs(episodes) of them */
    const struct policy *policy; /* NULL = uniform random play */
    const float *weights;
    uint64_t seed;      /* of the actions */
    uint64_t draw_seed; /* of the pairs */
    int episodes, pairs;
    bool distinct; /* each caption once instead of as often as it is seen */
};
/* Makes the folder DATA; ONIC_ECANTCREATE when DATA/pairs.jsonl is there. */
int pairs_make_folder(const char *data, struct onic_err *err);
/* Plays and writes DATA/pairs.jsonl. */
int pairs_collect(const struct pairs_collect *p, struct onic_err *err);

/* Calls back with the question of each line, in order; env (may be NULL) gets the environment. */
int pairs_read(const char *data, char env[PAIRS_ENV_MAX],
               void (*each)(void *ctx, const char *question, size_t len), void *ctx,
               struct onic_err *err);

/* The labelled pairs of DATA/labels.sqlite; identity (may be NULL) gets what labelled them. Labels
 * of two identities are ONIC_ECONFIG. *out is owned by the caller. */
int pairs_labelled(const char *data, struct pair_data **out, char identity[192],
                   struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_PAIRS_H */
