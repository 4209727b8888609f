/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PULSE_H
#define ONIC_COMMON_BASE_PULSE_H

/* pulse.h - the sign of life of a supervised process.
 *
 * The supervisor gives its child the writing end of a pipe and names it in ONIC_PULSE=fd:N. The
 * child's main loop beats; a beat says that this loop turns, and depends on no file, no disk and no
 * log level. Without a supervisor beats go nowhere. */

/* At the start, single-threaded: takes the pipe that ONIC_PULSE names, when it is one. */
void pulse_open(void);
/* At most one write of one byte per 200 ms, which never waits. From one thread. */
void pulse_beat(void);

#endif /* ONIC_COMMON_BASE_PULSE_H */
