/* SPDX-License-Identifier: MIT */
/* motif_train.c - see motif_train.h. */
#include "learner/reward/motif/motif_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/optim/adam.h"
#include "learner/reward/quantile.h"
#include "learner/reward/ranking/pair_batch.h"
#include "learner/reward/running_norm.h"

static const struct adam ADAM = {0.9, 0.999, 1e-8};

struct trainer {
    const struct pair_data *data;
    const struct motif_options *o;
    struct message_head *net;
    struct motif_reward *out;
    float *adam_m, *adam_v, *grads;
    uint32_t *order; /* [ntrain] pairs to train on, shuffled every epoch */
    int ntrain;
    uint64_t step;
    struct pair_batch batch;
};

static bool motif_train_held(const struct pair_data *data, const struct labelled_pair *p,
                             double holdout)
{
    char question[QUESTION_MAX];
    uint16_t la, lb;
    const char *a = pair_data_caption(data, p->a, &la), *b = pair_data_caption(data, p->b, &lb);
    return heldout_caption(question, question_pair_name(question, a, la, b, lb), holdout);
}

static void shuffle(struct trainer *t, int epoch)
{
    struct rng r = rng_stream(t->o->seed, "motif order", (uint64_t)epoch, 0, 0);
    for (int i = t->ntrain - 1; i > 0; i--) {
        int k = (int)rng_below(&r, (uint32_t)i + 1);
        uint32_t swap = t->order[i];
        t->order[i] = t->order[k];
        t->order[k] = swap;
    }
}

static double motif_train_take_step(struct trainer *t, int first, int n)
{
    pair_batch_begin(&t->batch);
    for (int i = 0; i < n; i++)
        pair_batch_add(&t->batch, pair_data_trained_at(t->data, t->order[first + i]));
    struct ranking_pairs pairs = pair_batch_pairs(&t->batch);
    double loss = ranking_net_loss(t->net, t->out->weights, &pairs, t->grads);
    adam_step(&ADAM, t->out->weights, t->adam_m, t->adam_v, t->grads, t->out->floats, 1.0, t->o->lr,
              ++t->step);
    return loss;
}

/* Raw rewards of all captions. */
static void raw_scores(struct message_head *net, const float *weights, const struct pair_data *data,
                       float *out)
{
    for (uint32_t i = 0; i < pair_data_captions(data); i++) {
        uint16_t len;
        const char *text = pair_data_caption(data, i, &len);
        ranking_net_score(net, weights, &text, &len, 1, &out[i]);
    }
}

static struct heldout_measure motif_train_measure(const struct pair_data *data, const float *score,
                                                  double holdout, bool held_only)
{
    size_t n = pair_data_trained(data);
    float *p = xcalloc(n, sizeof *p);
    unsigned char *label = xcalloc(n, 1);
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct labelled_pair *q = pair_data_trained_at(data, i);
        if (q->label == 0.5f || (held_only && !motif_train_held(data, q, holdout)))
            continue;
        p[count] = (float)(1 / (1 + exp((double)score[q->a] - (double)score[q->b])));
        label[count++] = q->label > 0.5f;
    }
    struct heldout_measure m = heldout_measure(p, label, count);
    free(p);
    free(label);
    return m;
}

/* Mean and variance over the training pairs, quantiles over their distinct captions. */
static void motif_train_summarise(struct trainer *t, const float *score)
{
    struct motif_reward *r = t->out;
    size_t captions = pair_data_captions(t->data);
    double n = 0, mean = 0, squares = 0;
    float *seen = xcalloc(captions, sizeof *seen);
    unsigned char *used = xcalloc(captions, 1);
    for (int i = 0; i < t->ntrain; i++) {
        const struct labelled_pair *p = pair_data_trained_at(t->data, t->order[i]);
        const uint32_t both[2] = {p->a, p->b};
        for (int k = 0; k < 2; k++) {
            double d = (double)score[both[k]] - mean;
            mean += d / ++n;
            squares += d * ((double)score[both[k]] - mean);
            used[both[k]] = 1;
        }
    }
    r->mean = mean;
    r->var = n > 1 ? squares / (n - 1) : 1;
    struct running_norm norm = {r->mean, r->var, n};
    size_t distinct = 0;
    for (size_t i = 0; i < captions; i++)
        if (used[i])
            seen[distinct++] = (float)running_norm_apply(&norm, (double)score[i]);
    quantile_sort(seen, distinct);
    for (int i = 0; i < MOTIF_QUANTILES; i++)
        r->quantile[i] = quantile_sorted(seen, distinct, 0.05 * (i + 1));
    free(seen);
    free(used);
}

