/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PLAY_OPEN_H
#define ONIC_DEPLOY_CLI_PLAY_OPEN_H

/* play_open.h - from a run, a checkpoint or an environment and a command line to what play_agent.h
 * plays. */

#include "common/config/config.h"
#include "deploy/cli/play_agent.h"
#include "deploy/cli/run_open.h"

struct play_source {
    const char *path; /* run directory or checkpoint; NULL = an environment without a run */
    bool greedy, human;
    int episodes; /* as in play_agent.h */
};

/* Fills a->* but the terminal and the sink. given: the command line; its env.obs, unless it was
 * given, becomes everything a picture needs. run: zeros before; the policy stays its own. Both are
 * to be released in any case: play_agent_free, then loaded_run_close. */
int play_open(struct play_agent *a, struct loaded_run *run, const struct play_source *from,
              struct config *given, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_PLAY_OPEN_H */
