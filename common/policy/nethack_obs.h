/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_NETHACK_OBS_H
#define ONIC_COMMON_POLICY_NETHACK_OBS_H

/* nethack_obs.h - what the NetHack encoders share: sizes of NLE's observations, the check that a
 * field is what an encoder reads, and the status line as ONI scales it. Thread-safe. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/policy/obs_spec.h"

enum {
    NETHACK_ROWS = 21,
    NETHACK_COLS = 79,
    NETHACK_CELLS = NETHACK_ROWS * NETHACK_COLS,
    NETHACK_GLYPHS = 5976, /* NLE's MAX_GLYPH: glyphs are below it */
    NETHACK_BLSTATS = 27,
    NETHACK_MESSAGE = 256
};

/* Where field `name` of `count` elements lies in an observation. ONIC_ECONFIG, naming network and
 * field, when it is of another type or size. The field is there (encoder_check). */
int nethack_field(size_t *offset, const struct obs_spec *obs, const char *net, const char *name,
                  enum obs_type type, int count, struct onic_err *err);
/* blstats [27] times ONI's scales, clipped to +-5; several scales are 0, those of depth and score
 * among them. */
void nethack_numbers(const int64_t *blstats, float *out);

#endif /* ONIC_COMMON_POLICY_NETHACK_OBS_H */
