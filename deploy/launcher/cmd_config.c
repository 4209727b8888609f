/* SPDX-License-Identifier: MIT */
/* cmd_config.c - `onic config`: what a run would use, and where each value comes from. */
#include <stdio.h>

#include "common/config/config.h"
#include "common/run/run_dir.h"
#include "deploy/launcher/commands.h"

int cmd_config(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic config",
        .usage =
            "usage: onic config [CONFIG.yaml ...] [--section.key=value ...]\n"
            "Prints the resolved configuration as YAML, each value with its origin, and in the "
            "first line, as a\n"
            "comment, the directory of a run with it.\n",
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    char run_dir[CONFIG_STR_MAX];
    if (!rc)
        rc = run_dir_name(&cfg, run_dir, sizeof run_dir, &err);
    if (rc)
        return command_result("config", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 20);
    buf_printf(&out, "# run directory: %s\n", run_dir);
    config_dump(&cfg, &out);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    return 0;
}
