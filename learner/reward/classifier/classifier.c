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
 * labels without replacement (label_pass.h).
 *
 * Where one caption in twenty helps, a network that says no to all is right 19 times in 20, and a
 * batch holds three labels that say otherwise. With reward.balanced half of each batch is of either
 * side (or all there are of the rarer one) and both sides weigh the same in the loss, so the
 * network learns odds as if both were as frequent. These are multiplied by the odds of the labels
 * seen, and p is a probability again: reward.eta keeps its meaning. Weights alone would do for the
 * odds, but not show a step more than three of the rare ones.
 *
 * State in a checkpoint, little-endian: "CLS2", u64 version, u64 labels, trained_net's state, f64
 * odds, nine u64 (three passes), then per label: u8 class, u16 length, caption. "CLS1" had neither
 * odds nor passes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/caption_copies.h"
#include "learner/reward/classifier/classifier_net.h"
#include "learner/reward/heldout.h"
#include "learner/reward/label_limit.h"
#include "learner/reward/label_pass.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/trained_net_options.h"

enum {
    ENTRIES_MAX = 1 << 20,
    HEAD_BYTES = 4 + 8 + 8,
    ENTRY_BYTES = 3,
    LISTS = 3, /* what a pass goes over: labels 0, labels 1, all */
    DRAW_BYTES = 8 + LISTS * (int)sizeof(struct label_pass),
    SAY_FROM = 100,     /* labels, of which one in ten at most is on the rarer side */
    LOOK_CAPTIONS = 256 /* held-out ones that are measured, at most */
};
static const char MAGIC[4] = "CLS2", MAGIC_BEFORE[4] = "CLS1";

struct entry {
    size_t text; /* offset in the pool */
    uint16_t len;
    uint8_t label;
};

struct dataset {
    struct strmap *index; /* caption -> position in entry */
    struct entry *entry;
    char *pool;
    uint32_t *trained[2], *held; /* positions, rising: of each class, and of those held out */
    size_t count, cap, pool_len, pool_cap, ntrained[2], nheld;
    bool said_full;
};

/* What was drawn for a step, or to be measured; grown to what it has to hold. */
struct drawn {
    const char **text;
    uint16_t *len;
    int32_t *target;
    int n, room;
    bool weighted;
    float weight[2];
    struct caption_copies copies;
};

struct reward_model {
    struct message_head *net, *trains; /* of the training thread; of whoever trains: the same, or
                                          one of its own */
    struct trained_net w;
    struct dataset data;
    double eta, holdout;
    bool balanced, said_rare;
    double odds; /* frozen with the scoring weights */
    struct label_pass pass[LISTS];
    int batch;
    struct drawn step[TRAINED_NET_PIECE], held;
};

/* --- labels ---------------------------------------------------------------------------------- */

static void classifier_grow(struct dataset *d, size_t text)
{
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 1024;
        d->entry = xrealloc(d->entry, d->cap * sizeof *d->entry);
        for (int c = 0; c < 2; c++)
            d->trained[c] = xrealloc(d->trained[c], d->cap * sizeof *d->trained[c]);
        d->held = xrealloc(d->held, d->cap * sizeof *d->held);
    }
    if (d->pool_len + text > d->pool_cap) {
        d->pool_cap = 2 * (d->pool_cap + text) + 65536;
        d->pool = xrealloc(d->pool, d->pool_cap);
    }
}

/* Where position `at` is, or belongs, in a rising list. */
static size_t place_in(const uint32_t *list, size_t n, uint32_t at)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A label of the training part is another one now. */
static void change_class(struct dataset *d, uint32_t at, uint8_t from, uint8_t to)
{
    uint32_t *old = d->trained[from], *list = d->trained[to];
    size_t i = place_in(old, d->ntrained[from], at);
    memmove(old + i, old + i + 1, (--d->ntrained[from] - i) * sizeof *old);
    i = place_in(list, d->ntrained[to], at);
    memmove(list + i + 1, list + i, (d->ntrained[to]++ - i) * sizeof *list);
    list[i] = at;
}

