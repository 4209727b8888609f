/* SPDX-License-Identifier: MIT */
/* classifier.c - ONI-classification: a network learns the annotator's labels and rewards all
 * captions, also those that were never labelled (arXiv 2410.23022, section 3).
 *
 * g = 1 where p > reward.eta, else 0; labels only decide what is still to be asked. Before the
 * scoring weights (trained_net.h) are renewed for the first time the score is 0: an untrained
 * network has nothing to say.
 *
 * A share of the captions (heldout.h) is labelled like all others and never trained on. Labels are
 * kept in order of arrival and never forgotten; a second label replaces the first. At ENTRIES_MAX
 * captions further ones stay unknown, which the coverage metric shows. A step draws reward.batch
 * labels with replacement, or takes each once where there are no more than that.
 *
 * State in a checkpoint, little-endian: "CLS1", u64 version, u64 labels, trained_net's state, then
 * per label: u8 class, u16 length, caption. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/classifier/classifier_net.h"
#include "learner/reward/heldout.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/trained_net_options.h"

enum {
    ENTRIES_MAX = 1 << 20,
    CAPTION_MAX = 4096,
    HEAD_BYTES = 4 + 8 + 8,
    ENTRY_BYTES = 3,
    MEASURE_STEPS = 32,    /* between two looks at the held-out labels */
    MEASURE_CAPTIONS = 256 /* of them at most */
};
static const char MAGIC[4] = "CLS1";

struct entry {
    size_t text; /* offset in the pool */
    uint16_t len;
    uint8_t label;
};

struct dataset {
    struct strmap *index; /* caption -> position in entry */
    struct entry *entry;
    char *pool;
    uint32_t *trained, *held; /* positions of both parts, in order of arrival */
    size_t count, cap, pool_len, pool_cap, ntrained, nheld;
};

struct reward_model {
    struct message_head *net;
    struct trained_net w;
    struct dataset data;
    double eta, holdout;
    int batch;
    /* one step or measurement, [room] */
    const char **text;
    uint16_t *len;
    int32_t *target;
    /* shown */
    uint64_t measured_at;
    struct heldout_measure heldout;
};

/* --- labels ---------------------------------------------------------------------------------- */

static void classifier_grow(struct dataset *d, size_t text)
{
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 1024;
        d->entry = xrealloc(d->entry, d->cap * sizeof *d->entry);
        d->trained = xrealloc(d->trained, d->cap * sizeof *d->trained);
        d->held = xrealloc(d->held, d->cap * sizeof *d->held);
    }
    if (d->pool_len + text > d->pool_cap) {
        d->pool_cap = 2 * (d->pool_cap + text) + 65536;
        d->pool = xrealloc(d->pool, d->pool_cap);
    }
}

/* True when this changed the labels. */
static bool classifier_put(struct dataset *d, const char *caption, size_t len, uint8_t label,
                           double holdout)
{
    uint64_t *known = strmap_get(d->index, caption, len);
    if (known) {
        bool changed = d->entry[*known].label != label;
        d->entry[*known].label = label;
        return changed;
    }
    if (d->count == ENTRIES_MAX)
        return false;
    classifier_grow(d, len);
    memcpy(d->pool + d->pool_len, caption, len);
    uint32_t at = (uint32_t)d->count++;
    d->entry[at] = (struct entry){d->pool_len, (uint16_t)len, label};
    d->pool_len += len;
    *strmap_put(d->index, caption, len, NULL) = at;
    if (heldout_caption(caption, len, holdout))
        d->held[d->nheld++] = at;
    else
        d->trained[d->ntrained++] = at;
    return true;
}

static void classifier_clear(struct dataset *d)
{
    strmap_clear(d->index);
    d->count = d->pool_len = d->ntrained = d->nheld = 0;
}

static void classifier_on_label(struct reward_model *m, const struct label *l)
{
    if (l->state != LABEL_ANSWERED || !(l->value >= 0 && l->value <= 1) || l->question_len == 0 ||
        l->question_len > CAPTION_MAX)
        return;
    if (classifier_put(&m->data, l->question, l->question_len, l->value >= 0.5, m->holdout))
        label_schedule_arrival(&m->w.schedule);
}

