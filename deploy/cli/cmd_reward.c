/* SPDX-License-Identifier: MIT */
/* cmd_reward.c - `onic reward train|eval DATA`: a reward learned offline from the labelled pairs of
 * a folder (pairs.h), as in Motif.
 *
 * The reward is written anew after every epoch, so breaking off keeps what was learned. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file_kind.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/pairs.h"
#include "learner/reward/learned.h"
#include "learner/reward/motif/motif_train.h"
#include "learner/reward/ranking_net.h"

enum { EPOCHS_DEFAULT = 10, SHOWN = 10, DOCUMENT_MAX = 1 << 28 };

struct reward_args {
    char verb[16], data[CONFIG_STR_MAX], file[CONFIG_STR_MAX];
    int epochs;
    bool json;
};

static volatile int stop_asked;

static void reward_on_signal(int sig)
{
    (void)sig;
    stop_asked = 1;
}

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

static struct motif_options options(const struct reward_args *a, const struct config *c)
{
    return (struct motif_options){.epochs = a->epochs ? a->epochs : EPOCHS_DEFAULT,
                                  .batch = (int)c->reward_batch,
                                  .lr = c->reward_lr,
                                  .holdout = c->reward_holdout,
                                  .seed = (uint64_t)c->run_seed};
}

/* --- what was learned ------------------------------------------------------------------------ */

static struct learned learned_of(const struct pair_data *data, const struct heldout_measure *held)
{
    struct learned l = {.pairs = true, .loss = (double)NAN, .heldout = *held};
    for (size_t i = 0; i < pair_data_trained(data); i++) {
        float label = pair_data_trained_at(data, i)->label;
        *(label == 0.5f ? &l.ties : label > 0.5f ? &l.high : &l.low) += 1;
    }
    return l;
}

/* What to change, for a training that learned next to nothing. */
static void put_remedy(struct buf *out, const struct motif_options *o, const struct learned *l)
{
    const char *more = "";
    if (learned_judge(l) != LEARNED_NOTHING)
        return;
    buf_puts(out, "; try ");
    if (o->lr < 1e-3) {
        buf_puts(out, "--reward.lr=1e-3");
        more = ", ";
    }
    if ((size_t)o->batch > (size_t)(l->low + l->high + l->ties) / 10 && o->batch > 32) {
        buf_printf(out, "%s--reward.batch=32", more);
        more = ", ";
    }
    buf_printf(out, "%s--epochs=%d or more pairs (`onic labels collect`, `annotate`)", more,
               o->epochs * 10);
}

/* One sentence, "" when all is well; o NULL: nothing was trained here. */
static void put_warning(struct buf *out, const struct learned *l, const struct motif_options *o)
{
    char words[LEARNED_WORDS_MAX];
    learned_words(l, words);
    buf_puts(out, words);
    if (o)
        put_remedy(out, o, l);
}

static void put_warning_key(struct buf *out, const struct buf *warning)
{
    buf_puts(out, ",\"warning\":");
    if (warning->len)
        buf_json_string(out, warning->data, warning->len);
    else
        buf_puts(out, "null");
}

static void say_warning(const struct buf *warning)
{
    if (warning->len)
        shown_printf(stderr, "onic reward: warning: %s\n", warning->data);
}

struct progress {
    FILE *csv, *to; /* to: where people read */
    char file[CONFIG_STR_MAX + 32];
    const char *identity;
    struct motif_epoch last;
    int rc;
    struct onic_err *err;
};

static int show_epoch(void *ctx, const struct motif_epoch *e)
{
    struct progress *p = ctx;
    struct motif_reward r = *e->reward;
    p->last = *e;
    fprintf(p->to, "epoch %d of %d: loss %.4f, ", e->epoch, e->epochs, e->train_loss);
    if (e->heldout.n)
        fprintf(p->to, "held-out accuracy %.3f, AUC %.3f, ECE %.3f (%d pairs)\n",
                e->heldout.accuracy, e->heldout.auc, e->heldout.ece, e->heldout.n);
    else
        fputs("no pair is held out that is no tie\n", p->to);
    fflush(p->to);
    fprintf(p->csv, "%d,%.9g,%.9g,%.9g,%.9g", e->epoch, e->train_loss, e->heldout.accuracy,
            e->reward->mean, e->reward->var);
    for (int i = 0; i < MOTIF_QUANTILES; i++)
        fprintf(p->csv, ",%.9g", (double)e->reward->quantile[i]);
    fputc('\n', p->csv);
    snprintf(r.labels, sizeof r.labels, "%s", p->identity);
    p->rc = motif_file_write(p->file, &r, p->err);
    return p->rc || stop_asked;
}

