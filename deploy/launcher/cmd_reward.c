/* SPDX-License-Identifier: MIT */
/* cmd_reward.c - `onic reward train|eval DATA`: a reward learned offline from the labelled pairs of
 * a folder (pairs.h), as in Motif. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "deploy/launcher/commands.h"
#include "deploy/launcher/pairs.h"
#include "learner/reward/motif/motif_train.h"
#include "learner/reward/ranking_net.h"

enum { EPOCHS_DEFAULT = 10, SHOWN = 10 };
static const double HOLDOUT = 0.2, LR = 1e-5;
enum { BATCH = 1024 };

struct reward_args {
    char verb[16], data[CONFIG_STR_MAX], file[CONFIG_STR_MAX];
    int epochs;
    bool all;
};

static int on_positional(void *ctx, const char *arg, struct onic_err *err)
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

static int on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct reward_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "all", 3) == 0) {
        a->all = true;
        return ONIC_OK;
    }
    char *end;
    long n = strtol(value, &end, 10);
    if (*end || end == value || n < 1 || n > 100000)
        return err_set(err, ONIC_ECONFIG, "--epochs is '%s', must be a number from 1 to 100000",
                       value);
    a->epochs = (int)n;
    return ONIC_OK;
}

/* Motif's own values unless the options of the online models were given. */
static struct motif_options options(const struct reward_args *a, const struct config *c)
{
    struct motif_options o = {.epochs = a->epochs,
                              .batch = BATCH,
                              .lr = LR,
                              .holdout = HOLDOUT,
                              .seed = (uint64_t)c->run_seed};
    if (config_origin_of(c, "reward.batch") != CONFIG_DEFAULT)
        o.batch = (int)c->reward_batch;
    if (config_origin_of(c, "reward.lr") != CONFIG_DEFAULT)
        o.lr = c->reward_lr;
    if (config_origin_of(c, "reward.holdout") != CONFIG_DEFAULT)
        o.holdout = c->reward_holdout;
    return o;
}

struct progress {
    FILE *csv;
};

static int show_epoch(void *ctx, const struct motif_epoch *e)
{
    struct progress *p = ctx;
    printf("epoch %d of %d: loss %.4f, held-out accuracy %.3f, AUC %.3f, ECE %.3f (%d pairs)\n",
           e->epoch, e->epochs, e->train_loss, e->heldout.accuracy, e->heldout.auc, e->heldout.ece,
           e->heldout.n);
    fflush(stdout);
    fprintf(p->csv, "%d,%.9g,%.9g,%.9g,%.9g", e->epoch, e->train_loss, e->heldout.accuracy,
            e->reward->mean, e->reward->var);
    for (int i = 0; i < MOTIF_QUANTILES; i++)
        fprintf(p->csv, ",%.9g", (double)e->reward->quantile[i]);
    fputc('\n', p->csv);
    return 0;
}

static void csv_head(FILE *f)
{
    fputs("epoch,loss,heldout_accuracy,mean,var", f);
    for (int i = 0; i < MOTIF_QUANTILES; i++)
        fprintf(f, ",q%.2f", 0.05 * (i + 1));
    fputc('\n', f);
}

static int train(const struct reward_args *a, const struct config *c, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32], identity[192];
    struct pair_data *data = NULL;
    struct motif_options o = options(a, c);
    struct motif_reward r = {0};
    int rc = pairs_labelled(a->data, &data, identity, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/quantiles.csv", a->data);
    struct progress p = {.csv = fopen(path, "we")};
    if (!p.csv) {
        pair_data_free(data);
        return err_set(err, ONIC_ECANTCREATE, "cannot write %s: %s", path, strerror(errno));
    }
    csv_head(p.csv);
    printf("%zu labelled pairs of %zu captions, labelled by [%s]\n", pair_data_count(data),
           pair_data_captions(data), identity);
    rc = motif_train(&r, data, &o, show_epoch, &p, err);
    if (fclose(p.csv) != 0 && !rc)
        rc = err_set(err, ONIC_EIO, "%s could not be written; is the disk full?", path);
    snprintf(r.labels, sizeof r.labels, "%s", identity);
    snprintf(path, sizeof path, "%s/reward.safetensors", a->data);
    if (!rc)
        rc = motif_file_write(path, &r, err);
    if (!rc)
        printf("written: %s; use it with --reward.model=motif --reward.file=%s\n", path, path);
    motif_reward_release(&r);
    pair_data_free(data);
    return rc;
}

