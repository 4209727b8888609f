/* SPDX-License-Identifier: MIT */
/* cmd_ledger.c - `onic ledger RUN`: the identity produced = consumed + dropped + lost + in flight.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/config/config.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"

struct ledger_args {
    char run[CONFIG_STR_MAX];
    bool json;
};

static int ledger_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name;
    (void)value;
    (void)err;
    ((struct ledger_args *)ctx)->json = true;
    return ONIC_OK;
}

static int ledger_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct ledger_args *a = ctx;
    if (a->run[0])
        return err_set(err, ONIC_ECONFIG, "one run at a time: '%s' or '%s'", a->run, arg);
    snprintf(a->run, sizeof a->run, "%s", arg);
    return ONIC_OK;
}

int cmd_ledger(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    struct ledger_args a = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic ledger",
        .rows = "",
        .usage = "usage: onic ledger RUN [--json]\n"
                 "Prints where every trajectory of a run went. Exit code 70 when the sums do not "
                 "balance.\n",
        .extra = (const char *const[]){"--json=-", NULL},
        .on_extra = ledger_on_extra,
        .on_positional = ledger_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    struct ledger l;
    if (!rc && !a.run[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "give a run directory, for example `onic ledger runs/keycorridor-s1`");
    if (!rc)
        rc = run_dir_ledger(a.run, &l, &err);
    if (rc)
        return command_result("ledger", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 16);
    if (a.json)
        ledger_json(&l, &out);
    else
        ledger_line(&l, &out);
    shown_printf(stdout, "%s\n", out.data);
    buf_release(&out);
    return ledger_balanced(&l) ? 0 : 70;
}