static void reward_csv_head(FILE *f)
{
    fputs("epoch,loss,heldout_accuracy,mean,var", f);
    for (int i = 0; i < MOTIF_QUANTILES; i++)
        fprintf(f, ",q%.2f", 0.05 * (i + 1));
    fputc('\n', f);
}

static void put_measure(struct buf *out, const char *name, const struct heldout_measure *m)
{
    buf_printf(out, "\"%s\":{\"pairs\":%d,\"accuracy\":", name, m->n);
    buf_json_number(out, m->accuracy, 9);
    buf_puts(out, ",\"auc\":");
    buf_json_number(out, m->auc, 9);
    buf_puts(out, ",\"ece\":");
    buf_json_number(out, m->ece, 9);
    buf_puts(out, "}");
}

static void print_document(struct buf *out)
{
    shown_write(stdout, out->data, out->len);
    buf_release(out);
}

static void say_trained(const struct progress *p, const struct pair_data *data, bool json,
                        const struct motif_options *o)
{
    struct buf out, warning;
    struct learned l = learned_of(data, &p->last.heldout);
    l.loss = p->last.train_loss;
    l.steps = p->last.steps;
    buf_init(&out, 1 << 16);
    buf_init(&warning, 2 * LEARNED_WORDS_MAX);
    put_warning(&warning, &l, o);
    say_warning(&warning);
    if (json) {
        buf_puts(&out, "{\"file\":");
        buf_json_string(&out, p->file, strlen(p->file));
        buf_puts(&out, ",\"labels\":");
        buf_json_string(&out, p->identity, strlen(p->identity));
        buf_printf(&out,
                   ",\"pairs\":%zu,\"captions\":%zu,\"epochs\":%d,\"loss\":", pair_data_count(data),
                   pair_data_captions(data), p->last.epoch);
        buf_json_number(&out, p->last.train_loss, 9);
        buf_puts(&out, ",");
        put_measure(&out, "heldout", &p->last.heldout);
        put_warning_key(&out, &warning);
        buf_puts(&out, "}\n");
    } else {
        buf_printf(&out, "written: %s; use it with --reward.model=motif --reward.file=", p->file);
        shell_put(&out, p->file);
        buf_puts(&out, "\n");
    }
    print_document(&out);
    buf_release(&warning);
}

static int reward_train(const struct reward_args *a, const struct config *c, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32], identity[192];
    struct pair_data *data = NULL;
    struct motif_options o = options(a, c);
    struct motif_reward r = {0};
    int rc = pairs_labelled(a->data, &data, identity, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/quantiles.csv", a->data);
    struct progress p = {.csv = fopen(path, "we"),
                         .to = a->json ? stderr : stdout,
                         .identity = identity,
                         .err = err};
    snprintf(p.file, sizeof p.file, "%s/reward.safetensors", a->data);
    if (!p.csv) {
        pair_data_free(data);
        return err_set(err, ONIC_ECANTCREATE, "cannot write %s: %s", path, strerror(errno));
    }
    reward_csv_head(p.csv);
    shown_printf(p.to, "%zu labelled pairs of %zu captions, labelled by [%s]\n",
                 pair_data_count(data), pair_data_captions(data), identity);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = reward_on_signal, .sa_flags = SA_ONSTACK},
              NULL);
    rc = motif_train(&r, data, &o, show_epoch, &p, err);
    if (!rc)
        rc = p.rc;
    if (fclose(p.csv) != 0 && !rc)
        rc = err_set(err, ONIC_EIO, "%s could not be written; is the disk full?", path);
    if (!rc)
        say_trained(&p, data, a->json, &o);
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
    if (a->score != b->score)
        return a->score < b->score ? 1 : -1;
    return (a->number > b->number) - (a->number < b->number);
}

/* All captions, best first. */
static struct ranked *rank(const struct motif_reward *r, const struct pair_data *data)
{
    size_t n = pair_data_captions(data);
    float *score = xcalloc(n, sizeof *score);
    struct ranked *order = xcalloc(n, sizeof *order);
    motif_scores(r, data, score);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct ranked){score[i], (uint32_t)i};
    qsort(order, n, sizeof *order, by_score);
    free(score);
    return order;
}

