/* SPDX-License-Identifier: MIT */
/* ranking.c - ONI-ranking: a network learns rewards from preferences between two captions (arXiv
 * 2410.23022, section 3).
 *
 * Every reward.store_every-th captioned step offers its caption to a bounded store. Each update
 * draws reward.pairs pairs from it and asks which of the two is better, unless reward.pairs_waiting
 * questions wait already. The network learns the answers by the Bradley-Terry loss; a tie is a
 * label of one half.
 *
 * Rewards of preferences have no zero and no scale. So the distinct captions of the labelled pairs
 * are rated whenever the scoring weights are renewed, and the rule is Motif's (arXiv 2310.00166):
 * rewards are in their deviations above their mean, and what is not above the quantile
 * reward.quantile of them pays 0, as does what is not above the mean. Each caption counts once: a
 * frequent one neither moves the scale nor takes the place of rare ones. reward.pay_share below 1
 * leaves at most the best share of the last captioned steps (recent_captions.h). With
 * reward.pay_share=0 it is as in ONI: normalised by the running mean and variance over all
 * captioned steps (running_norm.h), and what is not above reward.epsilon pays 0, which is the
 * greater part of all steps or nearly none as the network's scale will have it. The statistics are
 * frozen with the scoring weights: a score is a function of (caption, version). Before the first of
 * both are there, scores are 0.
 *
 * A step draws reward.batch pairs without replacement (label_pass.h).
 *
 * State in a checkpoint: ranking_state.h. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/label_pass.h"
#include "learner/reward/observation_store.h"
#include "learner/reward/quantile.h"
#include "learner/reward/ranking/kept_pairs.h"
#include "learner/reward/ranking/open_pairs.h"
#include "learner/reward/ranking/pair_batch.h"
#include "learner/reward/ranking/ranking_state.h"
#include "learner/reward/ranking/recent_captions.h"
#include "learner/reward/ranking_net.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/running_norm.h"
#include "learner/reward/trained_net_options.h"

enum {
    LOOK_PAIRS = 256,      /* held-out ones that are measured, at most */
    SCALE_CAPTIONS = 1024, /* that scale and quantile are taken of, at most */
    RAW_MAX = 1 << 16      /* captions whose network output is remembered */
};
static const double MAX_NORM = 10;

struct reward_model {
    struct message_head *net, *trains; /* of the training thread; of whoever trains: the same, or
                                          one of its own */
    struct trained_net w;
    struct pair_data *data;
    struct observation_store *store;
    struct open_pairs *open;
    size_t capacity;    /* of the store */
    uint64_t captioned; /* steps with a caption seen so far */
    struct running_norm norm, frozen;
    struct strmap *raw; /* caption -> bits of the scoring network's output */
    struct recent_captions *recent;
    struct label_pass pass;
    double pay_share, quantile, epsilon;
    float threshold;         /* of the scoring network's output; frozen */
    bool raw_reward;         /* as ONI's code: neither normalised nor thresholded */
    int batch, pairs, drawn; /* drawn: in this update */
    uint64_t every;
    /* scratch */
    struct pair_batch draws;
    float *steps, *captions; /* grown to the largest batch, as is `unrated` */
    int steps_cap, captions_cap;
    struct {
        const char **text;
        uint16_t *len;
        float *raw;
    } unrated;
    struct kept_pairs step[TRAINED_NET_PIECE], held;
};

/* --- scores ---------------------------------------------------------------------------------- */

static void ranking_reserve_captions(struct reward_model *m, int n)
{
    if (n <= m->captions_cap)
        return;
    size_t cap = (size_t)(n + n / 2);
    m->captions_cap = (int)cap;
    m->captions = xrealloc(m->captions, cap * sizeof *m->captions);
    m->unrated.text = xrealloc(m->unrated.text, cap * sizeof *m->unrated.text);
    m->unrated.len = xrealloc(m->unrated.len, cap * sizeof *m->unrated.len);
    m->unrated.raw = xrealloc(m->unrated.raw, cap * sizeof *m->unrated.raw);
}

/* Collects each caption whose output is not known once, and makes room for it. The empty one needs
 * none. */