/* True when this changed the labels. */
static bool classifier_put(struct dataset *d, const char *caption, size_t len, uint8_t label,
                           double holdout)
{
    uint64_t *known = strmap_get(d->index, caption, len);
    if (known) {
        struct entry *e = &d->entry[*known];
        if (e->label == label)
            return false;
        if (!heldout_caption(caption, len, holdout))
            change_class(d, (uint32_t)*known, e->label, label);
        e->label = label;
        return true;
    }
    if (d->count == ENTRIES_MAX) {
        label_limit_reached(&d->said_full, d->count);
        return false;
    }
    classifier_grow(d, len);
    memcpy(d->pool + d->pool_len, caption, len);
    uint32_t at = (uint32_t)d->count++;
    d->entry[at] = (struct entry){d->pool_len, (uint16_t)len, label};
    d->pool_len += len;
    *strmap_put(d->index, caption, len, NULL) = at;
    if (heldout_caption(caption, len, holdout))
        d->held[d->nheld++] = at;
    else
        d->trained[label][d->ntrained[label]++] = at;
    return true;
}

static void classifier_clear(struct dataset *d)
{
    strmap_clear(d->index);
    d->count = d->pool_len = d->ntrained[0] = d->ntrained[1] = d->nheld = 0;
}

static void classifier_on_label(struct reward_model *m, const struct label *l)
{
    if (l->state != LABEL_ANSWERED || label_fault(l, QUESTION_CLASS) ||
        !question_is_caption(l->question, l->question_len))
        return;
    if (classifier_put(&m->data, l->question, l->question_len, l->value > 0, m->holdout))
        label_schedule_arrival(&m->w.schedule);
}

static bool classifier_has_label(const struct reward_model *m, const char *caption, size_t len)
{
    return strmap_get(m->data.index, caption, len) != NULL;
}

/* --- training -------------------------------------------------------------------------------- */

static void drawn_begin(struct drawn *d, int room)
{
    d->n = 0;
    d->weighted = false;
    if (room <= d->room)
        return;
    d->room = room;
    d->text = xrealloc(d->text, (size_t)room * sizeof *d->text);
    d->len = xrealloc(d->len, (size_t)room * sizeof *d->len);
    d->target = xrealloc(d->target, (size_t)room * sizeof *d->target);
}

static void drawn_add(struct drawn *d, const struct dataset *data, uint32_t position)
{
    const struct entry *e = &data->entry[position];
    d->text[d->n] = data->pool + e->text;
    d->len[d->n] = e->len;
    d->target[d->n++] = e->label;
}

static void drawn_keep(struct drawn *d)
{
    caption_copies_take(&d->copies, d->text, d->len, d->n);
}

/* n labels of a list. */
static void draw_from(struct reward_model *m, struct drawn *to, int list, int n)
{
    const struct dataset *d = &m->data;
    size_t of[2] = {list == 1 ? 0 : d->ntrained[0], list == 0 ? 0 : d->ntrained[1]};
    if (n == 0)
        return;
    label_pass_begin(&m->pass[list], of[0] + of[1], (size_t)n);
    for (int i = 0; i < n; i++) {
        size_t k = label_pass_next(&m->pass[list], m->w.seed + (uint64_t)list);
        drawn_add(to, d, k < of[0] ? d->trained[0][k] : d->trained[1][k - of[0]]);
    }
}

static int at_most(size_t n, int most)
{
    return n < (size_t)most ? (int)n : most;
}

static bool draws_both_sides(const struct reward_model *m)
{
    return m->balanced && m->batch > 1 && m->data.ntrained[0] && m->data.ntrained[1];
}

static void classifier_draw(void *model, int k)
{
    struct reward_model *m = model;
    const struct dataset *d = &m->data;
    struct drawn *to = &m->step[k];
    drawn_begin(to, at_most(d->ntrained[0] + d->ntrained[1], m->batch));
    if (draws_both_sides(m)) {
        int one = at_most(d->ntrained[1], m->batch / 2);
        int zero = at_most(d->ntrained[0], m->batch - one);
        one = at_most(d->ntrained[1], m->batch - zero);
        draw_from(m, to, 0, zero);
        draw_from(m, to, 1, one);
        to->weighted = true;
        to->weight[0] = 0.5f / (float)zero;
        to->weight[1] = 0.5f / (float)one;
    } else {
        draw_from(m, to, LISTS - 1, at_most(d->ntrained[0] + d->ntrained[1], m->batch));
    }
    drawn_keep(to);
}

static double classifier_loss(void *model, int k)
{
    struct reward_model *m = model;
    const struct drawn *d = &m->step[k];
    return classifier_net_loss(m->trains, m->w.trained, d->text, d->len, d->target, d->n,
                               d->weighted ? d->weight : NULL, m->w.seed, m->w.step + 1,
                               m->w.grads);
}

