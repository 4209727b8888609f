/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_SERVER_OPTIONS_H
#define ONIC_REWARD_SERVER_SERVER_OPTIONS_H

/* server_options.h - what the options say about a reward server, read once: below this and an
 * annotator's own functions nothing sees the configuration. */

#include "common/config/config.h"
#include "reward_server/server.h"

/* A word on an annotator that is used in the place of another one goes to the log. cfg is borrowed
 * for the life of *out. ONIC_ECONFIG names what to change; nothing is opened. */
int server_options(struct server_params *out, const struct config *cfg, struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_SERVER_OPTIONS_H */
