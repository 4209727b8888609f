/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_PLAIN_FIELDS_H
#define ONIC_COMMON_POLICY_PLAIN_FIELDS_H

/* plain_fields.h - how a field of an observation becomes numbers for a dense layer, for networks
 * that read any field. Stated here because it is part of such a network:
 *
 *   uint8, field of at most 16 elements   categories: one weight row per value, looked up
 *   uint8, longer, three dimensions       v / 255: a picture
 *   int8                                  v / 128
 *   other whole numbers                   sign(v) log(1 + |v|): counts, flags, codes of characters
 *   float32                               v, limited to +-1000; not finite: 0; with
 *                                         policy.obs_norm in units of its deviation (obs_norm.h)
 *
 * Short byte fields are categories because a position, a direction or a switch says nothing by its
 * size, and 2/255 against 1/255 is not a difference a network learns quickly. Nor is a one-hot
 * vector of 30 bytes, whose 1 would be 0.004: only what has the shape of a picture is one. */

#include <stdbool.h>

#include "common/policy/obs_norm.h"
#include "common/policy/obs_spec.h"

enum { PLAIN_CATEGORIES = 256 }; /* rows of the table for each place */

struct plain_fields {
    int count;
    struct obs_field field[OBS_FIELDS_MAX];
    int places;           /* elements looked up */
    int numbers;          /* elements that are numbers */
    struct obs_norm norm; /* of all float32 fields; count 0: as they are */
};

/* Whether its elements are looked up. */
bool plain_fields_is_category(const struct obs_field *f);
/* Behind those that are there. */
void plain_fields_add(struct plain_fields *p, const struct obs_field *f);
/* idx [places], rows of a table of places * PLAIN_CATEGORIES; x [numbers]. obs: from anybody. */
void plain_fields_read(const struct plain_fields *p, const float *params, const uint8_t *obs,
                       int32_t *idx, float *x);

#endif /* ONIC_COMMON_POLICY_PLAIN_FIELDS_H */
