/* SPDX-License-Identifier: MIT */
/* train_addresses.c - see train_addresses.h. */
#include "deploy/cli/train_addresses.h"

#include <stdio.h>

#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_folder.h"

/* Who gives an address to listen at needs no folder: without one the reward server gets a port. */
int train_addresses_choose(struct train_addresses *out, const struct train_addresses_wish *wish,
                           struct onic_err *err)
{
    char unused[SOCK_ADDRESS_MAX];
    int rc = ONIC_OK;
    out->own_reward_server = wish->wants_labels && !wish->reward_server[0];
    if (!wish->listen[0] || out->own_reward_server)
        rc = sock_folder_create(&out->sockets, wish->run_dir, err);
    if (rc && wish->listen[0])
        rc = sock_local("tcp://127.0.0.1:*", "reward.server", out->reward, unused, err);
    else if (out->own_reward_server)
        snprintf(out->reward, sizeof out->reward, "ipc://%.91s/reward", out->sockets.path);
    else if (wish->wants_labels)
        snprintf(out->reward, sizeof out->reward, "%s", wish->reward_server);
    snprintf(out->learner, sizeof out->learner, "ipc://%.91s/learner", out->sockets.path);
    snprintf(out->actor, sizeof out->actor, "%s", out->learner);
    if (!rc && wish->listen[0])
        rc = sock_local(wish->listen, "--listen", out->learner, out->actor, err);
    const struct sock_options as_learner = {
        .hwm = 1, .allow_insecure = wish->allow_insecure, .option = "--listen"};
    if (!rc && wish->listen[0])
        rc = sock_try_bind(wish->listen, &as_learner, err);
    return rc;
}
