/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_OPEN_H
#define ONIC_DEPLOY_CLI_REPLAY_OPEN_H

/* replay_open.h - from a file or run and a command line to an episode that can be played again. */

#include "common/config/config.h"
#include "deploy/cli/replay_play.h"

/* Opens what p->path names: record, labels of the run it lies in, environment. given: the command
 * line; its options win over the recorded ones, and only it names a plug-in. */
int replay_open(struct replay_player *p, const struct config *given, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_REPLAY_OPEN_H */
