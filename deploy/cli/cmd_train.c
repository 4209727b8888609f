/* SPDX-License-Identifier: MIT */
/* cmd_train.c - `onic train`: the whole system on one machine. */
#include "common/base/secrets.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/train_open.h"
#include "deploy/cli/train_options.h"

int cmd_train(int argc, char **argv)
{
    static struct config given;
    static struct train_plan plan;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic train",
        .usage = "usage: onic train [CONFIG.yaml ...] [--run-dir=DIR] [--frames=N] [--seed=S] "
                 "[--deterministic] [--record]\n"
                 "                  [--on-exists=resume|fail|overwrite] [--section.key=value ...]\n"
                 "Trains on this machine: starts and supervises learner, actors and reward server. "
                 "An existing run\n"
                 "directory is resumed. Ctrl-C once finishes work in flight and writes a "
                 "checkpoint, twice kills.\n"
                 "Without CONFIG it trains minigrid:KeyCorridorS3R3 with language feedback.\n",
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc)
        return command_result("train", rc, &err);
    if (secrets_are_here()) /* for the reward server, whenever it is started again */
        secrets_hold();
    rc = train_options_language(&given, &err);
    if (!rc)
        rc = train_open(&plan, &given, &err);
    int code = rc ? command_result("train", rc, &err) : train_run(&plan, &err);
    train_close(&plan);
    return code;
}
