/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_SECRETS_H
#define ONIC_COMMON_BASE_SECRETS_H

/* secrets.h - keys are in the process that uses them and nowhere else.
 *
 * A key in the environment (a variable whose name ends with _API_KEY, or ONIC_CURVE_SECRET) reaches
 * every child, and can be read in /proc by whoever runs as the same user. */

#include <stdbool.h>
#include <stddef.h>

/* Such a variable is set. */
bool secrets_are_here(void);
/* Removes them and wipes their values, /proc/self/environ included: before anything else runs in a
 * process that needs none, and in a forked child. */
void secrets_forget(void);
/* Takes one out of the environment and wipes it there; out is "" where it is not set. What does not
 * fit is cut, and no key then. */
void secrets_take(const char *name, char *out, size_t size);
/* This process holds a key from here on: no core file of it, and no look into its memory or
 * environment by other processes of this user (PR_SET_DUMPABLE 0). */
void secrets_hold(void);

#endif /* ONIC_COMMON_BASE_SECRETS_H */
