/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_WILSON_H
#define ONIC_COMMON_BASE_WILSON_H

/* wilson.h - the 95 % interval of a rate of successes: Wilson's score interval.
 *
 * The usual mean +- 1.96 standard errors says 0 +- 0 when nothing succeeded and goes beyond 0 and 1
 * near them; this one stays inside, and 0 of 20 is [0, 0.161]. */

/* rate: in [0, 1], of n >= 1 independent trials. */
void wilson_interval(double rate, int n, double out[2]);

#endif /* ONIC_COMMON_BASE_WILSON_H */
