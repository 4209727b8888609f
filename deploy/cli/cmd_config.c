/* SPDX-License-Identifier: MIT */
/* cmd_config.c - `onic config`: what a run would use, and where each value comes from. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/config/config.h"
#include "common/metrics/prometheus.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"

/* A page that is made of the code instead of a configuration. */
struct config_pages {
    bool reference, metrics;
};

static int config_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct config_pages *p = ctx;
    (void)value, (void)err;
    *(strcmp(name, "metrics") == 0 ? &p->metrics : &p->reference) = true;
    return ONIC_OK;
}

int cmd_config(int argc, char **argv)
{
    static const char *const extra[] = {"--reference", "--metrics", NULL};
    struct config_pages pages = {0};
    static struct config cfg;
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic config",
        .usage =
            "usage: onic config [CONFIG.yaml ...] [--section.key=value ...] [--reference | "
            "--metrics]\n"
            "Prints the resolved configuration as YAML, each value with its origin, and in the "
            "first line, as a\n"
            "comment, the directory of a run with it. --reference prints the page of all options "
            "instead, --metrics\n"
            "that of all numbers for Prometheus.\n",
        .extra = extra,
        .on_extra = config_on_extra,
        .ctx = &pages,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    char run_dir[CONFIG_STR_MAX];
    if (!rc)
        rc = run_dir_name(&cfg, run_dir, sizeof run_dir, &err);
    if (rc)
        return command_result("config", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 20);
    if (pages.reference) {
        config_reference(&out);
    } else if (pages.metrics) {
        prometheus_reference(&out);
    } else {
        buf_printf(&out, "# run directory: %s\n", run_dir);
        config_dump(&cfg, &out);
    }
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    return 0;
}
