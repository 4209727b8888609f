/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_FIND_H
#define ONIC_DEPLOY_CLI_REPLAY_FIND_H

/* replay_find.h - which episode is meant where a run directory is given. */

#include <stdbool.h>

#include "common/base/err.h"

enum { REPLAY_PATH_MAX = 512 };

/* Of a run directory, or of its folder replays/, path becomes that of the newest kept episode,
 * *found is set, and how many there are is said on stderr; another path stays. ONIC_ENOTFOUND: none
 * is kept there. */
int replay_find(char path[REPLAY_PATH_MAX], bool *found, struct onic_err *err);
/* The newest kept episode of a run directory. False: there is none, or its path is too long. */
bool replay_find_newest(const char *run, char path[REPLAY_PATH_MAX]);

#endif /* ONIC_DEPLOY_CLI_REPLAY_FIND_H */
