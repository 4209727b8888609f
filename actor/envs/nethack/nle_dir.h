/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NLE_DIR_H
#define ONIC_ACTOR_ENVS_NETHACK_NLE_DIR_H

/* nle_dir.h - the private folder in which one game of NetHack reads and writes its files.
 *
 * In memory where the machine allows (/dev/shm), else in $TMPDIR, /tmp or the current folder.
 * Removed by nle_dir_free; what a killed process left is removed by the next nle_dir_create on the
 * machine. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/scratch.h"

struct nle_dir {
    struct scratch scratch;
};

/* data: nhdat, linked into the folder. */
int nle_dir_create(struct nle_dir *d, const char *data, struct onic_err *err);
void nle_dir_free(struct nle_dir *d); /* a zeroed struct is allowed */
/* Before each game: removes the levels of the game before and empties the logs; with new_record
 * also the list of the best games, which the last screen of a game shows. */
int nle_dir_clear(struct nle_dir *d, bool new_record, struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NLE_DIR_H */