struct ranked {
    float score;
    uint32_t number;
};

static int by_score(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    return (a->score < b->score) - (a->score > b->score);
}

static void show_captions(const struct motif_reward *r, const struct pair_data *data)
{
    size_t n = pair_data_captions(data);
    float *score = xcalloc(n, sizeof *score);
    struct ranked *order = xcalloc(n, sizeof *order);
    motif_scores(r, data, score);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){score[i], (uint32_t)i};
    qsort(order, n, sizeof *order, by_score);
    for (size_t i = 0; i < n; i++) {
        uint16_t len;
        const char *text = pair_data_caption(data, order[i].number, &len);
        if (i == SHOWN && n > 2 * SHOWN) {
            printf("     ...\n");
            i = n - SHOWN - 1;
        } else {
            printf("%8.3f  %.*s\n", (double)order[i].score, (int)len, text);
        }
    }
    free(score);
    free(order);
}

static int eval(const struct reward_args *a, const struct config *c, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    struct pair_data *data = NULL;
    struct motif_options o = options(a, c);
    struct motif_reward r = {0};
    struct ranking_net *net = ranking_net_create();
    r.floats = ranking_net_params(net)->floats;
    ranking_net_free(net);
    snprintf(path, sizeof path, "%s/reward.safetensors", a->data);
    int rc = motif_file_read(c->reward_file[0] ? c->reward_file : path, &r, err);
    if (!rc)
        rc = pairs_labelled(a->data, &data, NULL, err);
    if (!rc) {
        struct heldout_measure m = motif_measure(&r, data, &o, !a->all);
        printf("%s pairs that are no ties: %d\naccuracy %.4f\nAUC %.4f\nECE %.4f\n",
               a->all ? "all" : "held-out", m.n, m.accuracy, m.auc, m.ece);
        printf("reward of captions, in standard deviations:\n");
        show_captions(&r, data);
    }
    pair_data_free(data);
    motif_reward_release(&r);
    return rc;
}

int cmd_reward(int argc, char **argv)
{
    static struct config given;
    struct onic_err err = {0};
    struct reward_args a = {.epochs = EPOCHS_DEFAULT};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic reward",
        .rows = "reward.batch reward.lr reward.holdout reward.file run.seed",
        .usage =
            "usage: onic reward train DATA [--epochs=10]   learns a reward from labelled pairs\n"
            "       onic reward eval DATA [--all]          how well it predicts those it was not "
            "trained on\n"
            "DATA is a folder of `onic labels collect` and `onic labels annotate`. Defaults are "
            "Motif's: batch 1024,\n"
            "learning rate 1e-5, a fifth of the pairs held out.\n",
        .extra = (const char *const[]){"--epochs=", "--all", NULL},
        .on_extra = on_extra,
        .on_positional = on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !a.data[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "say what to do and where, for example `onic reward train data/pairs`");
    if (!rc)
        rc = blas_start(&err);
    if (!rc && strcmp(a.verb, "train") == 0)
        rc = train(&a, &given, &err);
    else if (!rc && strcmp(a.verb, "eval") == 0)
        rc = eval(&a, &given, &err);
    else if (!rc)
        rc = err_set(&err, ONIC_ECONFIG, "'%s' is not train or eval", a.verb);
    return command_result("reward", rc, &err);
}
