/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_AUDIT_H
#define ONIC_COMMON_BASE_AUDIT_H

/* audit.h - who came, left or was refused: a line each in a file of its own, for whoever wants to
 * know afterwards who was there.
 *
 *   2026-11-23T19:30:00.123Z refused learner actor address="10.0.0.7" key="" actor=3 host="n7"
 *   pid=811 reason="..."
 *
 * What a stranger can cause is bounded: refusals that come faster than one a second, and joins
 * faster than 33 a second, after some in a row, are counted, and the next line says how many. At
 * AUDIT_BYTES the file becomes PATH.1, in place of the one before. A file that is rotated away is
 * begun anew. Values are escaped. One file for a process; thread-safe; does nothing while none is
 * open. */

#include <stdint.h>

#include "common/base/err.h"

enum { AUDIT_BYTES = 16 << 20 };

enum audit_event {
    AUDIT_JOINED,
    AUDIT_BACK, /* after an absence */
    AUDIT_LEFT,
    AUDIT_LOST,        /* silent for too long */
    AUDIT_REFUSED,     /* told why */
    AUDIT_QUARANTINED, /* put out, and its number kept out of use for a while */
    AUDIT_KEY,         /* a key that is in no list, or the want of one */
    AUDIT_CUT,         /* a connection was ended without a word */
    AUDIT_EVENTS
};

struct audit_who {
    const char *role;    /* "actor", "learner", "observer"; NULL: not known */
    const char *address; /* of the peer; NULL or "": of this machine, or not known */
    const char *key;     /* public one; NULL or "": none */
    int64_t actor;       /* number; -1: none */
    const char *host;    /* as the peer says; NULL: it said nothing */
    uint32_t pid;
};

/* The folder must exist. Ends the file that was open before. ONIC_ECANTCREATE. */
int audit_open(const char *path, struct onic_err *err);
/* RUN/log/audit-<role>.log, its folder made; a warning where that cannot be. */
void audit_open_in(const char *run_dir, const char *role);
/* Also when the folder is somebody else's by now. Says what was only counted. */
void audit_close(void);
void audit_write(enum audit_event event, const struct audit_who *who, const char *reason);

#endif /* ONIC_COMMON_BASE_AUDIT_H */