static int collect_unrated(struct reward_model *m, const char *const *text, const uint16_t *len,
                           int n)
{
    int count = 0;
    if (strmap_count(m->raw) + (size_t)n > RAW_MAX)
        strmap_clear(m->raw);
    for (int i = 0; i < n; i++) {
        bool inserted = false;
        if (len[i])
            strmap_put(m->raw, text[i], len[i], &inserted);
        if (inserted) {
            m->unrated.text[count] = text[i];
            m->unrated.len[count++] = len[i];
        }
    }
    return count;
}

/* raw [n] = outputs of the scoring network, computed once per renewal of its weights, those that
 * are missing in one go. The empty caption has 0. */
static void rate(struct reward_model *m, const char *const *text, const uint16_t *len, int n,
                 float *raw)
{
    uint32_t bits;
    ranking_reserve_captions(m, n);
    int missing = collect_unrated(m, text, len, n);
    ranking_net_score(m->net, m->w.scoring, m->unrated.text, m->unrated.len, missing,
                      m->unrated.raw);
    for (int i = 0; i < missing; i++) {
        memcpy(&bits, &m->unrated.raw[i], sizeof bits);
        *strmap_get(m->raw, m->unrated.text[i], m->unrated.len[i]) = bits;
    }
    for (int i = 0; i < n; i++) {
        bits = len[i] ? (uint32_t)*strmap_get(m->raw, text[i], len[i]) : 0;
        memcpy(&raw[i], &bits, sizeof bits);
    }
}

static bool pays(const struct reward_model *m, float raw, double r)
{
    return m->pay_share > 0 ? raw >= m->threshold && r > 0 : r > m->epsilon;
}

static void ranking_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    memset(out, 0, (size_t)b->ncaptions * sizeof *out);
    if (m->frozen.count < 1)
        return;
    rate(m, b->caption_text, b->caption_len, b->ncaptions, out);
    if (m->raw_reward)
        return;
    for (int i = 0; i < b->ncaptions; i++) {
        double r = running_norm_apply(&m->frozen, (double)out[i]);
        out[i] = b->caption_len[i] && pays(m, out[i], r) ? (float)r : 0.0f;
    }
}

static uint64_t ranking_version(const struct reward_model *m)
{
    return m->w.version;
}

/* --- what was seen, and questions about it --------------------------------------------------- */

static void ranking_reserve(struct reward_model *m, const struct reward_batch *b)
{
    if (b->n > m->steps_cap) {
        m->steps_cap = b->n + b->n / 2;
        m->steps = xrealloc(m->steps, (size_t)m->steps_cap * sizeof *m->steps);
    }
    ranking_reserve_captions(m, b->ncaptions);
}

static void ranking_on_batch(struct reward_model *m, const struct reward_batch *b)
{
    int n = 0;
    bool rated = m->w.version > 0; /* an untrained network has nothing to say */
    ranking_reserve(m, b);
    if (rated)
        rate(m, b->caption_text, b->caption_len, b->ncaptions, m->captions);
    for (int i = 0; i < b->n; i++) {
        uint32_t c = b->caption[i];
        if (b->caption_len[c] == 0)
            continue;
        recent_captions_put(m->recent, b->caption_text[c], b->caption_len[c]);
        if (m->captioned++ % m->every == 0)
            observation_store_put(m->store, b->caption_text[c], b->caption_len[c]);
        if (rated)
            m->steps[n++] = m->captions[c];
    }
    running_norm_update(&m->norm, m->steps, n);
    m->drawn = 0;
}

/* Two equal captions are a draw without a question. */
static size_t ranking_next_question(struct reward_model *m, char out[QUESTION_MAX])
{
    while (m->drawn < m->pairs) {
        size_t len = open_pairs_next(m->open, out);
        if (!len && observation_store_count(m->store) < 2)
            return 0;
        m->drawn++;
        len = len ? len : observation_store_pair(m->store, out);
        if (len)
            return len;
    }
    return 0;
}

static void ranking_on_label(struct reward_model *m, const struct label *l)
{
    if (l->state == LABEL_ANSWERED &&
        pair_data_put(m->data, l->question, l->question_len, (float)l->value))
        label_schedule_arrival(&m->w.schedule);
}

