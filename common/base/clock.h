/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_CLOCK_H
#define ONIC_COMMON_BASE_CLOCK_H

/* clock.h - time. Logic uses the monotonic clock only; wall time is for people and file stamps.
 * Tests may replace the monotonic source. */

#include <stdint.h>

int64_t clock_ns(void);     /* monotonic */
int64_t clock_ms(void);     /* monotonic */
double clock_wall_s(void);  /* Unix seconds */
int64_t clock_cpu_ns(void); /* CPU time of the calling thread */
int64_t clock_process_cpu_ns(void);
void clock_replace(int64_t (*monotonic_ns)(void)); /* tests; NULL restores the real clock */

#endif /* ONIC_COMMON_BASE_CLOCK_H */
