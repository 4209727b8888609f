/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RND_RETURN_SCALE_H
#define ONIC_LEARNER_REWARD_RND_RETURN_SCALE_H

/* return_scale.h - the deviation of discounted returns, by which intrinsic rewards are divided
 * (arXiv 1810.12894, section 2.4).
 *
 * Per environment a filter R <- gamma R + r runs forward over its steps and over the ends of its
 * episodes; the deviation is that of all values R ever had (mean and variance merged batch by
 * batch: Chan, Golub, LeVeque 1979; beginning with mean 0, variance 1, count 1e-4). Bounded: with
 * RETURN_SCALE_ENVIRONMENTS known ones all filters begin anew at 0. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum { RETURN_SCALE_ENVIRONMENTS = 1 << 16 };

struct return_scale;

struct return_scale *return_scale_create(double gamma);
void return_scale_free(struct return_scale *s); /* NULL is allowed */

/* Adds rewards r [n], step i of environment[i % C] (C columns, time-major). */
void return_scale_add(struct return_scale *s, const float *r, int n, const uint64_t *environment,
                      int C);
double return_scale_deviation(const struct return_scale *s); /* 1 before the first reward */

void return_scale_save(const struct return_scale *s, struct buf *out);
/* Reads what save wrote from the front of p [len]; returns the bytes taken, 0 when malformed (s is
 * then as created). s NULL only checks. */
size_t return_scale_load(struct return_scale *s, const char *p, size_t len);

#endif /* ONIC_LEARNER_REWARD_RND_RETURN_SCALE_H */
