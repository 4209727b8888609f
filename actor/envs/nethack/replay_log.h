/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_REPLAY_LOG_H
#define ONIC_ACTOR_ENVS_NETHACK_REPLAY_LOG_H

/* replay_log.h - the seeds and actions of the running episode in a file that survives the process.
 *
 * A file mapped into memory costs a store per step, and the kernel keeps it when the process dies.
 * A crash of the library thus leaves what is needed to play the fatal game again: `onic replay
 * FILE` shows it. File: struct replay_head, then one byte per action. */

#include <stdint.h>

#include "common/base/err.h"

#define REPLAY_MAGIC "onicnh1"

struct replay_head {
    char magic[8];
    char id[64];            /* environment */
    uint64_t seed, episode; /* what env_seed got, and the number of the reset after it */
    uint64_t seeds[3];      /* core, disp, lgen: drawn from those two */
    int64_t clock;
    uint32_t actions; /* action set, 23 or 28 */
    uint32_t running; /* 1 = the episode had not ended */
    uint64_t count;   /* actions written, at most capacity: of a longer episode the beginning */
    uint64_t capacity;
};

struct replay_log;

/* dir: actors.state_dir; "" gives *out = NULL, which every other call accepts. A file of an earlier
 * process whose episode was still running is kept as crash-<who>-<k>.replay (the newest 16) and
 * reported in the log. */
int replay_log_open(struct replay_log **out, const char *dir, const char *who,
                    const struct replay_head *head, struct onic_err *err);
/* removes the file: an ordinary end leaves nothing to replay */
void replay_log_close(struct replay_log *r);
void replay_log_episode(struct replay_log *r, uint64_t seed, uint64_t episode,
                        const uint64_t seeds[3]);
void replay_log_action(struct replay_log *r, int action);
void replay_log_end(struct replay_log *r);

#endif /* ONIC_ACTOR_ENVS_NETHACK_REPLAY_LOG_H */
