/* SPDX-License-Identifier: MIT */
/* cmd_bench.c - `onic bench`: ratios measured inside one run (bench.h). */
#include <stdio.h>
#include <string.h>

#include "deploy/cli/bench_open.h"
#include "deploy/cli/bench_table.h"
#include "deploy/cli/commands.h"

static int bench_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct bench_args *a = ctx;
    (void)err;
    name += strspn(name, "-");
    if (strncmp(name, "quick", 5) == 0)
        a->quick = true;
    else if (strncmp(name, "only", 4) == 0)
        snprintf(a->only, sizeof a->only, "%s", value);
    else
        snprintf(a->json, sizeof a->json, "%s", value);
    return ONIC_OK;
}

int cmd_bench(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config cfg;
    struct bench_args a = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic bench",
        .rows = "run.seed env.nle env.clock env.actions policy train embedding.model_dir",
        .usage = "usage: onic bench [CONFIG.yaml ...] [--quick] [--only=NAME] [--json=FILE|-]\n"
                 "Measures ratios inside one run: about 40 minutes for all rows, on any machine. "
                 "--quick ends within a\nminute and only shows that everything runs. --only takes "
                 "the rows whose names begin with NAME:\n"
                 "B6, B8, B11-rules, ... (`--only=x` lists them).\n",
        .extra = (const char *const[]){"--quick", "--only=", "--json=", NULL},
        .on_extra = bench_on_extra,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (!rc)
        rc = bench_check_only(&a, &err);
    if (!rc) {
        char **given = bench_open_given(&cfg);
        rc = bench_table(&a, given, &err);
        bench_open_free(given);
    }
    return command_result("bench", rc, &err);
}
