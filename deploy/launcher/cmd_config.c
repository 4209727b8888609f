/* SPDX-License-Identifier: MIT */
/* cmd_config.c - `onic config`: what a run would use, and where each value comes from. */
#include <stdio.h>

#include "common/config/config.h"
#include "deploy/launcher/commands.h"

int cmd_config(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic config",
        .usage = "usage: onic config [CONFIG.yaml ...] [--section.key=value ...]\n"
                 "Prints the resolved configuration as YAML, each value with its origin.\n",
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (rc)
        return command_result("config", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 20);
    config_dump(&cfg, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    return 0;
}
