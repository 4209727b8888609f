/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PAIRS_H
#define ONIC_DEPLOY_CLI_PAIRS_H

/* pairs.h - data of an offline reward (Motif), a folder DATA.
 *
 * pairs.jsonl: a first line {"env","from","episodes","captions"}, then {"caption","caption_b"},
 * each two captions once, in one order or the other.
 *
 * labels.sqlite: their labels, as the reward server keeps them.
 *
 * reward.safetensors and quantiles.csv (a row per epoch): what `onic reward train` made of both. */

#include <stdbool.h>

#include "common/config/config.h"
#include "learner/reward/ranking/pair_data.h"

struct pairs_collect {
    /* run: directory or checkpoint of the agent, "" = uniform random play */
    const char *data, *run;
    int episodes, pairs;
    bool distinct; /* each caption once instead of as often as it is seen */
};
/* Plays and writes DATA/pairs.jsonl; refuses when it is there. */
int pairs_collect(const struct pairs_collect *p, const struct config *given, struct onic_err *err);

/* Calls back with the question of each pair, in order; env (may be NULL) gets the environment. */
int pairs_read(const char *data, char env[CONFIG_STR_MAX],
               void (*each)(void *ctx, const char *question, size_t len), void *ctx,
               struct onic_err *err);

/* Asks the annotator of `given` about every pair that has no label yet; can be broken off and
 * called again. chunk "i/n": about every n-th pair only, "" = all. labels_annotate.c */
int labels_annotate(const char *data, const struct config *given, const char *chunk,
                    struct onic_err *err);

/* The labelled pairs of DATA/labels.sqlite; identity (may be NULL) gets what labelled them. Labels
 * of two identities are ONIC_ECONFIG. *out is owned by the caller. */
int pairs_labelled(const char *data, struct pair_data **out, char identity[192],
                   struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_PAIRS_H */
