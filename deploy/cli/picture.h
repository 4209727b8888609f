/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PICTURE_H
#define ONIC_DEPLOY_CLI_PICTURE_H

/* picture.h - what is to be seen of an environment, as lines of text. */

#include <stdint.h>

#include "actor/envs/env.h"
#include "common/base/buf.h"

/* Appends the environment's own picture, or, of one that draws none, the fields of its observation
 * obs [obs_bytes]: pictures (uint8, three dimensions, at least 16 pixels a side) drawn small in
 * half blocks of 256 colours, others as tables. */
void picture_draw(const struct env *e, const uint8_t *obs, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_PICTURE_H */
