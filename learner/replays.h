/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REPLAYS_H
#define ONIC_LEARNER_REPLAYS_H

/* replays.h - keeps every N-th episode as a file that `onic replay` plays again.
 *
 * The learner keeps them, not the actors: only here the reward of a step is known as it was paid,
 * and only here the run directory is sure to be at hand. A file holds seed, environment options,
 * actions, captions and rewards by source (layout: README.md of this folder); no observation,
 * because seed and actions give them back bit for bit.
 *
 * Bounds: REPLAYS_OPEN_MAX episodes are recorded at a time, replay.keep files and replay.max_mb
 * megabytes are kept, the oldest go first. An episode of which a trajectory is missing (dropped,
 * lost, or trained on in another life) is not kept. Nothing here can stop a run: what cannot be
 * written is said in the log. Training thread. */

#include <stdint.h>

#include "common/config/config.h"
#include "common/wire/wire_annotation.h"
#include "learner/batch.h"
#include "learner/reward/mix.h"

enum { REPLAYS_OPEN_MAX = 16 };

struct replays;

/* run_dir has the folder replays/. *out is NULL, which every other call accepts, when
 * replay.every_episodes is 0 or captions are made unique for a benchmark. cfg: borrowed for life.
 */
void replays_create(struct replays **out, const struct config *cfg, const char *run_dir,
                    const char *env_id);
void replays_free(struct replays *r); /* episodes under way are forgotten */

/* After an update, before the model learns again: looks at every step of the batch, with the
 * rewards that it was trained with. mix: for coefficients, shaping and scores; identity: what
 * labels the captions now, NULL = nothing does.
 */
void replays_add(struct replays *r, const struct batch *b, struct reward_mix *mix,
                 const struct annot_identity *identity, uint64_t env_steps);
/* Files written by this process. */
uint64_t replays_kept(const struct replays *r);

#endif /* ONIC_LEARNER_REPLAYS_H */