static bool ranking_has_label(const struct reward_model *m, const char *caption, size_t len)
{
    return pair_data_knows(m->data, caption, len);
}

/* --- training -------------------------------------------------------------------------------- */

static void ranking_draw(void *model, int k)
{
    struct reward_model *m = model;
    size_t count = pair_data_trained(m->data);
    int n = count < (size_t)m->batch ? (int)count : m->batch;
    pair_batch_begin(&m->draws);
    label_pass_begin(&m->pass, count, (size_t)n);
    for (int i = 0; i < n; i++)
        pair_batch_add(&m->draws,
                       pair_data_trained_at(m->data, label_pass_next(&m->pass, m->w.seed)));
    kept_pairs_take(&m->step[k], &m->draws);
}

static double ranking_loss(void *model, int k)
{
    struct reward_model *m = model;
    struct ranking_pairs pairs = kept_pairs_pairs(&m->step[k]);
    return ranking_net_loss(m->trains, m->w.trained, &pairs, m->w.grads);
}

/* Held-out pairs that are no ties, evenly over the time of their arrival. */
static void ranking_draw_held(void *model)
{
    struct reward_model *m = model;
    size_t held = pair_data_held(m->data), step = held / LOOK_PAIRS + 1;
    pair_batch_begin(&m->draws);
    for (size_t i = 0; i < held; i += step) {
        const struct labelled_pair *q = pair_data_held_at(m->data, i);
        if (q->label != 0.5f)
            pair_batch_add(&m->draws, q);
    }
    kept_pairs_take(&m->held, &m->draws);
}

/* Is the second better? */
static struct heldout_measure ranking_look(void *model)
{
    struct reward_model *m = model;
    struct ranking_pairs q = kept_pairs_pairs(&m->held);
    float raw[2 * LOOK_PAIRS], p[LOOK_PAIRS];
    unsigned char label[LOOK_PAIRS];
    ranking_net_score(m->trains, m->w.scoring, q.caption, q.len, q.ncaptions, raw);
    for (int i = 0; i < q.n; i++) {
        label[i] = q.label[i] > 0.5f;
        p[i] = (float)(1 / (1 + exp((double)raw[q.a[i]] - (double)raw[q.b[i]])));
    }
    return heldout_measure(p, label, q.n);
}

static const struct trained_net_work RANKING_WORK = {.draw = ranking_draw,
                                                     .loss = ranking_loss,
                                                     .draw_held = ranking_draw_held,
                                                     .look = ranking_look};

/* Some of the distinct captions of the labelled pairs, evenly over the time of their arrival. */
static int scale_captions(const struct reward_model *m, const char **text, uint16_t *len)
{
    size_t count = pair_data_captions(m->data), step = count / SCALE_CAPTIONS + 1;
    int n = 0;
    for (size_t i = 0; i < count; i += step, n++)
        text[n] = pair_data_caption(m->data, (uint32_t)i, &len[n]);
    return n;
}

/* What the new scoring weights think of each caption: scale and quantile. */
static void freeze_scale(struct reward_model *m)
{
    const char *text[SCALE_CAPTIONS];
    uint16_t len[SCALE_CAPTIONS];
    float raw[SCALE_CAPTIONS];
    struct running_norm scale = running_norm_start();
    int n = scale_captions(m, text, len);
    if (n < 2)
        return;
    rate(m, text, len, n, raw);
    running_norm_update(&scale, raw, n);
    m->frozen = scale;
    quantile_sort(raw, (size_t)n);
    m->threshold = nextafterf(quantile_sorted(raw, (size_t)n, m->quantile), FLT_MAX);
}

/* What they think of the last steps. Equal outputs are paid alike, so where the best caption alone
 * is more than the share, more than the share is paid. */
static void freeze_share(struct reward_model *m)
{
    const char *text[RECENT_CAPTIONS];
    uint16_t len[RECENT_CAPTIONS];
    float raw[RECENT_CAPTIONS];
    int n = recent_captions_all(m->recent, text, len);
    if (n < 2)
        return;
    rate(m, text, len, n, raw);
    quantile_sort(raw, (size_t)n);
    int paid = (int)ceil(m->pay_share * n);
    m->threshold = fmaxf(m->threshold, raw[n - (paid < 1 ? 1 : paid > n ? n : paid)]);
}

