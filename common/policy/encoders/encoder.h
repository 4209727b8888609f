/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_ENCODER_H
#define ONIC_COMMON_POLICY_ENCODERS_ENCODER_H

/* encoder.h - what a network's first part must offer: observations in, features out.
 *
 * An encoder is immutable after create; everything a call needs besides is in `cache`, one per
 * thread. Forward and backward cannot fail and allocate nothing. Observations come from peers:
 * every value read from a row must be brought into range before it is used as an index. A row is
 * 8-byte aligned at best: read wider types with memcpy. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nn/params.h"
#include "common/policy/policy.h"

struct encoder_type {
    const char *id;   /* "grid-small" */
    const char *help; /* half a sentence for lists */
    /* fields it reads, comma-separated; '?' in front: used when present; "*": all */
    const char *fields;
    bool has_parts;      /* policy.parts chooses among its parts */
    bool has_pictures;   /* policy.pixels_layers and policy.pixels_channels are its options */
    bool takes_obs_norm; /* reads float32 fields as obs_norm.h has it, when c->obs_norm says so */
    int hidden;          /* default of policy.hidden */
    int core_size;       /* default of policy.core_size */

    /* Adds its parameters to p. c has hidden resolved and every needed field present. ONIC_ECONFIG
     * when a field has the wrong type or shape, or c->parts names none of its parts. *self is owned
     * by the policy, also when create fails. */
    int (*create)(void **self, const struct policy_config *c, struct params *p,
                  struct onic_err *err);
    void (*free)(void *self);
    int (*width)(const void *self); /* E, features per row */
    /* multiply-accumulates per row, look-ups counted as additions */
    double (*macs)(const void *self);
    /* Lays out a cache for max_rows in memory (memory_cut); returns the bytes it needs. memory
     * NULL: only counts. */
    size_t (*cache)(const void *self, void *memory, int max_rows);

    /* out [n, E] */
    void (*forward)(const void *self, void *cache, const float *params, const uint8_t *const *rows,
                    int n, float *out);
    /* Of the last forward, for its first n rows (n may be smaller). out: what forward wrote; dout
     * [n,E] is used up; adds to grads. */
    void (*backward)(const void *self, void *cache, const float *params, const float *out,
                     float *dout, int n, float *grads);
};

/* NULL when there is none. */
const struct encoder_type *encoder_find(const char *id);
const struct encoder_type *encoder_at(int i); /* i-th of encoders.def; NULL behind the last */
/* ONIC_ECONFIG; lists the encoders there are. */
int encoder_unknown(const char *id, struct onic_err *err);
/* How encoder e uses field `name`: 0 not, 1 optionally, 2 it must be there. */
int encoder_reads(const struct encoder_type *e, const char *name);
/* ONIC_ECONFIG when a field that e must have is missing from obs; names both. */
int encoder_check(const struct encoder_type *e, const struct obs_spec *obs, struct onic_err *err);

#endif /* ONIC_COMMON_POLICY_ENCODERS_ENCODER_H */