/* p [n] of the scoring weights, which know nothing of how frequent either side is. */
static void classifier_probability(const struct reward_model *m, struct message_head *net,
                                   const char *const *text, const uint16_t *len, int n, float *p)
{
    classifier_net_score(net, m->w.scoring, text, len, n, p);
    for (int i = 0; i < n; i++) {
        double yes = (double)p[i] * m->odds, no = 1.0 - (double)p[i];
        p[i] = m->odds == 1 ? p[i] : (float)(yes / (yes + no));
    }
}

/* Held-out labels, evenly over the time of their arrival. */
static void classifier_draw_held(void *model)
{
    struct reward_model *m = model;
    const struct dataset *d = &m->data;
    int n = at_most(d->nheld, LOOK_CAPTIONS);
    drawn_begin(&m->held, n);
    for (int i = 0; i < n; i++)
        drawn_add(&m->held, d, d->held[(size_t)i * d->nheld / (size_t)n]);
    drawn_keep(&m->held);
}

static struct heldout_measure classifier_look(void *model)
{
    struct reward_model *m = model;
    const struct drawn *d = &m->held;
    float p[LOOK_CAPTIONS];
    unsigned char label[LOOK_CAPTIONS];
    for (int i = 0; i < d->n; i++)
        label[i] = (unsigned char)d->target[i];
    classifier_probability(m, m->trains, d->text, d->len, d->n, p);
    return heldout_measure(p, label, d->n);
}

static const struct trained_net_work CLASSIFIER_WORK = {.draw = classifier_draw,
                                                        .loss = classifier_loss,
                                                        .draw_held = classifier_draw_held,
                                                        .look = classifier_look};

static void classifier_say_rare(struct reward_model *m)
{
    size_t zero = m->data.ntrained[0], one = m->data.ntrained[1];
    size_t rare = zero < one ? zero : one;
    if (m->said_rare || !draws_both_sides(m) || zero + one < SAY_FROM || 10 * rare > zero + one)
        return;
    m->said_rare = true;
    log_info("few labels are of one side; the classifier draws both sides alike and weighs its "
             "answers by their frequency (reward.balanced)",
             kv("helpful", (uint64_t)one), kv("not_helpful", (uint64_t)zero));
}

/* With the scoring weights: what they were trained on knew both sides as equally frequent. */
static void freeze_odds(struct reward_model *m)
{
    const size_t *n = m->data.ntrained;
    m->odds = draws_both_sides(m) ? (double)n[1] / (double)n[0] : 1;
}

static void classifier_train(struct reward_model *m)
{
    bool any = m->data.ntrained[0] + m->data.ntrained[1] > 0;
    bool renewed = trained_net_begin(&m->w, m->data.count, any, false);
    if (renewed) {
        freeze_odds(m);
        classifier_say_rare(m);
    }
    trained_net_end(&m->w, any, renewed);
}

/* --- creation -------------------------------------------------------------------------------- */

static void drawn_release(struct drawn *d)
{
    free(d->text);
    free(d->len);
    free(d->target);
    caption_copies_release(&d->copies);
}

static void classifier_free(struct reward_model *m)
{
    if (!m)
        return;
    trained_net_release(&m->w); /* whoever trains has ended then */
    if (m->trains != m->net)
        message_head_free(m->trains);
    message_head_free(m->net);
    strmap_free(m->data.index);
    free(m->data.entry);
    free(m->data.pool);
    free(m->data.trained[0]);
    free(m->data.trained[1]);
    free(m->data.held);
    for (int k = 0; k < TRAINED_NET_PIECE; k++)
        drawn_release(&m->step[k]);
    drawn_release(&m->held);
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
    m->net = m->trains = classifier_net_create();
    trained_net_init(&m->w, message_head_params(m->net)->floats, 0, &trained, &CLASSIFIER_WORK, m);
    m->data.index = strmap_create(4096);
    m->eta = cfg->reward_eta;
    m->holdout = cfg->reward_holdout;
    m->balanced = cfg->reward_balanced && !cfg->compat_oni;
    m->odds = 1;
    m->batch = (int)cfg->reward_batch;
    message_head_init(m->net, m->w.trained, m->w.seed);
    *out = m;
    return ONIC_OK;
}

