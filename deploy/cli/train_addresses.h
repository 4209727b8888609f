/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_ADDRESSES_H
#define ONIC_DEPLOY_CLI_TRAIN_ADDRESSES_H

/* train_addresses.h - where the programs of one run on this machine listen.
 *
 * Sockets are ipc:// files in a private folder: in the run directory, or elsewhere where its path
 * is too long for sockets or its file system knows none. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/scratch.h"

enum { TRAIN_ADDRESS_MAX = 512 };

struct train_addresses {
    struct scratch sockets; /* the folder; scratch_remove, also after a failure */
    char learner[TRAIN_ADDRESS_MAX], actor[TRAIN_ADDRESS_MAX]; /* to listen at, to connect to */
    char weights[TRAIN_ADDRESS_MAX]; /* "": where the learner has it by itself */
    char reward[TRAIN_ADDRESS_MAX];  /* "": no labels are wanted */
    bool own_reward_server;          /* else it is somebody else's */
};

struct train_addresses_wish {
    const char *run_dir;
    const char *listen;        /* of the learner; "" = ours to choose */
    const char *weights;       /* its second address; "" = next to that */
    bool allow_exposed;        /* with keys, or without: it may listen beyond this machine */
    const char *reward_server; /* "" = one of our own */
    bool wants_labels;
};

/* An address that is given is tried, and the learner's second one with it: one that is in use is
 * said before a run is begun or overwritten. ONIC_ECONFIG, ONIC_ECANTCREATE with what to change. */
int train_addresses_choose(struct train_addresses *out, const struct train_addresses_wish *wish,
                           struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_TRAIN_ADDRESSES_H */