static void reward_put_caption(const struct pair_data *data, uint32_t number, struct buf *out)
{
    uint16_t len;
    const char *text = pair_data_caption(data, number, &len);
    buf_json_string(out, text, len);
}

static void reward_put_json(const struct motif_reward *r, const struct pair_data *data,
                            const struct ranked *order, struct buf *out)
{
    struct heldout_measure held = motif_measure(r, data, true), all = motif_measure(r, data, false);
    struct learned l = learned_of(data, &held);
    struct buf warning;
    buf_init(&warning, LEARNED_WORDS_MAX);
    put_warning(&warning, &l, NULL);
    say_warning(&warning);
    buf_puts(out, "{\"labels\":");
    buf_json_string(out, r->labels, strlen(r->labels));
    buf_puts(out, ",");
    put_measure(out, "heldout", &held);
    buf_puts(out, ",");
    put_measure(out, "all", &all);
    put_warning_key(out, &warning);
    buf_release(&warning);
    buf_puts(out, ",\"mean\":");
    buf_json_number(out, r->mean, 9);
    buf_puts(out, ",\"std\":");
    buf_json_number(out, sqrt(r->var), 9);
    buf_puts(out, ",\"quantiles\":[");
    for (int i = 0; i < MOTIF_QUANTILES; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_number(out, (double)r->quantile[i], 9);
    }
    buf_puts(out, "],\"captions\":[");
    for (size_t i = 0; i < pair_data_captions(data); i++) {
        buf_puts(out, i ? ",{\"caption\":" : "{\"caption\":");
        reward_put_caption(data, order[i].number, out);
        buf_puts(out, ",\"reward\":");
        buf_json_number(out, (double)order[i].score, 9);
        buf_puts(out, "}");
    }
    buf_puts(out, "]}\n");
}

static void reward_put_line(const char *name, const struct heldout_measure *m, struct buf *out)
{
    buf_printf(out, "%-9s %7d pairs that are no ties  accuracy %.4f  AUC %.4f  ECE %.4f\n", name,
               m->n, m->accuracy, m->auc, m->ece);
}

/* The best and the worst captions. */
static void reward_put_text(const struct motif_reward *r, const struct pair_data *data,
                            const struct ranked *order, struct buf *out)
{
    size_t n = pair_data_captions(data);
    struct heldout_measure held = motif_measure(r, data, true), all = motif_measure(r, data, false);
    reward_put_line("held-out", &held, out);
    reward_put_line("all", &all, out);
    struct learned l = learned_of(data, &held);
    struct buf warning;
    buf_init(&warning, LEARNED_WORDS_MAX);
    put_warning(&warning, &l, NULL);
    say_warning(&warning);
    buf_release(&warning);
    buf_puts(out, "reward of captions, in standard deviations:\n");
    for (size_t i = 0; i < n; i++) {
        if (i == SHOWN && n > 2 * SHOWN) {
            buf_puts(out, "     ...\n");
            i = n - SHOWN;
        }
        buf_printf(out, "%8.3f  ", (double)order[i].score);
        reward_put_caption(data, order[i].number, out);
        buf_puts(out, "\n");
    }
}

static int eval(const struct reward_args *a, const struct config *c, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    struct pair_data *data = NULL;
    struct motif_reward r = {0};
    struct message_head *net = ranking_net_create();
    r.floats = message_head_params(net)->floats;
    message_head_free(net);
    snprintf(path, sizeof path, "%s/reward.safetensors", a->data);
    int rc = motif_file_read(c->reward_file[0] ? c->reward_file : path, &r, err);
    if (!rc)
        rc = pairs_labelled(a->data, &data, NULL, err);
    if (!rc) {
        struct buf out;
        struct ranked *order = rank(&r, data);
        buf_init(&out, DOCUMENT_MAX);
        (a->json ? reward_put_json : reward_put_text)(&r, data, order, &out);
        print_document(&out);
        free(order);
    }
    pair_data_free(data);
    motif_reward_release(&r);
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
        rc = trains ? reward_train(&a, &given, &err) : eval(&a, &given, &err);
    return command_result("reward", rc, &err);
}