static void classifier_beside(struct reward_model *m)
{
    m->trains = classifier_net_create();
    trained_net_beside(&m->w);
}

static struct train_turn *classifier_turn(struct reward_model *m)
{
    return &m->w.turn;
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
    classifier_probability(m, m->net, b->caption_text + 1, b->caption_len + 1, b->ncaptions - 1,
                           out + 1);
    for (int i = 1; i < b->ncaptions; i++)
        out[i] = (double)out[i] > m->eta ? 1.0f : 0.0f;
}

static void classifier_report(const struct reward_model *m,
                              void (*put_number)(void *ctx, const char *name, double value),
                              void *ctx)
{
    trained_net_report(&m->w, put_number, ctx);
    if (draws_both_sides(m))
        put_number(ctx, "reward_model/loss_of_guessing", log(2));
    put_number(ctx, "reward_model/dataset", (double)m->data.count);
    put_number(ctx, "reward_model/heldout", (double)m->data.nheld);
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
    buf_append(out, &m->odds, 8);
    buf_append(out, m->pass, sizeof m->pass);
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
        if ((unsigned char)p[0] > 1 || n > len - ENTRY_BYTES ||
            !question_is_caption(p + ENTRY_BYTES, n))
            return false;
        if (m)
            classifier_put(&m->data, p + ENTRY_BYTES, n, (uint8_t)p[0], m->holdout);
        p += ENTRY_BYTES + n;
        len -= ENTRY_BYTES + (size_t)n;
    }
    return len == 0;
}

static bool passes_well_formed(const char *p)
{
    double odds;
    struct label_pass pass[LISTS];
    memcpy(&odds, p, 8);
    memcpy(pass, p + 8, sizeof pass);
    bool fine = isfinite(odds) && odds > 0;
    for (int i = 0; i < LISTS; i++)
        fine = fine && pass[i].count <= ENTRIES_MAX && pass[i].at <= pass[i].count;
    return fine;
}

/* Bytes in front of the labels; 0 when malformed. */
static size_t well_formed(const struct reward_model *m, const char *p, size_t len)
{
    size_t net = HEAD_BYTES + trained_net_bytes(&m->w);
    bool before = len >= sizeof MAGIC && memcmp(p, MAGIC_BEFORE, sizeof MAGIC) == 0;
    size_t fixed = before ? net : net + DRAW_BYTES;
    uint64_t count;
    if (len < fixed || (!before && memcmp(p, MAGIC, sizeof MAGIC) != 0))
        return 0;
    memcpy(&count, p + 12, 8);
    bool fine = count <= ENTRIES_MAX && trained_net_check(&m->w, p + HEAD_BYTES) &&
                (before || passes_well_formed(p + net)) &&
                classifier_walk(NULL, p + fixed, len - fixed, count);
    return fine ? fixed : 0;
}

static int classifier_load(struct reward_model *m, const void *data, size_t len,
                           struct onic_err *err)
{
    const char *p = data;
    size_t fixed = well_formed(m, p, len), net = HEAD_BYTES + trained_net_bytes(&m->w);
    if (!fixed)
        return err_set(err, ONIC_EDAMAGED,
                       "the state of reward model classifier is malformed (%zu bytes)", len);
    uint64_t version, count;
    memcpy(&version, p + 4, 8);
    memcpy(&count, p + 12, 8);
    trained_net_load(&m->w, p + HEAD_BYTES, version);
    m->odds = 1;
    memset(m->pass, 0, sizeof m->pass);
    if (fixed > net) {
        memcpy(&m->odds, p + net, 8);
        memcpy(m->pass, p + net + 8, sizeof m->pass);
    }
    classifier_clear(&m->data);
    classifier_walk(m, p + fixed, len - fixed, count);
    return ONIC_OK;
}

const struct reward_model_type reward_model_classifier = {
    .name = "classifier",
    .summary = "a network trained on the labels decides for every caption (ONI-classification)",
    .traits = {.caption_only = true, .wants_labels = true},
    .pays_by = "reward.eta, reward.lr, reward.train_share and annotator.goal",
    .create = classifier_create,
    .free = classifier_free,
    .on_label = classifier_on_label,
    .has_label = classifier_has_label,
    .train = classifier_train,
    .beside = classifier_beside,
    .turn = classifier_turn,
    .version = classifier_version,
    .score = classifier_score,
    .report = classifier_report,
    .save = classifier_save,
    .load = classifier_load,
};
