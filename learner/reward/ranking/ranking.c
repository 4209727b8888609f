/* SPDX-License-Identifier: MIT */
/* ranking.c - ONI-ranking: a network learns rewards from preferences between two captions (arXiv
 * 2410.23022, section 3).
 *
 * Every reward.store_every-th captioned step offers its caption to a bounded store. Each update
 * draws reward.pairs pairs from it and asks which of the two is better, unless reward.pairs_waiting
 * questions wait already. The network learns the answers by the Bradley-Terry loss; a tie is a
 * label of one half.
 *
 * Rewards of preferences have no zero and no scale. So the captions of the last captioned steps
 * (recent_captions.h) are rated whenever the scoring weights are renewed: rewards are in their
 * deviations above their mean, and what is below the best reward.pay_share of these steps pays 0,
 * as does what is not above the mean. With reward.pay_share=0 it is as in ONI: normalised by the
 * running mean and variance over all captioned steps (running_norm.h), and what is not above
 * reward.epsilon pays 0, which is the greater part of all steps or nearly none as the network's
 * scale will have it. The statistics are frozen with the scoring weights: a score is a function of
 * (caption, version). Before the first of both are there, scores are 0.
 *
 * A step draws reward.batch pairs, each once before any comes again (label_pass.h).
 *
 * State in a checkpoint, little-endian: "RNK2", u64 bytes of what comes now: f64 threshold, three
 * u64 (the pass), the recent captions; then, as after "RNK1" alone: u64 version, u64 pairs,
 * trained_net's state, six f64 (statistics running and frozen), u64 captioned steps, u64 length and
 * state of the store, then the pairs (pair_data.c). */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/label_pass.h"
#include "learner/reward/observation_store.h"
#include "learner/reward/ranking/kept_pairs.h"
#include "learner/reward/ranking/pair_batch.h"
#include "learner/reward/ranking/recent_captions.h"
#include "learner/reward/ranking_net.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/running_norm.h"
#include "learner/reward/trained_net_options.h"

enum {
    HEAD_BYTES = 4 + 8 + 8,
    NORM_DOUBLES = 6,
    SHARE_BYTES = 8 + (int)sizeof(struct label_pass), /* before the recent captions */
    TAIL_BYTES = NORM_DOUBLES * 8 + 8 + 8,
    LOOK_PAIRS = 256, /* held-out ones that are measured, at most */
    RAW_MAX = 1 << 16 /* captions whose network output is remembered */
};
static const char MAGIC[4] = "RNK2", MAGIC_BEFORE[4] = "RNK1";
static const double MAX_NORM = 10;

