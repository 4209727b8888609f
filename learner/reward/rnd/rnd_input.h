/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RND_RND_INPUT_H
#define ONIC_LEARNER_REWARD_RND_RND_INPUT_H

/* rnd_input.h - an observation as the numbers that rnd's networks read.
 *
 * Fields of 8- and 16-bit integers hold names of things (tiles, glyphs, letters): that 5 is near 6
 * means nothing. They enter as one-hot vectors, all of them projected by one fixed random matrix to
 * RND_PROJECTED numbers, which keeps their distances (Johnson and Lindenstrauss 1984). Other fields
 * are numbers and enter as they are, one that is not finite as 0. All of these are whitened: less
 * their running mean, over their running deviation, cut at +-5. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/policy/obs_spec.h"

enum { RND_PROJECTED = 128 };

struct rnd_input;

struct rnd_input *rnd_input_create(const struct obs_spec *obs, uint64_t seed); /* obs is copied */
void rnd_input_free(struct rnd_input *in);                                     /* NULL is allowed */
int rnd_input_elements(const struct rnd_input *in); /* numbers of one observation */

/* raw [elements], before whitening. */
void rnd_input_read(struct rnd_input *in, const uint8_t *obs, double *raw);
/* Adds raw [rows, elements] to mean and deviation. */
void rnd_input_learn(struct rnd_input *in, const double *raw, int rows);
/* raw, x [rows, elements] */
void rnd_input_whiten(const struct rnd_input *in, const double *raw, int rows, float *x);

/* f64 rows seen, then mean and sum of squares per element. The matrix is of the seed. */
void rnd_input_save(const struct rnd_input *in, struct buf *out);
size_t rnd_input_bytes(const struct rnd_input *in);
/* p [bytes]: false, and nothing is changed, when malformed. */
bool rnd_input_load(struct rnd_input *in, const char *p);

#endif /* ONIC_LEARNER_REWARD_RND_RND_INPUT_H */
