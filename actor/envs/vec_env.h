/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_VEC_ENV_H
#define ONIC_ACTOR_ENVS_VEC_ENV_H

/* vec_env.h - the E environments of one actor, stepped in place, with the bookkeeping of their
 * episodes.
 *
 * The actor loop hands a row of E observations; every environment writes into its own slot of that
 * row, so nothing is copied between an environment and the trajectory. What the loop must know
 * about an episode (seed, id, length, return, how often a caption has occurred) is kept here, so
 * that a snapshot of it resumes the loop exactly.
 *
 * Episodes: environment i of actor a plays its k-th episode with the seed taken from the Philox
 * stream (run.seed, "env", a, i, k). Every episode is seeded, so an episode can be replayed from
 * its seed and its actions alone.
 *
 * Threads: one thread at a time. Steady state allocates nothing but what an environment itself
 * allocates. */

#include <stddef.h>
#include <stdint.h>

#include "actor/envs/env.h"
#include "common/base/err.h"
#include "common/policy/env_describe.h"

/* Distinct captions per episode that a snapshot can hold. Most environments that can be saved have
 * fewer (minigrid: 118, corridor: 5); where there are more (NetHack in a deterministic run), the
 * further ones share a few counters, so their counts are at least the true ones, before and after a
 * resume alike. Environments without snapshots count VEC_CAPTIONS_MAX distinct captions. */
enum { VEC_CAPTIONS_SAVED = 256, VEC_CAPTIONS_MAX = 65536 };

/* Bookkeeping of the running, or just ended, episode of one environment. */
struct vec_episode {
    uint64_t id;    /* unique in a run: common/data/episode.h */
    uint64_t seed;  /* given to env_family.seed before the reset */
    uint32_t steps; /* steps taken = index of the next step within the episode */
    bool ended;     /* the environment waits for vec_env_reset_one */
    bool success;
    double ret; /* sum of raw rewards */
    /* occurrences of the newest caption in this episode, this one included; 0 when empty */
    uint16_t caption_count;
};

struct vec_env; /* opaque: see vec_env.c */

struct vec_env_params {
    uint64_t run_seed; /* of the episodes' seeds */
    int actor_id;
    double unique_per_s; /* captions per second made unique, for benchmarks; 0: none */
};

/* Takes over `count` environments of one kind, made by env_create. No episode is started. Freed
 * with vec_env_free. Of a configuration: vec_env_open in actor/envs/open.h. */
struct vec_env *vec_env_create(const struct vec_env_params *p, struct env *const *envs, int count);
void vec_env_free(struct vec_env *v); /* NULL is allowed */

const struct env_spec *vec_env_spec(const struct vec_env *v); /* borrowed, for the life of v */
int vec_env_count(const struct vec_env *v);                   /* E */
/* What the learner must know of these environments, with vec_env_snapshot_bytes. */
void vec_env_describe(const struct vec_env *v, struct env_description *out);
struct env *vec_env_at(struct vec_env *v, int i); /* borrowed; for rendering and seeds */

/* The next reset of every environment starts episode number `first` instead of 0. An actor that
 * starts again with the same id passes a number it has not used, so that it does not play the same
 * episodes again. */
void vec_env_number_episodes_from(struct vec_env *v, uint64_t first);

/* Starts a new episode in all environments. obs [E, obs_bytes] and results [E] are written. */
int vec_env_reset_all(struct vec_env *v, uint8_t *obs, struct env_result *results,
                      struct onic_err *err);
/* One step of all environments: action [E, parts] in, obs [E, obs_bytes] and results [E] out. An
 * environment with ACTION_NONE is left alone, and so are its obs and result; no other one may be
 * waiting for its reset (asserted). An error code means that an environment is unusable: free the
 * whole vec_env. A broken episode is not an error but results[i].failed; a reward or an observation
 * that is not finite, and a mask that forbids everything, break it too. */
int vec_env_step(struct vec_env *v, const union action_cell *action, uint8_t *obs,
                 struct env_result *results, struct onic_err *err);
/* What is possible in each environment after its last reset or step, [E, mask_bytes] as in
 * action_space.h; NULL where nothing is masked. Borrowed, for the life of v. */
const uint8_t *vec_env_mask(const struct vec_env *v);
/* A uniform one of the actions that are possible in environment i: action [parts]. */
void vec_env_random_action(const struct vec_env *v, int i, struct rng *rng,
                           union action_cell *action);
/* Starts the next episode of environment i; obs [obs_bytes] and *result are written. Call it after
 * each result that is terminated, truncated or failed (read vec_env_episode before: it then
 * describes the new episode). An episode that is broken before its first step is passed over;
 * ONIC_ECONFIG after too many of them in a row. */
int vec_env_reset_one(struct vec_env *v, int i, uint8_t *obs, struct env_result *result,
                      struct onic_err *err);

/* borrowed, changes with each call */
const struct vec_episode *vec_env_episode(const struct vec_env *v, int i);
/* The row of a finished episode as trajectory_episode wants it: return, length, success (0/1, -1 =
 * the task has none), environment number, then the task's statistics. row [4 + nstats] */
void vec_env_episode_row(const struct vec_env *v, int i, float *row);

/* Bytes of the snapshot of one environment with its bookkeeping; 0 when the family cannot be saved.
 * Constant. */
size_t vec_env_snapshot_bytes(const struct vec_env *v);
void vec_env_save(const struct vec_env *v, int i, uint8_t *snapshot);
/* Makes environment i continue bit for bit as the saved one; obs [obs_bytes] is written.
 * ONIC_EDAMAGED: not such a snapshot. */
int vec_env_load(struct vec_env *v, int i, const uint8_t *snapshot, uint8_t *obs,
                 struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_VEC_ENV_H */
