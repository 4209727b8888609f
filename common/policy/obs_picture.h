/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_OBS_PICTURE_H
#define ONIC_COMMON_POLICY_OBS_PICTURE_H

/* obs_picture.h - a field of an observation read as a picture: [height, width, channels], or
 * [channels, height, width] where the first of the three is smaller than the last, or grey [height,
 * width]. */

#include "common/policy/obs_spec.h"

struct obs_picture {
    int H, W, C;
    size_t at; /* bytes from the start of the observation to the first element */
    int pixel,
        channel; /* elements from a pixel to the next of its row, from a channel to the next */
};

/* f has two or three dimensions. */
struct obs_picture obs_picture_of(const struct obs_field *f);

#endif /* ONIC_COMMON_POLICY_OBS_PICTURE_H */
