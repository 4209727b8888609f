/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_OBS_SPEC_H
#define ONIC_COMMON_POLICY_OBS_SPEC_H

/* obs_spec.h - the layout of one observation: what an environment writes, the wire carries and a
 * network reads.
 *
 * An observation is one block of obs_bytes; a field is an array inside it at `offset` (aligned to
 * its element size), row-major, little-endian, in its smallest natural type. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { OBS_FIELDS_MAX = 16, OBS_NAME_MAX = 24, OBS_DIMS_MAX = 3 };

enum obs_type { OBS_U8, OBS_I8, OBS_I16, OBS_I32, OBS_I64, OBS_F32 };

struct obs_field {
    char name[OBS_NAME_MAX];
    enum obs_type type;
    int ndim;
    int shape[OBS_DIMS_MAX];
    size_t offset; /* bytes from the start of the observation */
    size_t bytes;
};

struct obs_spec {
    int nfields;
    struct obs_field field[OBS_FIELDS_MAX];
    size_t obs_bytes; /* total, a multiple of 8 */
};

/* A float of an observation is at most so large, in either direction: far beyond what any world
 * has, and near enough that sums of its squares stay finite. What is larger is taken for no number,
 * by the actor (the episode counts as broken) and by the learner (the trajectory is invalid). */
#define OBS_FLOAT_MOST 1e15f

/* Of n floats: the first that is larger, or not finite; n = none. at may be unaligned. */
size_t obs_floats_beyond(const uint8_t *at, size_t n);

size_t obs_type_bytes(enum obs_type t);
const char *obs_type_name(enum obs_type t);     /* "uint8", "int16", ... */
int obs_field_count(const struct obs_field *f); /* elements */
/* Appends a field behind the last one. Names must be unique (asserted). */
void obs_spec_add(struct obs_spec *s, const char *name, enum obs_type type, int ndim,
                  const int *shape);
/* NULL when absent */
const struct obs_field *obs_spec_find(const struct obs_spec *s, const char *name);
/* "image uint8[7,7,3]; direction uint8[1]" - the canonical text that is hashed and compared between
 * peers. */
void obs_spec_text(const struct obs_spec *s, struct buf *out);
/* All elements of field f of observation obs as doubles: out [obs_field_count]. */
void obs_values(const struct obs_field *f, const uint8_t *obs, double *out);
/* Element i of it. */
double obs_value(const struct obs_field *f, const uint8_t *obs, int i);

#endif /* ONIC_COMMON_POLICY_OBS_SPEC_H */
