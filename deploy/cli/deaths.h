/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DEATHS_H
#define ONIC_DEPLOY_CLI_DEATHS_H

/* deaths.h - why a part of a run died, and how often of the same cause.
 *
 * A part that dies of the same cause again and again will go on dying, and restarting it for ever
 * hides that from the user. Each cause has its own count: a game that crashes now and then and a
 * machine that is short of memory are two things. A life of ten minutes proves that the part can
 * live; it is then as new. */

#include <stddef.h>
#include <stdint.h>

enum {
    DEATH_CAUSES = 8,
    DEATH_HINT_MAX = 600,
    DEATH_FORGET_MS =
        600000, /* longer than the grace of a full disk, which fails anew in every life */
    /* Causes: an exit code, a signal as -signal, or one of these. */
    DEATH_NO_PULSE = -1000, /* killed by us: its main loop stood still */
    DEATH_NO_START = -1001, /* no process could be made */
};

struct deaths {
    int cause[DEATH_CAUSES], count[DEATH_CAUSES]; /* count 0 = free */
};

/* The cause in a status of waitpid. */
int death_cause(int status);
/* Books a death after a life of lived_ms; returns how many of this cause there are now. */
int deaths_book(struct deaths *d, int cause, int64_t lived_ms);
/* "exit code 70", "signal 11 (Segmentation fault)". */
void death_text(int cause, char *out, size_t size);
/* What a part did: "ended with exit code 70", "cannot be started". */
void death_sentence(int cause, char *out, size_t size);
/* What may be behind it and what to look at, "" when the cause says it all. oom_kills: of the
 * out-of-memory killer around us (limits.h) during that life, -1 = not known. */
void death_hint(int cause, int64_t oom_kills, char *out, size_t size);
/* Exit code of a run that such a death ends; never 75, which would be tried again for ever. */
int death_exit_code(int cause);

#endif /* ONIC_DEPLOY_CLI_DEATHS_H */
