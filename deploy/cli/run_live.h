/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RUN_LIVE_H
#define ONIC_DEPLOY_CLI_RUN_LIVE_H

/* run_live.h - whether a run directory is that of a run which is under way. */

#include <stdbool.h>

#include "common/base/err.h"

bool run_is_live(const char *run);
/* ONIC_ENOTFOUND: there is no such run, or it is not running; ONIC_ECONFIG: that is no directory;
 * ONIC_EAUTH: this user may not read it. */
int run_check_live(const char *run, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_RUN_LIVE_H */