struct reward_model {
    struct message_head *net, *trains; /* of the training thread; of whoever trains: the same, or
                                          one of its own */
    struct trained_net w;
    struct pair_data *data;
    struct observation_store *store;
    size_t capacity;    /* of the store */
    uint64_t captioned; /* steps with a caption seen so far */
    struct running_norm norm, frozen;
    struct strmap *raw; /* caption -> bits of the scoring network's output */
    struct recent_captions *recent;
    struct label_pass pass;
    double pay_share, epsilon;
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
    while (m->drawn < m->pairs && observation_store_count(m->store) >= 2) {
        m->drawn++;
        size_t len = observation_store_pair(m->store, out);
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

static int falling_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* What the new scoring weights think of the last steps. Equal outputs are paid alike, so where the
 * best caption alone is more than the share, more than the share is paid. */
static void freeze_share(struct reward_model *m)
{
    const char *text[RECENT_CAPTIONS];
    uint16_t len[RECENT_CAPTIONS];
    float raw[RECENT_CAPTIONS];
    struct running_norm recent = running_norm_start();
    int n = recent_captions_all(m->recent, text, len);
    if (n < 2)
        return;
    rate(m, text, len, n, raw);
    running_norm_update(&recent, raw, n);
    m->frozen = recent;
    qsort(raw, (size_t)n, sizeof *raw, falling_float);
    int paid = (int)ceil(m->pay_share * n);
    m->threshold = raw[paid < 1 ? 0 : paid > n ? n - 1 : paid - 1];
}

static void ranking_train(struct reward_model *m)
{
    bool any = pair_data_trained(m->data) > 0;
    bool renewed = trained_net_begin(&m->w, pair_data_count(m->data), any, m->w.version > 0);
    if (renewed) {
        if (m->w.renewed_new)
            strmap_clear(m->raw);
        m->frozen = m->norm;
        if (m->pay_share > 0)
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
    m->norm = m->frozen = running_norm_start();
    m->raw = strmap_create(1024);
    m->recent = recent_captions_create();
    m->threshold = -FLT_MAX;
    m->pay_share = cfg->reward_pay_share;
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
    double norm[NORM_DOUBLES] = {m->norm.mean,   m->norm.var,   m->norm.count,
                                 m->frozen.mean, m->frozen.var, m->frozen.count};
    uint64_t share_len = 0;
    double threshold = (double)m->threshold;
    buf_append(out, MAGIC, sizeof MAGIC);
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
}

/* Passes over what is of the share, and leaves *p four bytes in front of what follows, where "RNK1"
 * was; *share is NULL for a state of then. False when malformed. */
static bool split_share(const char **p, size_t *len, const char **share, size_t *share_len)
{
    uint64_t n;
    *share = NULL;
    if (*len >= sizeof MAGIC && memcmp(*p, MAGIC_BEFORE, sizeof MAGIC) == 0)
        return true;
    if (*len < sizeof MAGIC + 8 || memcmp(*p, MAGIC, sizeof MAGIC) != 0)
        return false;
    memcpy(&n, *p + sizeof MAGIC, 8);
    if (n < SHARE_BYTES || n > *len - sizeof MAGIC - 8)
        return false;
    *share = *p + sizeof MAGIC + 8;
    *share_len = (size_t)n;
    *p += 8 + n;
    *len -= 8 + n;
    return true;
}

/* m NULL only checks. */
static bool load_share(struct reward_model *m, const char *p, size_t len)
{
    double threshold;
    struct label_pass pass;
    memcpy(&threshold, p, 8);
    memcpy(&pass, p + 8, sizeof pass);
    struct recent_captions *probe = m ? NULL : recent_captions_create();
    bool fine = isfinite(threshold) && pass.at <= pass.count && pass.count <= PAIR_DATA_MAX &&
                recent_captions_load(m ? m->recent : probe, p + SHARE_BYTES, len - SHARE_BYTES);
    recent_captions_free(probe);
    if (fine && m) {
        m->threshold = (float)threshold;
        m->pass = pass;
    }
    return fine;
}

/* Where the parts of a saved state lie; false when malformed. */
static bool parts(const struct reward_model *m, const char *p, size_t len, size_t *store_len)
{
    size_t fixed = HEAD_BYTES + trained_net_bytes(&m->w) + TAIL_BYTES;
    uint64_t count, store;
    if (len < fixed)
        return false;
    memcpy(&count, p + 12, 8);
    memcpy(&store, p + fixed - 8, 8);
    if (count > PAIR_DATA_MAX || store > len - fixed || !trained_net_check(&m->w, p + HEAD_BYTES))
        return false;
    for (int i = 0; i < NORM_DOUBLES; i++) {
        double x;
        memcpy(&x, p + fixed - TAIL_BYTES + i * 8, 8);
        if (!isfinite(x) || (i % 3 && x < 0))
            return false;
    }
    *store_len = (size_t)store;
    struct observation_store *probe = observation_store_create(m->capacity, false, 0);
    bool fine = observation_store_load(probe, p + fixed, *store_len);
    observation_store_free(probe);
    return fine && pair_data_load(NULL, p + fixed + store, len - fixed - (size_t)store, count);
}

static int ranking_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data, *share;
    size_t given = len, share_len = 0, store_len, net_bytes = trained_net_bytes(&m->w);
    uint64_t version, count;
    double norm[NORM_DOUBLES];
    if (!split_share(&p, &len, &share, &share_len) ||
        (share && !load_share(NULL, share, share_len)) || !parts(m, p, len, &store_len))
        return err_set(
            err, ONIC_EDAMAGED,
            "the state of reward model ranking is malformed (%zu bytes), or its store is "
            "larger than reward.store",
            given);
    const char *end = p + len;
    m->threshold = -FLT_MAX;
    m->pass = (struct label_pass){0};
    recent_captions_load(m->recent, NULL, 0);
    if (share)
        load_share(m, share, share_len);
    memcpy(&version, p + 4, 8);
    memcpy(&count, p + 12, 8);
    trained_net_load(&m->w, p + HEAD_BYTES, version);
    p += HEAD_BYTES + net_bytes;
    memcpy(norm, p, sizeof norm);
    m->norm = (struct running_norm){norm[0], norm[1], norm[2]};
    m->frozen = (struct running_norm){norm[3], norm[4], norm[5]};
    memcpy(&m->captioned, p + sizeof norm, 8);
    p += TAIL_BYTES;
    observation_store_load(m->store, p, store_len);
    pair_data_clear(m->data);
    pair_data_load(m->data, p + store_len, (size_t)(end - p) - store_len, count);
    strmap_clear(m->raw);
    m->drawn = 0;
    return ONIC_OK;
}

const struct reward_model_type reward_model_ranking = {
    .name = "ranking",
    .summary = "a network trained on preferences between captions rewards them (ONI-ranking)",
    .traits = {.caption_only = true, .wants_labels = true, .asks = QUESTION_PAIR},
    .pays_by = "reward.pay_share, reward.lr and reward.train_share",
    .create = ranking_create,
    .free = ranking_free,
    .on_batch = ranking_on_batch,
    .next_question = ranking_next_question,
    .on_label = ranking_on_label,
    .has_label = ranking_has_label,
    .train = ranking_train,
    .beside = ranking_beside,
    .version = ranking_version,
    .score = ranking_score,
    .report = ranking_report,
    .save = ranking_save,
    .load = ranking_load,
};
