/* SPDX-License-Identifier: MIT */
/* cmd_config.c - `onic config`: what a run would use, and where each value comes from. */
#include <stdbool.h>
#include <stdio.h>

#include "common/config/config.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"

static int on_reference(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name, (void)value, (void)err;
    *(bool *)ctx = true;
    return ONIC_OK;
}

int cmd_config(int argc, char **argv)
{
    static const char *const extra[] = {"--reference", NULL};
    bool reference = false;
    static struct config cfg;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic config",
        .usage =
            "usage: onic config [CONFIG.yaml ...] [--section.key=value ...] [--reference]\n"
            "Prints the resolved configuration as YAML, each value with its origin, and in the "
            "first line, as a\n"
            "comment, the directory of a run with it. --reference prints the page of all options "
            "instead.\n",
        .extra = extra,
        .on_extra = on_reference,
        .ctx = &reference,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    char run_dir[CONFIG_STR_MAX];
    if (!rc)
        rc = run_dir_name(&cfg, run_dir, sizeof run_dir, &err);
    if (rc)
        return command_result("config", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (reference) {
        config_reference(&out);
    } else {
        buf_printf(&out, "# run directory: %s\n", run_dir);
        config_dump(&cfg, &out);
    }
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    return 0;
}
