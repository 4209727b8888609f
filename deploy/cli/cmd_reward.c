/* SPDX-License-Identifier: MIT */
/* cmd_reward.c - `onic reward train|eval DATA`: a reward learned offline (reward_offline.h). */
#include <stdio.h>
#include <string.h>

#include "common/base/file_kind.h"
#include "common/base/shell.h"
#include "common/config/config.h"
#include "common/nn/blas.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/reward_offline.h"

enum { EPOCHS_DEFAULT = 10 };

struct reward_args {
    char verb[16], data[CONFIG_STR_MAX], file[CONFIG_STR_MAX];
    int epochs;
    bool json;
};

static int reward_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct reward_args *a = ctx;
    if (!a->verb[0])
        snprintf(a->verb, sizeof a->verb, "%s", arg);
    else if (!a->data[0])
        snprintf(a->data, sizeof a->data, "%s", arg);
    else
        return err_set(err, ONIC_ECONFIG, "'%s' is one argument too many; see `onic reward --help`",
                       arg);
    return ONIC_OK;
}

static int reward_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct reward_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "json", 4) == 0) {
        a->json = true;
        return ONIC_OK;
    }
    int64_t n = a->epochs;
    int rc = config_flag_int(name, value, 1, 100000, &n, err);
    a->epochs = (int)n;
    return rc;
}

/* An option that the other of the two goes by would do nothing. */
static int check_meant(const struct reward_args *a, const struct config *c, bool trains,
                       struct onic_err *err)
{
    static const char *const of_train[] = {"reward.batch", "reward.lr", "reward.holdout"};
    char word[2 * CONFIG_STR_MAX];
    if (!trains && a->epochs)
        return err_set(err, ONIC_ECONFIG, "--epochs is for `onic reward train`");
    for (int i = 0; !trains && i < 3; i++)
        if (config_origin_of(c, of_train[i]) == CONFIG_CLI)
            return err_set(err, ONIC_ECONFIG, "--%s is for `onic reward train`", of_train[i]);
    if (trains && config_origin_of(c, "reward.file") == CONFIG_CLI)
        return err_set(err, ONIC_ECONFIG,
                       "--reward.file is for `onic reward eval`; `%s reward train %s` writes "
                       "%s/reward.safetensors",
                       command_program(), shell_word(a->data, word, sizeof word), a->data);
    return ONIC_OK;
}

static int reward_run(const struct reward_args *a, const struct config *c, bool trains,
                      struct onic_err *err)
{
    const struct motif_options o = {.epochs = a->epochs ? a->epochs : EPOCHS_DEFAULT,
                                    .batch = (int)c->reward_batch,
                                    .lr = c->reward_lr,
                                    .holdout = c->reward_holdout,
                                    .seed = (uint64_t)c->run_seed};
    return trains ? reward_offline_train(a->data, &o, a->json, err)
                  : reward_offline_eval(a->data, c->reward_file, a->json, err);
}

int cmd_reward(int argc, char **argv)
{
    static struct config given;
    struct onic_err err = {0};
    struct reward_args a = {.epochs = 0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic reward",
        .rows = "reward.batch reward.lr reward.holdout reward.file run.seed",
        .defaults = "reward.batch=1024 reward.lr=1e-5 reward.holdout=0.2", /* Motif's */
        .usage =
            "usage: onic reward train DATA [--epochs=10] [--json]  learns a reward from labelled "
            "pairs\n"
            "       onic reward eval DATA [--json]                how well it predicts those it "
            "was not trained on\n"
            "DATA is a folder of `onic labels collect` and `onic labels annotate`; `train` writes "
            "DATA/reward.safetensors,\nwhich `eval` reads unless reward.file names another. The "
            "defaults are Motif's, for 100,000s of pairs;\nwith less than some 10,000 "
            "--reward.lr=1e-3 --reward.batch=32 learn more.\n",
        .extra = (const char *const[]){"--epochs=", "--json=-", NULL},
        .on_extra = reward_on_extra,
        .on_positional = reward_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !a.data[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "say what to do and where, for example `onic reward train data/pairs`");
    bool trains = strcmp(a.verb, "train") == 0;
    if (!rc && !trains && strcmp(a.verb, "eval") != 0)
        rc = err_set(&err, ONIC_ECONFIG, "'%s' is not train or eval", a.verb);
    if (!rc)
        rc = check_meant(&a, &given, trains, &err);
    if (!rc)
        rc = file_want_folder(a.data, "a folder of `onic labels collect`", &err);
    if (rc == ONIC_ENOTFOUND) /* there is none: what is missed in it is said below */
        rc = ONIC_OK;
    if (!rc)
        rc = blas_start(&err);
    if (!rc)
        rc = reward_run(&a, &given, trains, &err);
    return command_result("reward", rc, &err);
}