static bool classifier_has_label(const struct reward_model *m, const char *caption, size_t len)
{
    return strmap_get(m->data.index, caption, len) != NULL;
}

/* --- creation -------------------------------------------------------------------------------- */

static void classifier_free(struct reward_model *m)
{
    if (!m)
        return;
    message_head_free(m->net);
    trained_net_release(&m->w);
    strmap_free(m->data.index);
    free(m->data.entry);
    free(m->data.pool);
    free(m->data.trained);
    free(m->data.held);
    free(m->text);
    free(m->len);
    free(m->target);
    free(m);
}

static int classifier_create(struct reward_model **out, const struct config *cfg,
                             const struct obs_spec *obs, struct onic_err *err)
{
    (void)obs;
    int rc = blas_start(err);
    if (rc)
        return rc;
    struct trained_net_params trained;
    trained_net_options(&trained, cfg);
    struct reward_model *m = xcalloc(1, sizeof *m);
    m->net = classifier_net_create();
    trained_net_init(&m->w, message_head_params(m->net)->floats, 0, &trained);
    m->data.index = strmap_create(4096);
    m->eta = cfg->reward_eta;
    m->holdout = cfg->reward_holdout;
    m->batch = (int)cfg->reward_batch;
    size_t room = (size_t)(m->batch > MEASURE_CAPTIONS ? m->batch : MEASURE_CAPTIONS);
    m->text = xcalloc(room, sizeof *m->text);
    m->len = xcalloc(room, sizeof *m->len);
    m->target = xcalloc(room, sizeof *m->target);
    m->heldout = heldout_measure(NULL, NULL, 0);
    message_head_init(m->net, m->w.trained, m->w.seed);
    *out = m;
    return ONIC_OK;
}

/* --- training -------------------------------------------------------------------------------- */

static void classifier_choose(struct reward_model *m, int i, uint32_t position)
{
    const struct entry *e = &m->data.entry[position];
    m->text[i] = m->data.pool + e->text;
    m->len[i] = e->len;
    m->target[i] = e->label;
}

static int draw_batch(struct reward_model *m)
{
    const struct dataset *d = &m->data;
    bool all = d->ntrained <= (size_t)m->batch;
    int n = all ? (int)d->ntrained : m->batch;
    struct rng r = rng_stream(m->w.seed, "reward batch", m->w.step, 0, 0);
    for (int i = 0; i < n; i++)
        classifier_choose(m, i,
                          d->trained[all ? (uint32_t)i : rng_below(&r, (uint32_t)d->ntrained)]);
    return n;
}

static void classifier_take_step(struct reward_model *m)
{
    int n = draw_batch(m);
    trained_net_step(&m->w, classifier_net_loss(m->net, m->w.trained, m->text, m->len, m->target, n,
                                                m->w.seed, m->w.step + 1, m->w.grads));
}

/* Held-out labels, evenly over the time of their arrival. */
static void classifier_measure(struct reward_model *m)
{
    const struct dataset *d = &m->data;
    int n = d->nheld < MEASURE_CAPTIONS ? (int)d->nheld : MEASURE_CAPTIONS;
    float p[MEASURE_CAPTIONS];
    unsigned char label[MEASURE_CAPTIONS];
    for (int i = 0; i < n; i++) {
        classifier_choose(m, i, d->held[(size_t)i * d->nheld / (size_t)n]);
        label[i] = (unsigned char)m->target[i];
    }
    classifier_net_score(m->net, m->w.scoring, m->text, m->len, n, p);
    m->heldout = heldout_measure(p, label, n);
    m->measured_at = m->w.step;
}

static void classifier_train(struct reward_model *m)
{
    label_schedule_begin(&m->w.schedule, m->data.count);
    while (m->data.ntrained && label_schedule_due(&m->w.schedule))
        classifier_take_step(m);
    if (trained_net_refresh(&m->w, false) &&
        (m->measured_at == 0 || m->w.step >= m->measured_at + MEASURE_STEPS))
        classifier_measure(m);
    label_schedule_end(&m->w.schedule);
}

