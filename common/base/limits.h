/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_LIMITS_H
#define ONIC_COMMON_BASE_LIMITS_H

/* limits.h - what this process may have of memory and threads, and who says so: resource limits
 * (ulimit) and control groups, v1 and v2.
 *
 * Libraries die or spin where they get no thread or no memory, far from a sentence that helps. So
 * each program asks at its start whether it can have what it will need. */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { LIMITS_TEXT_MAX = 400 };

struct limits_need {
    const char *who;   /* "onic-learner" */
    int threads;       /* beside the first */
    size_t address_mb; /* of address space beside what is there */
    size_t memory_mb;  /* that it will touch, at the very least and altogether */
};

/* Makes so many threads and maps so much, and gives it back. ONIC_ECONFIG names the limit that is
 * in the way, its value, and what is needed. */
int limits_check(const struct limits_need *need, struct onic_err *err);

/* The limits that are set, with their values: "the limit of address space is 250 MB (ulimit -v)";
 * "" when there is none. root is "" but in tests. */
void limits_memory_text(const char *root, char *out, size_t size);
void limits_threads_text(const char *root, char *out, size_t size);
/* Tightest memory limit of the control groups of this process in bytes, 0 = none. */
double limits_group_memory(const char *root);
/* Kills of the out-of-memory killer so far, in our control group and those around it or, where
 * these do not tell, on the machine; -1 = not known. */
int64_t limits_oom_kills(const char *root);

/* After a fork that failed with errno `why`: ONIC_ECONFIG with the limit behind it. */
int limits_no_process(const char *for_whom, int why, struct onic_err *err);
/* pthread_create for a thread that takes no signals: they go to the thread that can act on them.
 * (Those of its own faults stay, so that a crash is reported.) false: there is none to be had. */
bool limits_try_thread(pthread_t *thread, void *(*run)(void *), void *arg);
/* The same for threads that a program cannot do without: where there is none to be had it says so,
 * with the limit, and ends the process: 64 when a limit is set, else 70. */
void limits_create_thread(pthread_t *thread, void *(*run)(void *), void *arg);
/* Says that there is no memory, and which limit may be the reason, and ends the process: 64 when a
 * limit is set, else 70. */
void limits_out_of_memory(void) __attribute__((noreturn));

#endif /* ONIC_COMMON_BASE_LIMITS_H */
