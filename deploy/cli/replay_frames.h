/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_FRAMES_H
#define ONIC_DEPLOY_CLI_REPLAY_FRAMES_H

/* replay_frames.h - the pictures of an episode as JSON, for `onic replay --json --frames`: lines of
 * text with the colours of a terminal, of each picture those that are not as in the one before. */

#include <stdint.h>

#include "actor/envs/env.h"
#include "common/base/buf.h"

struct replay_frames {
    struct buf picture; /* the last one */
};

void replay_frames_init(struct replay_frames *f);
void replay_frames_release(struct replay_frames *f);

/* ,"start":["line",...] */
void replay_frames_start(struct replay_frames *f, const struct env *e, const uint8_t *obs,
                         struct buf *out);
/* ,"lines":N,"frame":[[LINE,"text"],...], lines counted from 0 */
void replay_frames_next(struct replay_frames *f, const struct env *e, const uint8_t *obs,
                        struct buf *out);

#endif /* ONIC_DEPLOY_CLI_REPLAY_FRAMES_H */