static void ranking_train(struct reward_model *m)
{
    bool any = pair_data_trained(m->data) > 0;
    bool renewed = trained_net_begin(&m->w, pair_data_count(m->data), any, m->w.version > 0);
    if (renewed) {
        if (m->w.renewed_new)
            strmap_clear(m->raw);
        m->frozen = m->norm;
        m->threshold = -FLT_MAX; /* that of the weights before means nothing here */
        if (m->pay_share > 0)
            freeze_scale(m);
        if (m->pay_share > 0 && m->pay_share < 1)
            freeze_share(m);
    }
    trained_net_end(&m->w, any, renewed);
}

/* --- creation -------------------------------------------------------------------------------- */

static void ranking_free(struct reward_model *m)
{
    if (!m)
        return;
    trained_net_release(&m->w); /* whoever trains has ended then */
    if (m->trains != m->net)
        message_head_free(m->trains);
    message_head_free(m->net);
    pair_data_free(m->data);
    observation_store_free(m->store);
    open_pairs_free(m->open);
    recent_captions_free(m->recent);
    strmap_free(m->raw);
    pair_batch_release(&m->draws);
    for (int k = 0; k < TRAINED_NET_PIECE; k++)
        kept_pairs_release(&m->step[k]);
    kept_pairs_release(&m->held);
    free(m->steps);
    free(m->captions);
    free(m->unrated.text);
    free(m->unrated.len);
    free(m->unrated.raw);
    free(m);
}

static int ranking_create(struct reward_model **out, const struct config *cfg,
                          const struct obs_spec *obs, struct onic_err *err)
{
    (void)obs;
    int rc = blas_start(err);
    if (rc)
        return rc;
    struct trained_net_params trained;
    trained_net_options(&trained, cfg);
    struct reward_model *m = xcalloc(1, sizeof *m);
    m->net = m->trains = ranking_net_create();
    trained_net_init(&m->w, message_head_params(m->net)->floats, MAX_NORM, &trained, &RANKING_WORK,
                     m);
    m->data = pair_data_create(cfg->reward_holdout);
    m->capacity = (size_t)cfg->reward_store;
    m->store = observation_store_create(m->capacity, cfg->reward_store_distinct, m->w.seed);
    m->open = open_pairs_create();
    m->norm = m->frozen = running_norm_start();
    m->raw = strmap_create(1024);
    m->recent = recent_captions_create();
    m->threshold = -FLT_MAX;
    m->pay_share = cfg->reward_pay_share;
    m->quantile = cfg->reward_quantile;
    m->epsilon = cfg->reward_epsilon;
    m->raw_reward = cfg->compat_oni;
    m->batch = (int)cfg->reward_batch;
    m->pairs = (int)cfg->reward_pairs;
    m->every = (uint64_t)cfg->reward_store_every;
    pair_batch_init(&m->draws, m->data, m->batch > LOOK_PAIRS ? m->batch : LOOK_PAIRS);
    message_head_init(m->net, m->w.trained, m->w.seed);
    *out = m;
    return ONIC_OK;
}

static void ranking_beside(struct reward_model *m)
{
    m->trains = ranking_net_create();
    trained_net_beside(&m->w);
}

static struct train_turn *ranking_turn(struct reward_model *m)
{
    return &m->w.turn;
}

static void ranking_report(const struct reward_model *m,
                           void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    trained_net_report(&m->w, put, ctx);
    put(ctx, "reward_model/dataset", (double)pair_data_count(m->data));
    put(ctx, "reward_model/heldout", (double)pair_data_held(m->data));
    put(ctx, "reward_model/store", (double)observation_store_count(m->store));
    put(ctx, "reward_model/mean", m->norm.mean);
    put(ctx, "reward_model/std", sqrt(m->norm.var));
}

/* --- checkpoint ------------------------------------------------------------------------------ */

