/* SPDX-License-Identifier: MIT */
/* reward_offline.c - see reward_offline.h. */
#define _GNU_SOURCE
#include "deploy/cli/reward_offline.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/pairs.h"
#include "learner/reward/learned.h"
#include "learner/reward/ranking_net.h"

enum { SHOWN = 10, DOCUMENT_MAX = 1 << 28, REWARD_PATH_MAX = 544 };

static volatile int stop_asked;

static void reward_on_signal(int sig)
{
    (void)sig;
    stop_asked = 1;
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
        buf_json_utf8(out, warning->data);
    else
        buf_puts(out, "null");
}

static void say_warning(const struct buf *warning)
{
    if (warning->len)
        log_say(LOG_WARN, "onic reward", "warning: %s", warning->data);
}

struct progress {
    FILE *csv, *to; /* to: where people read */
    char file[REWARD_PATH_MAX];
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
        buf_json_utf8(&out, p->file);
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

int reward_offline_train(const char *folder, const struct motif_options *o, bool json,
                         struct onic_err *err)
{
    char path[REWARD_PATH_MAX], identity[192];
    struct pair_data *data = NULL;
    struct motif_reward r = {0};
    int rc = pairs_labelled(folder, &data, identity, err);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/quantiles.csv", folder);
    struct progress p = {
        .csv = fopen(path, "we"), .to = json ? stderr : stdout, .identity = identity, .err = err};
    snprintf(p.file, sizeof p.file, "%s/reward.safetensors", folder);
    if (!p.csv) {
        pair_data_free(data);
        return err_set(err, ONIC_ECANTCREATE, "cannot write %s: %s", path, strerror(errno));
    }
    reward_csv_head(p.csv);
    shown_printf(p.to, "%zu labelled pairs of %zu captions, labelled by [%s]\n",
                 pair_data_count(data), pair_data_captions(data), identity);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = reward_on_signal, .sa_flags = SA_ONSTACK},
              NULL);
    rc = motif_train(&r, data, o, show_epoch, &p, err);
    if (!rc)
        rc = p.rc;
    if (fclose(p.csv) != 0 && !rc)
        rc = err_set(err, ONIC_EIO, "%s could not be written; is the disk full?", path);
    if (!rc)
        say_trained(&p, data, json, o);
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

int reward_offline_eval(const char *folder, const char *file, bool json, struct onic_err *err)
{
    char path[REWARD_PATH_MAX];
    struct pair_data *data = NULL;
    struct motif_reward r = {0};
    struct message_head *net = ranking_net_create();
    r.floats = message_head_params(net)->floats;
    message_head_free(net);
    snprintf(path, sizeof path, "%s/reward.safetensors", folder);
    int rc = motif_file_read(file[0] ? file : path, &r, err);
    if (!rc)
        rc = pairs_labelled(folder, &data, NULL, err);
    if (!rc) {
        struct buf out;
        struct ranked *order = rank(&r, data);
        buf_init(&out, DOCUMENT_MAX);
        (json ? reward_put_json : reward_put_text)(&r, data, order, &out);
        print_document(&out);
        free(order);
    }
    pair_data_free(data);
    motif_reward_release(&r);
    return rc;
}
