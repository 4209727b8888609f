/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_ENV_FAULTS_H
#define ONIC_ACTOR_ENVS_ENV_FAULTS_H

/* env_faults.h - which broken episodes are told: each kind at once, the same again once a minute.
 *
 * The kind of a fault is what its sentence says before a colon, without the numbers in it: of an
 * exception its type, of a process how it ended. */

#include <stdbool.h>
#include <stdint.h>

enum { ENV_FAULT_KINDS = 16, ENV_FAULT_KIND_MAX = 64, ENV_FAULT_EVERY_MS = 60000 };

/* Zeroed before its first use. */
struct env_faults {
    int n;
    struct {
        char kind[ENV_FAULT_KIND_MAX];
        int64_t said_ms, untold;
    } seen[ENV_FAULT_KINDS + 1]; /* the last: whatever found no room */
};

/* How often a fault of this kind has come since it was told last, with this one: tell it now. 0: it
 * is not told yet. */
int64_t env_faults_to_tell(struct env_faults *f, const char *why);

#endif /* ONIC_ACTOR_ENVS_ENV_FAULTS_H */
