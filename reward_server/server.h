/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_SERVER_H
#define ONIC_REWARD_SERVER_SERVER_H

/* server.h - the reward server: questions in, durable labels out.
 *
 * server_create opens everything (goal, annotator, store, socket) and fails with one sentence;
 * server_run drives the libuv loop until SIGTERM, SIGINT or SIGHUP, or until going on makes no
 * sense. */

#include "common/base/err.h"
#include "common/config/config.h"

struct server;

/* config is borrowed for the call. *out is owned by the caller, NULL on failure. */
int server_create(struct server **out, const struct config *config, struct onic_err *err);
/* ONIC_OK after a drain; ONIC_EIO when labels could not be kept for the stated grace, ONIC_EDAMAGED
 * when the store is damaged, the annotator's code when it broke. */
int server_run(struct server *s, struct onic_err *err);
void server_free(struct server *s); /* NULL is allowed */
/* The bound address; borrowed. */
const char *server_address(const struct server *s);
/* Like SIGTERM; from any thread. */
void server_stop(struct server *s);

#endif /* ONIC_REWARD_SERVER_SERVER_H */
