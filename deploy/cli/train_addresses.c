/* SPDX-License-Identifier: MIT */
/* train_addresses.c - see train_addresses.h. */
#include "deploy/cli/train_addresses.h"

#include <stdio.h>
#include <string.h>

#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_folder.h"

/* Both that the learner binds. A free port was chosen for it above, whose next one may be taken: it
 * gets a free one for its weights, too. */
static int train_addresses_try(struct train_addresses *out, const struct train_addresses_wish *wish,
                               struct onic_err *err)
{
    char next[SOCK_ADDRESS_MAX];
    struct sock_options as_learner = {
        .hwm = 1, .allow_insecure = wish->allow_exposed, .option = "--listen"};
    int rc = sock_try_bind(wish->listen, &as_learner, err);
    as_learner.option = "--weights.listen";
    if (!rc && wish->weights[0])
        return sock_try_bind(wish->weights, &as_learner, err);
    if (!rc)
        rc = sock_sibling(wish->listen, ".weights", as_learner.option, next, err);
    as_learner.option =
        "the second address of a learner, the port after --listen: --weights.listen";
    if (!rc)
        rc = sock_try_bind(next, &as_learner, err);
    if (!rc && strcmp(wish->listen, out->learner) != 0)
        snprintf(out->weights, sizeof out->weights, "%s", next);
    return rc;
}

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
    if (!rc && wish->listen[0])
        rc = train_addresses_try(out, wish, err);
    return rc;
}
