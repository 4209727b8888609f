/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_USAGE_H
#define ONIC_TESTS_CHAOS_USAGE_H

/* usage.h - what a process holds, and whether that grows. */

#include <stdbool.h>
#include <sys/types.h>

struct usage {
    double rss_mb;  /* resident, 10^6 bytes, files that are mapped included */
    double anon_mb; /* of that, its own */
    int files;      /* open descriptors */
};

/* False: there is no such process (any more). */
bool usage_of(pid_t pid, struct usage *out);

/* Least squares of y over t, of the means of `block` values at a time: neighbours are alike, and
 * taken one by one they would look like more evidence than they are. half_width: of the 95 %
 * interval. False: fewer than four blocks. */
struct slope {
    double per_unit, half_width;
    int blocks;
};
bool slope_of(const double *t, const double *y, int n, int block, struct slope *out);

/* The middle one of n > 0 values. */
int median_of(const int *values, int n);

#endif /* ONIC_TESTS_CHAOS_USAGE_H */
