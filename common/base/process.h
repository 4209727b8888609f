/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PROCESS_H
#define ONIC_COMMON_BASE_PROCESS_H

/* process.h - what a program takes over from whoever started it: descriptors, limits, signals. */

#include "common/base/err.h"

/* First thing in main, before anything is opened. Descriptors 0 to 2 that are closed become
 * /dev/null: else the next file gets the number, and what is printed lands in it. Process 1 of a
 * container becomes its init, and the program goes on as a child (pid_one.h). The soft limit of
 * open files is raised to the hard one: each connection takes a descriptor; that of the stack to
 * what is usual, also for threads, and a hard one that is too low ends the program with 64. SIGXFSZ
 * is ignored: a limit of file sizes is an error of write. */
void process_start(void);

/* Before another program is executed: the limit of open files as it was before process_start, for
 * programs that size tables by it or use select(). Async-signal-safe. */
void process_restore_limits(void);
/* The soft limit of open files before process_start; 0 = no limit, or process_start was not called.
 */
unsigned long long process_files_before(void);

/* ONIC_ECONFIG when the limit of open files is below `needed`; who: "a reward server". */
int process_need_files(unsigned long long needed, const char *who, struct onic_err *err);

enum { PROCESS_STOPS_MAX = 3 };

/* The signals that ask a program to finish its work and end, and how many they are: SIGINT,
 * SIGTERM, and SIGHUP unless it was ignored when the program began, as under nohup: then it stays
 * so. SIGINT always, because shells without job control start what runs in the background with it
 * ignored. */
int process_stop_signals(int signals[PROCESS_STOPS_MAX]);

#endif /* ONIC_COMMON_BASE_PROCESS_H */
