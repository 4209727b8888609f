/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_CLOCK_H
#define ONIC_COMMON_BASE_CLOCK_H

/* clock.h - time. Logic uses the monotonic clock only; wall time is for people and file stamps.
 * Tests may replace the monotonic source.
 *
 * Deadlines are kept with clock_ms. A process that was stopped (SIGSTOP, a paused virtual machine,
 * a machine too busy to run it) sees a leap of the monotonic clock, and everything it waits for
 * would seem to be overdue, although whoever owes it stood still as well or has answered long ago.
 * So clock_ms leaves such a stretch out, once clock_leave_out_standstills has been called. */

#include <stdint.h>

int64_t clock_ns(void);     /* monotonic, stand-stills included: for measuring */
int64_t clock_ms(void);     /* monotonic, without stand-stills: for deadlines */
double clock_wall_s(void);  /* Unix seconds */
int64_t clock_cpu_ns(void); /* CPU time of the calling thread */
int64_t clock_process_cpu_ns(void);

/* Starts the thread that notices stand-stills; without it (never called, or no thread to be had)
 * clock_ms counts them. From a stretch in which this process did not run for longer than a second
 * one second is counted. May be called again; not inherited by fork. */
void clock_leave_out_standstills(void);
int64_t clock_stood_still_ms(void); /* left out so far */

void clock_replace(int64_t (*monotonic_ns)(void)); /* tests; NULL restores the real clock */

#endif /* ONIC_COMMON_BASE_CLOCK_H */