static void ranking_save(const struct reward_model *m, struct buf *out)
{
    uint64_t count = pair_data_count(m->data), store_len = 0;
    double norm[RANKING_STATE_NORM] = {m->norm.mean,   m->norm.var,   m->norm.count,
                                       m->frozen.mean, m->frozen.var, m->frozen.count};
    uint64_t share_len = 0, open_len = open_pairs_bytes(m->open);
    double threshold = (double)m->threshold;
    buf_append(out, open_len ? ranking_state_magic_open : ranking_state_magic,
               sizeof ranking_state_magic);
    size_t share_at = out->len;
    buf_append(out, &share_len, 8);
    buf_append(out, &threshold, 8);
    buf_append(out, &m->pass, sizeof m->pass);
    recent_captions_save(m->recent, out);
    share_len = out->len - share_at - 8;
    if (!out->overflow)
        memcpy(out->data + share_at, &share_len, 8);
    buf_append(out, &m->w.version, 8);
    buf_append(out, &count, 8);
    trained_net_save(&m->w, out);
    buf_append(out, norm, sizeof norm);
    buf_append(out, &m->captioned, 8);
    size_t at = out->len;
    buf_append(out, &store_len, 8);
    observation_store_save(m->store, out);
    store_len = out->len - at - 8;
    if (!out->overflow)
        memcpy(out->data + at, &store_len, 8);
    pair_data_save(m->data, out);
    if (open_len) {
        open_pairs_save(m->open, out);
        buf_append(out, &open_len, 8);
    }
}

static int ranking_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    struct ranking_state s;
    int rc = ranking_state_split(&s, &m->w, m->capacity, data, len, err);
    if (rc)
        return rc;
    m->threshold = s.has_share ? (float)s.threshold : -FLT_MAX;
    m->pass = s.pass;
    recent_captions_load(m->recent, s.recent, s.recent_len);
    trained_net_load(&m->w, s.net, s.version);
    m->norm = (struct running_norm){s.norm[0], s.norm[1], s.norm[2]};
    m->frozen = (struct running_norm){s.norm[3], s.norm[4], s.norm[5]};
    m->captioned = s.captioned;
    observation_store_load(m->store, s.store, s.store_len);
    pair_data_clear(m->data);
    pair_data_load(m->data, s.pairs, s.pairs_len, s.count);
    open_pairs_clear(m->open);
    open_pairs_load(m->open, s.open, s.open_len);
    strmap_clear(m->raw);
    m->drawn = 0;
    return ONIC_OK;
}

/* The pairs that had a label, and those that were to be asked again already. */
static int ranking_relearn(struct reward_model *m, const void *data, size_t len,
                           struct onic_err *err)
{
    struct ranking_state s;
    char question[QUESTION_MAX];
    int rc = ranking_state_split(&s, &m->w, m->capacity, data, len, err);
    if (rc)
        return rc;
    struct pair_data *then = pair_data_create(0); /* nothing held out: all of them in order */
    pair_data_load(then, s.pairs, s.pairs_len, s.count);
    for (size_t i = 0; i < pair_data_trained(then); i++) {
        const struct labelled_pair *q = pair_data_trained_at(then, i);
        uint16_t la, lb;
        const char *a = pair_data_caption(then, q->a, &la), *b = pair_data_caption(then, q->b, &lb);
        open_pairs_put(m->open, question, question_pair(question, a, la, b, lb));
    }
    open_pairs_load(m->open, s.open, s.open_len);
    pair_data_free(then);
    return ONIC_OK;
}

const struct reward_model_type reward_model_ranking = {
    .name = "ranking",
    .summary = "a network trained on preferences between captions rewards them (ONI-ranking)",
    .traits = {.caption_only = true, .wants_labels = true, .asks = QUESTION_PAIR},
    .pays_by = "reward.quantile, reward.pay_share, reward.lr and reward.train_share",
    .create = ranking_create,
    .free = ranking_free,
    .on_batch = ranking_on_batch,
    .next_question = ranking_next_question,
    .on_label = ranking_on_label,
    .has_label = ranking_has_label,
    .train = ranking_train,
    .beside = ranking_beside,
    .turn = ranking_turn,
    .version = ranking_version,
    .score = ranking_score,
    .report = ranking_report,
    .save = ranking_save,
    .load = ranking_load,
    .relearn = ranking_relearn,
};
