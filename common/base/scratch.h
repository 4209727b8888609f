/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_SCRATCH_H
#define ONIC_COMMON_BASE_SCRATCH_H

/* scratch.h - private folders for what lives no longer than its process: sockets, the files of a
 * game, the run of a benchmark.
 *
 * A killed process leaves its folder behind; the next one with the same prefix on this machine
 * removes it. Only folders of this user whose owner is gone are touched: whether it lives is asked
 * with a file lock, for containers may share a folder without sharing process numbers. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/paths.h"

struct scratch {
    char path[PATHS_MAX]; /* absolute; "" = none */
    int owner_fd;         /* holds the lock; meaningful with a path */
};

struct scratch_wish {
    const char *prefix; /* the folder's name begins so */
    const char *what;   /* for sentences: "sockets", "NetHack's files" */
    size_t path_max;    /* bytes of the path at most; 0 = no limit */
    /* May refuse a folder for what it is needed for: 0, or an errno. NULL = no further test. */
    int (*check)(const char *path);
};

/* Makes a folder (mode 0700) in the first of these places where one can be made; NULL and "" are
 * passed over. Places whose names others can change come last: they could put a folder of theirs
 * there. ONIC_ECANTCREATE: in none; the sentence says why, for each. */
int scratch_create(struct scratch *s, const struct scratch_wish *wish, const char *const *places,
                   int count, struct onic_err *err);
/* A folder that somebody removed, a cleaner of old files for example, is made again under its name;
 * true when it was. */
bool scratch_keep(struct scratch *s);
/* Removes the folder with all it holds. A zeroed struct is allowed. */
void scratch_remove(struct scratch *s);

#endif /* ONIC_COMMON_BASE_SCRATCH_H */
