/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_TRAJECTORY_H
#define ONIC_COMMON_DATA_TRAJECTORY_H

/* trajectory.h - T steps of E environments of one actor: the unit that is sent, acknowledged and
 * counted.
 *
 * One trajectory = one sequence number = one entry of the ledger. In memory it is the message
 * itself: every array below points into one block, so the actor writes where the socket reads and
 * the learner reads where the socket wrote. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/policy/obs_spec.h"
#include "common/policy/policy.h"

/* Bytes of one environment's exact resume point: environment state, recurrent state [S], action
 * stream position, newest caption (length, text). */
enum { TRAJECTORY_SNAPSHOT_CAPTION = sizeof(uint16_t) + BOUND_CAPTION };
static inline size_t trajectory_snapshot_bytes(size_t env_state_bytes, int state_size)
{
    return (env_state_bytes + (size_t)state_size * sizeof(float) + sizeof(uint64_t) +
            TRAJECTORY_SNAPSHOT_CAPTION + 7) /
           8 * 8;
}

enum { STEP_TERMINATED = 1, STEP_TRUNCATED = 2, STEP_FAILED = 4, STEP_SUCCESS = 8 };
enum { STEP_ENDED = STEP_TERMINATED | STEP_TRUNCATED | STEP_FAILED };
enum { TRAJECTORY_EPISODE_HEAD = 4 }; /* return, length, success, environment number */

/* What both sides fix at READY. */
struct trajectory_shape {
    int T, E; /* steps, environments */
    size_t obs_bytes;
    struct action_space actions;
    int state_size;        /* S */
    int nstats;            /* task statistics per finished episode */
    size_t snapshot_bytes; /* per environment, deterministic mode; else 0 */
};

struct trajectory {
    struct trajectory_shape shape;
    uint32_t actor_id;
    uint64_t incarnation;
    uint64_t seq;              /* 1, 2, 3 ... per incarnation */
    uint64_t weights_version;  /* the policy that acted */
    uint64_t env_steps_before; /* steps this actor took before this trajectory, all incarnations */

    /* [T+1, E, obs_bytes]; row T = observation after the last step (after a reset if it ended) */
    uint8_t *obs;
    int16_t *action; /* [T, E, parts] choices; NULL where actions are numbers */
    float *logp;     /* [T, E] of the behaviour policy */
    float *value;    /* [T, E, 2] of the behaviour policy */
    float *reward;   /* [T, E] environment units */
    uint8_t *flags;  /* [T, E] STEP_* */
    /* [T, E, 2] value of the final observation of a truncated or failed step; 0 elsewhere */
    float *final_value;
    uint16_t *caption; /* [T, E] caption of the step: index into the table; 0 = empty caption */
    /* [T, E] times this caption occurred in the episode, this one included; 0 when empty */
    uint16_t *caption_count;
    /* [T+1, E] caption belonging to each observation (reset message after a reset) */
    uint16_t *obs_caption;
    uint16_t *first_count;  /* [E] times the caption of observation 0 occurred in its episode */
    float *state0;          /* [E, S] recurrent state before step 0 */
    uint64_t *episode_id;   /* [E] of the episode running at step 0 */
    uint64_t *episode_seed; /* [E] */
    uint32_t *first_step;   /* [E] index of step 0 within its episode */
    uint8_t *snapshot;      /* [E, snapshot_bytes] after the last step; NULL when 0 */
    /* [T, E, parts] numbers as common/policy/action_dist.h has them; NULL where actions are choices
     */
    float *number;
    uint8_t *mask; /* [T, E, mask_bytes] what was possible; NULL when 0 */

    int ncaptions;             /* entries of the table, entry 0 = "" */
    const char **caption_text; /* [ncaptions] not NUL-terminated */
    uint16_t *caption_len;     /* [ncaptions] <= BOUND_CAPTION */

    int nepisodes; /* episodes that ended within */
    /* [nepisodes, 4 + nstats]: return, length, success (0/1, -1 = none), environment, stats */
    float *episodes;
    /* [nepisodes, obs_bytes] the last observation of each, before the reset: what the k-th step
     * that ended an episode led to, in order of time, then of environment. Of a failed one it
     * means nothing. */
    uint8_t *final_obs;

    uint32_t captions_dropped, episodes_dropped; /* found no room; in the learner's metrics */

    void *storage; /* owner of all of the above; private to wire */
};

/* A stand-alone block of the same layout, for in-process training and tests (the links use their
 * own pools). Freed with trajectory_free. */
struct trajectory *trajectory_create(const struct trajectory_shape *shape);
void trajectory_free(struct trajectory *t); /* NULL is allowed */
/* Forgets captions and episodes so that the block can be filled again. */
void trajectory_clear(struct trajectory *t);
/* Writes caption `text` into the table and returns its index (0 for empty); at most 65535 distinct
 * ones, further ones 0 and counted. */
uint16_t trajectory_caption(struct trajectory *t, const char *text, size_t len);
/* Appends a finished episode [4 + nstats] and its last observation [obs_bytes]; false when there is
 * no room (T*E/4+64), and counted. */
bool trajectory_episode(struct trajectory *t, const float *episode, const uint8_t *final_obs);

#endif /* ONIC_COMMON_DATA_TRAJECTORY_H */
