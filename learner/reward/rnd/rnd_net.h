/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RND_RND_NET_H
#define ONIC_LEARNER_REWARD_RND_RND_NET_H

/* rnd_net.h - the two networks of random network distillation: a fixed random one and a deeper one
 * that learns to predict its output. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { RND_NET_ROWS = 512 }; /* of one call at most */

struct rnd_net;

struct rnd_net *rnd_net_create(int inputs, uint64_t seed);
void rnd_net_free(struct rnd_net *n); /* NULL is allowed */

/* error [rows] = mean squared error of the prediction for each row of x [rows, inputs]. */
void rnd_net_errors(struct rnd_net *n, const float *x, int rows, float *error);
/* One step of Adam on the mean error of the rows. */
void rnd_net_learn(struct rnd_net *n, const float *x, int rows);
uint64_t rnd_net_steps(const struct rnd_net *n);

/* u64 steps, then f32 target, predictor, Adam's m and v. */
void rnd_net_save(const struct rnd_net *n, struct buf *out);
size_t rnd_net_bytes(const struct rnd_net *n);
/* p [bytes]: false, and nothing is changed, when a number is not finite. */
bool rnd_net_load(struct rnd_net *n, const char *p);

#endif /* ONIC_LEARNER_REWARD_RND_RND_NET_H */
