/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_EPISODE_LOG_H
#define ONIC_LEARNER_PROCESS_EPISODE_LOG_H

/* episode_log.h - keeps every N-th episode as a file that `onic replay` plays again.
 *
 * The learner keeps them, not the actors: only here the reward of a step is known as it was paid,
 * and only here the run directory is sure to be at hand. A file holds seed, environment options,
 * actions, captions and rewards by source (layout: README.md of this folder); no observation,
 * because seed and actions give them back bit for bit.
 *
 * Bounds: EPISODE_LOG_OPEN_MAX episodes are recorded at a time, in replay.max_mb megabytes of
 * memory together, of which the longest goes first; where others need their room those of actors
 * that are silent for a minute go before. replay.keep files and replay.max_mb megabytes are kept,
 * the oldest go first. An episode of which a trajectory is missing (dropped, lost, or trained on in
 * another life) is not kept. Nothing here can stop a run: what cannot be written is said in the
 * log. Training thread. */

#include <stdint.h>

#include "common/run/run_home.h"
#include "common/wire/labels/labels.h"
#include "learner/reward/mix.h"
#include "learner/train/batch.h"

enum { EPISODE_LOG_OPEN_MAX = 16 };

struct episode_log;

/* What is kept. episode_log_of_options (learner_options.h) reads it from the options of a run. */
struct episode_log_params {
    const char *run_dir; /* has the folder replays/ */
    const char *env_id;
    /* what a file says of the environment's options: members of a JSON object, each with a comma
     * before it */
    const char *options;
    const struct action_dist *actions; /* of the policy; copied */
    uint64_t run_seed;
    uint64_t every;   /* the first episode is kept and then every so many-th; at least 1 */
    int64_t files;    /* kept at most */
    size_t bytes_max; /* of all files together, and of all episodes in memory */
};

/* Texts are copied. NULL is a log that keeps nothing: every other call accepts it. */
struct episode_log *episode_log_create(const struct episode_log_params *p);
void episode_log_free(struct episode_log *r); /* episodes under way are forgotten */
/* Asked from here on before anything is written or removed; borrowed. */
void episode_log_ask(struct episode_log *r, const struct run_home *home);

/* After an update, before the model learns again: looks at every step of the batch, with the
 * rewards that it was trained with. mix: for coefficients, shaping and scores; identity: what
 * labels the captions now, NULL = nothing does.
 */
void episode_log_add(struct episode_log *r, const struct batch *b, struct reward_mix *mix,
                     const struct wire_labels_identity *identity, uint64_t env_steps);
/* Files written by this process. */
uint64_t episode_log_kept(const struct episode_log *r);

#endif /* ONIC_LEARNER_PROCESS_EPISODE_LOG_H */
