/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_FIELDS_H
#define ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_FIELDS_H

/* picture_fields.h - which fields of an observation the network pixels reads as its picture.
 *
 * Those of uint8 with three dimensions, and, where there is none, those with two, which are grey.
 * Several of one height and width are one picture of all their channels, in their order. */

#include "common/policy/obs_picture.h"
#include "common/policy/plain_fields.h"

struct picture_fields {
    int count, H, W, C;
    int field[OBS_FIELDS_MAX]; /* their places in the observation */
    struct obs_picture plane[OBS_FIELDS_MAX];
    struct plain_fields plain; /* the others */
};

/* p: zeros. ONIC_ECONFIG, which names the field, where one has a wrong type or size; and where
 * there is no picture. */
int picture_fields_find(struct picture_fields *p, const struct obs_spec *obs, struct onic_err *err);

#endif /* ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_FIELDS_H */