/* --- scores ---------------------------------------------------------------------------------- */

static uint64_t classifier_version(const struct reward_model *m)
{
    return m->w.version;
}

static void classifier_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    memset(out, 0, (size_t)b->ncaptions * sizeof *out);
    if (m->w.version == 0 || b->ncaptions < 2)
        return;
    classifier_net_score(m->net, m->w.scoring, b->caption_text + 1, b->caption_len + 1,
                         b->ncaptions - 1, out + 1);
    for (int i = 1; i < b->ncaptions; i++)
        out[i] = (double)out[i] > m->eta ? 1.0f : 0.0f;
}

static void classifier_report(const struct reward_model *m,
                              void (*put_number)(void *ctx, const char *name, double value),
                              void *ctx)
{
    trained_net_report(&m->w, put_number, ctx);
    put_number(ctx, "reward_model/dataset", (double)m->data.count);
    put_number(ctx, "reward_model/heldout", (double)m->data.nheld);
    heldout_report(&m->heldout, put_number, ctx);
}

/* --- checkpoint ------------------------------------------------------------------------------ */

static void classifier_save(const struct reward_model *m, struct buf *out)
{
    const struct dataset *d = &m->data;
    uint64_t count = d->count;
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->w.version, 8);
    buf_append(out, &count, 8);
    trained_net_save(&m->w, out);
    for (size_t i = 0; i < d->count; i++) {
        const struct entry *e = &d->entry[i];
        buf_append(out, &e->label, 1);
        buf_append(out, &e->len, 2);
        buf_append(out, d->pool + e->text, e->len);
    }
}

/* Walks the labels; m NULL only checks. Returns false when malformed. */
static bool classifier_walk(struct reward_model *m, const char *p, size_t len, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint16_t n = 0;
        if (len < ENTRY_BYTES)
            return false;
        memcpy(&n, p + 1, 2);
        if ((unsigned char)p[0] > 1 || n == 0 || n > CAPTION_MAX || n > len - ENTRY_BYTES)
            return false;
        if (m)
            classifier_put(&m->data, p + ENTRY_BYTES, n, (uint8_t)p[0], m->holdout);
        p += ENTRY_BYTES + n;
        len -= ENTRY_BYTES + (size_t)n;
    }
    return len == 0;
}

static bool well_formed(const struct reward_model *m, const char *p, size_t len)
{
    size_t fixed = HEAD_BYTES + trained_net_bytes(&m->w);
    uint64_t count;
    if (len < fixed || memcmp(p, MAGIC, sizeof MAGIC) != 0)
        return false;
    memcpy(&count, p + 12, 8);
    return count <= ENTRIES_MAX && trained_net_check(&m->w, p + HEAD_BYTES) &&
           classifier_walk(NULL, p + fixed, len - fixed, count);
}

static int classifier_load(struct reward_model *m, const void *data, size_t len,
                           struct onic_err *err)
{
    const char *p = data;
    if (!well_formed(m, p, len))
        return err_set(err, ONIC_EDAMAGED,
                       "the state of reward model classifier is malformed (%zu bytes)", len);
    uint64_t version, count;
    memcpy(&version, p + 4, 8);
    memcpy(&count, p + 12, 8);
    trained_net_load(&m->w, p + HEAD_BYTES, version);
    p += HEAD_BYTES + trained_net_bytes(&m->w);
    classifier_clear(&m->data);
    classifier_walk(m, p, len - (size_t)(p - (const char *)data), count);
    m->measured_at = 0;
    m->heldout = heldout_measure(NULL, NULL, 0);
    return ONIC_OK;
}

const struct reward_model_type reward_model_classifier = {
    .name = "classifier",
    .summary = "a network trained on the labels decides for every caption (ONI-classification)",
    .traits = {.caption_only = true, .wants_labels = true},
    .create = classifier_create,
    .free = classifier_free,
    .on_label = classifier_on_label,
    .has_label = classifier_has_label,
    .train = classifier_train,
    .version = classifier_version,
    .score = classifier_score,
    .report = classifier_report,
    .save = classifier_save,
    .load = classifier_load,
};
