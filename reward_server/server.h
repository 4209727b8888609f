/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_SERVER_H
#define ONIC_REWARD_SERVER_SERVER_H

/* server.h - the reward server: questions in, durable labels out.
 *
 * server_create opens everything (goal, annotator, store, socket) and fails with one sentence;
 * server_run drives the libuv loop until SIGTERM, SIGINT or SIGHUP, or until going on makes no
 * sense. */

#include "common/base/err.h"
#include "common/base/paths.h"
#include "reward_server/annotators/annotator.h"
#include "reward_server/goals/goal.h"
#include "reward_server/monitor.h"

struct server;

/* server_options.h makes it of the options. */
struct server_params {
    const char *listen_address; /* tcp://host:port or ipc://path; borrowed */
    bool allow_insecure;        /* without keys beyond this machine too */
    const char *keys;           /* folder of keys (keys.h), "" = none; borrowed */
    const char *audit_dir;      /* run directory, for audit.h; "" = none is kept; borrowed */
    const char *run_dir;        /* made where it is not there; "" = none is; borrowed */
    char store_path[PATHS_MAX]; /* of the label store */
    int queue_entries;          /* questions that wait at most, */
    size_t queue_bytes;         /* and the bytes they take */
    double oldest_share;        /* of the questions asked, the share that waited longest */
    struct annotator_order annotators;
    struct goal_choice goal;
    struct reward_monitor_params monitor;
};

/* params are read during the call, but for what annotators borrow. *out is owned by the caller,
 * NULL on failure. */
int server_create(struct server **out, const struct server_params *params, struct onic_err *err);
/* ONIC_OK after a drain; ONIC_EIO when labels could not be kept for the stated grace, or answers at
 * a drain, ONIC_EDAMAGED when the store is damaged, the annotator's code when it broke. */
int server_run(struct server *s, struct onic_err *err);
void server_free(struct server *s); /* NULL is allowed */
/* The bound address; borrowed. */
const char *server_address(const struct server *s);
/* Like SIGTERM; from any thread. */
void server_stop(struct server *s);

#endif /* ONIC_REWARD_SERVER_SERVER_H */