static void open_trainer(struct trainer *t, struct motif_reward *out, const struct pair_data *data,
                         const struct motif_options *o)
{
    size_t n = pair_data_trained(data);
    *t = (struct trainer){.data = data, .o = o, .net = ranking_net_create(), .out = out};
    out->holdout = o->holdout;
    out->floats = message_head_params(t->net)->floats;
    float **block[] = {&out->weights, &t->adam_m, &t->adam_v, &t->grads};
    for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        *block[i] = xaligned(out->floats * sizeof(float));
    message_head_init(t->net, out->weights, o->seed);
    t->order = xcalloc(n, sizeof *t->order);
    for (size_t i = 0; i < n; i++)
        if (!motif_train_held(data, pair_data_trained_at(data, i), o->holdout))
            t->order[t->ntrain++] = (uint32_t)i;
    pair_batch_init(&t->batch, data, o->batch);
}

static void close_trainer(struct trainer *t)
{
    message_head_free(t->net);
    free(t->adam_m);
    free(t->adam_v);
    free(t->grads);
    free(t->order);
    pair_batch_release(&t->batch);
}

int motif_train(struct motif_reward *out, const struct pair_data *data,
                const struct motif_options *o, int (*each)(void *ctx, const struct motif_epoch *e),
                void *ctx, struct onic_err *err)
{
    struct trainer t;
    open_trainer(&t, out, data, o);
    if (t.ntrain == 0) {
        close_trainer(&t);
        motif_reward_release(out);
        return err_set(
            err, ONIC_ECONFIG,
            "there are no labelled pairs to train on; `onic labels annotate` makes them");
    }
    float *score = xcalloc(pair_data_captions(data), sizeof *score);
    int stop = 0;
    for (int epoch = 1; epoch <= o->epochs && !stop; epoch++) {
        double sum = 0;
        int steps = 0;
        shuffle(&t, epoch);
        for (int i = 0; i < t.ntrain; i += o->batch, steps++)
            sum += motif_train_take_step(&t, i, t.ntrain - i < o->batch ? t.ntrain - i : o->batch);
        raw_scores(t.net, out->weights, data, score);
        motif_train_summarise(&t, score);
        struct motif_epoch e = {.epoch = epoch,
                                .epochs = o->epochs,
                                .train_loss = sum / steps,
                                .steps = t.step,
                                .heldout = motif_train_measure(data, score, o->holdout, true),
                                .reward = out};
        stop = each ? each(ctx, &e) : 0;
    }
    free(score);
    close_trainer(&t);
    return ONIC_OK;
}

void motif_scores(const struct motif_reward *r, const struct pair_data *data, float *out)
{
    struct message_head *net = ranking_net_create();
    struct running_norm norm = {r->mean, r->var, 2};
    raw_scores(net, r->weights, data, out);
    for (size_t i = 0; i < pair_data_captions(data); i++)
        out[i] = (float)running_norm_apply(&norm, (double)out[i]);
    message_head_free(net);
}

struct heldout_measure motif_measure(const struct motif_reward *r, const struct pair_data *data,
                                     bool held_only)
{
    struct message_head *net = ranking_net_create();
    float *score = xcalloc(pair_data_captions(data), sizeof *score);
    raw_scores(net, r->weights, data, score);
    struct heldout_measure m = motif_train_measure(data, score, r->holdout, held_only);
    free(score);
    message_head_free(net);
    return m;
}
