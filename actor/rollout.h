/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ROLLOUT_H
#define ONIC_ACTOR_ROLLOUT_H

/* rollout.h - plays T steps in E environments and writes them into a trajectory, in place.
 *
 * This is the whole acting side of the algorithm: policy, sample, step, bookkeeping of ends and
 * captions. It knows nothing of sockets: the actor program, the in-process benchmark and the tests
 * use the same function. Single-threaded. Nothing is allocated after rollout_create. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/envs/vec_env.h"
#include "common/base/err.h"
#include "common/data/trajectory.h"
#include "common/policy/policy.h"

struct rollout;

struct rollout_params {
    const struct policy *policy; /* borrowed */
    struct vec_env *envs;        /* borrowed */
    uint64_t seed; /* run seed: action streams are (seed, "action", actor_id, environment, life) */
    uint32_t actor_id;
    uint64_t life; /* 0 in deterministic runs, else the incarnation: a restarted actor draws anew */
    int T;         /* steps per trajectory */
    /* random steps before the first trajectory: 0 for the first environment, rising to this for the
     * last */
    int warmup;
    bool snapshot; /* deterministic runs: every trajectory carries an exact resume point */
};

/* Fails with ONIC_ECONFIG when a snapshot is asked of an environment that offers none. */
int rollout_create(struct rollout **out, const struct rollout_params *p, struct onic_err *err);
void rollout_free(struct rollout *r); /* NULL is allowed */

/* The shape of the trajectories this rollout fills. */
struct trajectory_shape rollout_shape(const struct rollout *r);

/* Resets every environment and takes its random steps, or (blob not NULL) continues from the
 * snapshot of an earlier trajectory, [E, snapshot_bytes]. Call once before the first rollout_fill.
 */
int rollout_start(struct rollout *r, const uint8_t *blob, size_t len, struct onic_err *err);

/* Called between steps with the number of environment steps just taken, so that links stay alive.
 */
typedef void rollout_tick(void *ctx, uint64_t env_steps);

/* Episodes finished by this rollout. */
uint64_t rollout_episodes(const struct rollout *r);

/* Fills t (cleared by this call) with T steps of the policy `weights`. t->seq, incarnation are left
 * to the link. On an error an environment could not even be reset: the actor must end. */
int rollout_fill(struct rollout *r, const float *weights, uint64_t version, struct trajectory *t,
                 rollout_tick *tick, void *ctx, struct onic_err *err);

#endif /* ONIC_ACTOR_ROLLOUT_H */
