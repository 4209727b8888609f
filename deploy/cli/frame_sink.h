/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_FRAME_SINK_H
#define ONIC_DEPLOY_CLI_FRAME_SINK_H

/* frame_sink.h - where steps go that are to be seen elsewhere than in the terminal (record.h). */

#include <stdbool.h>
#include <stdint.h>

#include "actor/envs/env.h"

struct frame_sink {
    /* After each reset and step. e, obs [obs_bytes]: as they are now; text: lines about the step,
     * as games and files gave them; last: an episode ends with it. */
    int (*frame)(struct frame_sink *self, const struct env *e, const uint8_t *obs, const char *text,
                 bool last, struct onic_err *err);
};

#endif /* ONIC_DEPLOY_CLI_FRAME_SINK_H */
