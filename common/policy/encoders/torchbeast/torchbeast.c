/* SPDX-License-Identifier: MIT */
/* torchbeast.c - the encoder of NLE's TorchBeast baseline as ONI can build it, with
 * its parts to switch (policy.parts):
 *
 *   map       21x79 glyphs -> embedding 128 -> conv 3x3/2 16, 3x3/2 8, ELU       960
 *   crop      16x16 glyphs around the hero -> same embedding -> conv 16, 8, ELU  2,048
 *   status    27 clipped numbers -> dense 128 -> dense 128, ReLU                 128
 *   message   256 bytes -> message_net.h                          128, or small: 32
 *   together  dense 256, ReLU -> dense H, ReLU                                   H = 512
 *
 * With all parts 1,933,488 parameters. The first convolutions are computed as look-ups
 * (glyph_conv.h), and each message of a batch is read once (message_set.h): a fifth of the
 * original's 21 M multiply-adds is left. A cell of the crop outside the map adds nothing; ONI's
 * code puts the crop at the map's corner whatever the hero does, and glyph 0 outside (compat.oni).
 *
 * Kept for backward are places of glyphs and the joined features; first convolutions (45 KB a row)
 * and the message network's activations (170 KB a message) are computed again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/conv2d/conv2d.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/embedding/embedding.h"
#include "common/nn/message_net.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/encoders/torchbeast/glyph_conv.h"
#include "common/policy/encoders/torchbeast/message_set.h"
#include "common/policy/id_set.h"
#include "common/policy/nethack_obs.h"

extern const struct encoder_type encoder_torchbeast;

enum { MAP, CROP, STATUS, MESSAGE, PARTS };
enum { GRIDS = 2 /* map and crop */ };
enum {
    EMBED = 128,
    CHANNELS = 16, /* of the first convolution */
    OUT_CHANNELS = 8,
    SIDE = 16, /* of the crop */
    CROP_CELLS = SIDE * SIDE,
    MLP = 128,
    JOIN = 256,
    CAPTIONS = 16 /* messages at a time */
};

static const struct glyph_conv FIRST[GRIDS] = {
    [MAP] = {NETHACK_ROWS, NETHACK_COLS, 2, EMBED, CHANNELS},
    [CROP] = {SIDE, SIDE, 1, EMBED, CHANNELS},
};
static const struct conv2d SECOND[GRIDS] = {
    [MAP] = {11, 40, CHANNELS, 3, 3, OUT_CHANNELS, 2, 1, ACT_ELU},
    [CROP] = {SIDE, SIDE, CHANNELS, 3, 3, OUT_CHANNELS, 1, 1, ACT_ELU},
};
static const int CELLS[GRIDS] = {NETHACK_CELLS, CROP_CELLS};

struct torchbeast {
    size_t glyphs_at, blstats_at, message_at; /* within an observation */
    bool has[PARTS];
    int at[PARTS], joined; /* where a part's features begin; all of them */
    int H;
    bool oni; /* the crop of ONI's code */
    struct message_net text;
    size_t glyph, first_w[GRIDS], first_b[GRIDS], second_w[GRIDS], second_b[GRIDS];
    size_t stat_w[2], stat_b[2], fc_w[2], fc_b[2];
};

struct torchbeast_cache {
    struct id_set set;
    float *embedded, *dembedded;         /* [set.count, EMBED] */
    float *table[GRIDS], *dtable[GRIDS]; /* [set.count, 9, CHANNELS] */
    int16_t *cells[GRIDS];               /* [n, CELLS] places in set */
    float *first, *dfirst;               /* one row's first convolution */
    float *numbers, *stat, *dstat;       /* [n, 27], [n, MLP], [n, MLP] */
    struct message_set messages;
    int32_t *message;            /* [n] of a row */
    float *features, *dfeatures; /* [messages.count, features] */
    struct message_work *work;
    float *joined, *djoined, *mid, *dmid; /* [n, joined], [n, JOIN] */
    float *scratch;
};

/* --- create ---------------------------------------------------------------------------------- */

/* One name of policy.parts. */
static int torchbeast_choose(struct torchbeast *e, const char *name, size_t len, bool *small,
                             struct onic_err *err)
{
    static const char *const names[] = {"map", "crop", "status", "message", "message-small"};
    for (int i = 0; i < PARTS + 1; i++) {
        if (strlen(names[i]) != len || strncmp(name, names[i], len) != 0)
            continue;
        int part = i < PARTS ? i : MESSAGE;
        if (e->has[part])
            return err_set(err, ONIC_ECONFIG, "policy.parts has %s twice; name each part once",
                           names[part]);
        e->has[part] = true;
        *small = *small || i == PARTS;
        return ONIC_OK;
    }
    return err_set(
        err, ONIC_ECONFIG,
        "policy.parts has '%.*s', which is no part of the network torchbeast: map, crop, "
        "status, message, message-small",
        (int)len, name);
}

static int choose_parts(struct torchbeast *e, const char *list, bool *small, struct onic_err *err)
{
    *small = false;
    for (const char *at = list[0] ? list : "map,crop,status,message"; at;) {
        size_t len = strcspn(at, ",");
        int rc = torchbeast_choose(e, at, len, small, err);
        if (rc)
            return rc;
        at = at[len] ? at + len + 1 : NULL;
    }
    return ONIC_OK;
}

static void add_layer(struct params *p, const char *name, int rows, int cols, size_t *w, size_t *b)
{
    char text[PARAM_NAME_MAX];
    snprintf(text, sizeof text, "torchbeast.%s_w", name);
    *w = params_add(p, text, rows, cols, PARAM_ORTHOGONAL, 1.0f);
    snprintf(text, sizeof text, "torchbeast.%s_b", name);
    *b = params_add(p, text, 1, cols, PARAM_ZERO, 0);
}

static void add_grid(struct torchbeast *e, struct params *p, int g)
{
    const struct conv2d *s = &SECOND[g];
    add_layer(p, g == MAP ? "map0" : "crop0", GLYPH_TAPS * EMBED, CHANNELS, &e->first_w[g],
              &e->first_b[g]);
    add_layer(p, g == MAP ? "map1" : "crop1", 9 * CHANNELS, OUT_CHANNELS, &e->second_w[g],
              &e->second_b[g]);
    e->joined += conv2d_out_h(s) * conv2d_out_w(s) * s->N;
}

static void torchbeast_add_params(struct torchbeast *e, struct params *p, bool small)
{
    if (e->has[MAP] || e->has[CROP])
        e->glyph = params_add(p, "torchbeast.glyph", NETHACK_GLYPHS, EMBED, PARAM_NORMAL, 1.0f);
    for (int part = 0; part < PARTS; part++) {
        e->at[part] = e->joined;
        if (!e->has[part])
            continue;
        if (part < GRIDS) {
            add_grid(e, p, part);
        } else if (part == STATUS) {
            add_layer(p, "status0", NETHACK_BLSTATS, MLP, &e->stat_w[0], &e->stat_b[0]);
            add_layer(p, "status1", MLP, MLP, &e->stat_w[1], &e->stat_b[1]);
            e->joined += MLP;
        } else {
            message_net_create(&e->text, small ? MESSAGE_NET_LT_CNN_SMALL : MESSAGE_NET_LT_CNN, p);
            e->joined += message_net_features(&e->text);
        }
    }
    add_layer(p, "join0", e->joined, JOIN, &e->fc_w[0], &e->fc_b[0]);
    add_layer(p, "join1", JOIN, e->H, &e->fc_w[1], &e->fc_b[1]);
}

static int torchbeast_create(void **self, const struct policy_config *c, struct params *p,
                             struct onic_err *err)
{
    const struct obs_spec *obs = &c->obs;
    struct torchbeast *e = *self = xcalloc(1, sizeof *e);
    bool small;
    int rc = nethack_field(&e->glyphs_at, obs, c->net, "glyphs", OBS_I16, NETHACK_CELLS, err);
    if (!rc)
        rc = nethack_field(&e->blstats_at, obs, c->net, "blstats", OBS_I64, NETHACK_BLSTATS, err);
    if (!rc)
        rc = nethack_field(&e->message_at, obs, c->net, "message", OBS_U8, NETHACK_MESSAGE, err);
    if (!rc)
        rc = choose_parts(e, c->parts, &small, err);
    if (rc)
        return rc;
    e->H = c->hidden;
    e->oni = c->compat_oni;
    torchbeast_add_params(e, p, small);
    return ONIC_OK;
}

static int torchbeast_width(const void *self)
{
    return ((const struct torchbeast *)self)->H;
}

/* Without the tables of glyphs, which a batch shares; a message as if no two were equal. */
static double torchbeast_macs(const void *self)
{
    const struct torchbeast *e = self;
    double sum = (double)e->joined * JOIN + (double)JOIN * e->H;
    for (int g = 0; g < GRIDS; g++) {
        const struct conv2d *s = &SECOND[g];
        double look_ups = (double)s->H * s->W * GLYPH_TAPS * CHANNELS;
        double second = (double)conv2d_out_h(s) * conv2d_out_w(s) * 9 * s->C * s->N;
        sum += e->has[g] ? look_ups + second : 0;
    }
    if (e->has[STATUS])
        sum += MLP * (NETHACK_BLSTATS + MLP);
    if (e->has[MESSAGE])
        sum += message_net_macs(&e->text);
    return sum;
}

/* --- cache ----------------------------------------------------------------------------------- */

static void cut_grids(const struct torchbeast *e, struct torchbeast_cache *c, size_t n,
                      void *memory, size_t *at)
{
    size_t cells = 0, scratch = 0, first = 0;
    for (int g = 0; g < GRIDS; g++) {
        if (!e->has[g])
            continue;
        size_t need = conv2d_scratch_floats(&SECOND[g]);
        size_t floats = (size_t)SECOND[g].H * (size_t)SECOND[g].W * CHANNELS;
        cells += n * (size_t)CELLS[g];
        scratch = need > scratch ? need : scratch;
        first = floats > first ? floats : first;
    }
    size_t glyphs = cells < NETHACK_GLYPHS ? cells : NETHACK_GLYPHS; /* at most so many differ */
    c->set.ids = NETHACK_GLYPHS;
    c->set.place = memory_cut(memory, at, NETHACK_GLYPHS * sizeof *c->set.place);
    c->set.id = memory_cut(memory, at, (glyphs + 1) * sizeof *c->set.id); /* + 1: glyph 0 */
    c->embedded = memory_cut(memory, at, (glyphs + 1) * EMBED * sizeof(float));
    c->dembedded = memory_cut(memory, at, (glyphs + 1) * EMBED * sizeof(float));
    for (int g = 0; g < GRIDS; g++) {
        size_t table = e->has[g] ? (glyphs + 1) * GLYPH_TAPS * CHANNELS : 0;
        c->table[g] = memory_cut(memory, at, table * sizeof(float));
        c->dtable[g] = memory_cut(memory, at, table * sizeof(float));
        c->cells[g] = memory_cut(memory, at, e->has[g] ? n * (size_t)CELLS[g] * 2 : 0);
    }
    c->first = memory_cut(memory, at, first * sizeof(float));
    c->dfirst = memory_cut(memory, at, first * sizeof(float));
    c->scratch = memory_cut(memory, at, scratch * sizeof(float));
}

static void cut_messages(const struct torchbeast *e, struct torchbeast_cache *c, size_t n,
                         void *memory, size_t *at)
{
    struct message_set *s = &c->messages;
    size_t features = (size_t)message_net_features(&e->text);
    s->slots = message_set_slots((int)n);
    s->text = memory_cut(memory, at, n * NETHACK_MESSAGE);
    s->caption = memory_cut(memory, at, n * sizeof *s->caption);
    s->len = memory_cut(memory, at, n * sizeof *s->len);
    s->slot = memory_cut(memory, at, (size_t)s->slots * sizeof *s->slot);
    c->message = memory_cut(memory, at, n * sizeof *c->message);
    c->features = memory_cut(memory, at, n * features * sizeof(float));
    c->dfeatures = memory_cut(memory, at, n * features * sizeof(float));
    c->work = message_work_place(&e->text, (int)n < CAPTIONS ? (int)n : CAPTIONS, memory, at);
}

static size_t torchbeast_cache(const void *self, void *memory, int max_rows)
{
    const struct torchbeast *e = self;
    size_t at = 0, n = (size_t)max_rows, joined = n * (size_t)e->joined * sizeof(float);
    struct torchbeast_cache *head = memory_cut(memory, &at, sizeof *head), c = {0};
    cut_grids(e, &c, n, memory, &at);
    if (e->has[MESSAGE])
        cut_messages(e, &c, n, memory, &at);
    c.numbers = memory_cut(memory, &at, n * NETHACK_BLSTATS * sizeof(float));
    c.stat = memory_cut(memory, &at, n * MLP * sizeof(float));
    c.dstat = memory_cut(memory, &at, n * MLP * sizeof(float));
    c.joined = memory_cut(memory, &at, joined);
    c.djoined = memory_cut(memory, &at, joined);
    c.mid = memory_cut(memory, &at, n * JOIN * sizeof(float));
    c.dmid = memory_cut(memory, &at, n * JOIN * sizeof(float));
    if (head) {
        memset(c.set.place, 0xff, NETHACK_GLYPHS * sizeof *c.set.place);
        *head = c;
    }
    return at;
}

/* --- forward --------------------------------------------------------------------------------- */

static void read_crop(const struct torchbeast *e, struct id_set *set, const int16_t *glyphs,
                      const int64_t *blstats, int16_t *cells)
{
    int64_t x = blstats[0], y = blstats[1];
    if (e->oni || x < 0 || x >= NETHACK_COLS || y < 0 || y >= NETHACK_ROWS)
        x = y = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int64_t row = y - SIDE / 2 + i, col = x - SIDE / 2 + j;
            bool in = row >= 0 && row < NETHACK_ROWS && col >= 0 && col < NETHACK_COLS;
            if (in)
                *cells++ = id_set_add(set, glyphs[row * NETHACK_COLS + col]);
            else
                *cells++ = e->oni ? id_set_add(set, 0) : -1;
        }
}

static void torchbeast_read_row(const struct torchbeast *e, struct torchbeast_cache *c,
                                const uint8_t *row, size_t i)
{
    int16_t glyphs[NETHACK_CELLS];
    int64_t blstats[NETHACK_BLSTATS];
    memcpy(glyphs, row + e->glyphs_at, sizeof glyphs);
    memcpy(blstats, row + e->blstats_at, sizeof blstats);
    if (e->has[MAP])
        for (size_t k = 0; k < NETHACK_CELLS; k++)
            c->cells[MAP][i * NETHACK_CELLS + k] = id_set_add(&c->set, glyphs[k]);
    if (e->has[CROP])
        read_crop(e, &c->set, glyphs, blstats, c->cells[CROP] + i * CROP_CELLS);
    if (e->has[STATUS])
        nethack_numbers(blstats, c->numbers + i * NETHACK_BLSTATS);
    if (e->has[MESSAGE])
        c->message[i] = message_set_add(&c->messages, row + e->message_at);
}

static void torchbeast_first_forward(const struct torchbeast *e, const struct torchbeast_cache *c,
                                     const float *params, int g, int i)
{
    glyph_conv_forward(&FIRST[g], c->first, c->cells[g] + (size_t)i * (size_t)CELLS[g], c->table[g],
                       params + e->first_b[g]);
}

static void torchbeast_grid_forward(const struct torchbeast *e, const struct torchbeast_cache *c,
                                    const float *params, int g, int n)
{
    if (!e->has[g])
        return;
    tap_table(&FIRST[g], c->table[g], c->embedded, c->set.count, params + e->first_w[g]);
    for (int i = 0; i < n; i++) {
        torchbeast_first_forward(e, c, params, g, i);
        conv2d_forward(c->joined + (size_t)i * (size_t)e->joined + e->at[g], c->first,
                       params + e->second_w[g], params + e->second_b[g], &SECOND[g], 1, c->scratch);
    }
}

static void status_forward(const struct torchbeast *e, const struct torchbeast_cache *c,
                           const float *params, int n)
{
    if (!e->has[STATUS])
        return;
    dense_forward(c->stat, MLP, c->numbers, NETHACK_BLSTATS, params + e->stat_w[0],
                  params + e->stat_b[0], n, NETHACK_BLSTATS, MLP, ACT_RELU);
    dense_forward(c->joined + e->at[STATUS], e->joined, c->stat, MLP, params + e->stat_w[1],
                  params + e->stat_b[1], n, MLP, MLP, ACT_RELU);
}

static void message_forward(const struct torchbeast *e, const struct torchbeast_cache *c,
                            const float *params, int n)
{
    if (!e->has[MESSAGE])
        return;
    const struct message_set *s = &c->messages;
    size_t F = (size_t)message_net_features(&e->text);
    for (int m = 0; m < s->count; m += CAPTIONS) {
        int count = s->count - m < CAPTIONS ? s->count - m : CAPTIONS;
        const float *y =
            message_net_forward(&e->text, params, s->caption + m, s->len + m, count, c->work);
        memcpy(c->features + (size_t)m * F, y, (size_t)count * F * sizeof *y);
    }
    for (size_t i = 0; i < (size_t)n; i++)
        memcpy(c->joined + i * (size_t)e->joined + e->at[MESSAGE],
               c->features + (size_t)c->message[i] * F, F * sizeof(float));
}

static void torchbeast_forward(const void *self, void *cache, const float *params,
                               const uint8_t *const *rows, int n, float *out)
{
    const struct torchbeast *e = self;
    struct torchbeast_cache *c = cache;
    id_set_clear(&c->set);
    if (e->has[MESSAGE])
        message_set_clear(&c->messages);
    for (int i = 0; i < n; i++)
        torchbeast_read_row(e, c, rows[i], (size_t)i);
    if (c->set.count)
        embedding_forward(c->embedded, c->set.id, params + e->glyph, 1, c->set.count, EMBED);
    torchbeast_grid_forward(e, c, params, MAP, n);
    torchbeast_grid_forward(e, c, params, CROP, n);
    status_forward(e, c, params, n);
    message_forward(e, c, params, n);
    dense_forward(c->mid, JOIN, c->joined, e->joined, params + e->fc_w[0], params + e->fc_b[0], n,
                  e->joined, JOIN, ACT_RELU);
    dense_forward(out, e->H, c->mid, JOIN, params + e->fc_w[1], params + e->fc_b[1], n, JOIN, e->H,
                  ACT_RELU);
}

/* --- backward -------------------------------------------------------------------------------- */

static void torchbeast_grid_backward(const struct torchbeast *e, const struct torchbeast_cache *c,
                                     const float *params, int g, int n, float *grads)
{
    if (!e->has[g])
        return;
    memset(c->dtable[g], 0, (size_t)c->set.count * GLYPH_TAPS * CHANNELS * sizeof(float));
    for (int i = 0; i < n; i++) {
        size_t at = (size_t)i * (size_t)e->joined + (size_t)e->at[g];
        torchbeast_first_forward(e, c, params, g, i);
        conv2d_backward(c->dfirst, grads + e->second_w[g], grads + e->second_b[g], c->djoined + at,
                        c->first, c->joined + at, params + e->second_w[g], &SECOND[g], 1,
                        c->scratch);
        glyph_conv_backward(&FIRST[g], c->dtable[g], grads + e->first_b[g], c->dfirst, c->first,
                            c->cells[g] + (size_t)i * (size_t)CELLS[g]);
    }
    tap_table_backward(&FIRST[g], c->dembedded, grads + e->first_w[g], c->dtable[g], c->embedded,
                       c->set.count, params + e->first_w[g]);
}

static void grids_backward(const struct torchbeast *e, const struct torchbeast_cache *c,
                           const float *params, int n, float *grads)
{
    if (!c->set.count)
        return;
    memset(c->dembedded, 0, (size_t)c->set.count * EMBED * sizeof(float));
    torchbeast_grid_backward(e, c, params, MAP, n, grads);
    torchbeast_grid_backward(e, c, params, CROP, n, grads);
    embedding_backward(grads + e->glyph, c->dembedded, c->set.id, 1, c->set.count, EMBED);
}

static void status_backward(const struct torchbeast *e, const struct torchbeast_cache *c,
                            const float *params, int n, float *grads)
{
    if (!e->has[STATUS])
        return;
    dense_backward(c->dstat, MLP, grads + e->stat_w[1], grads + e->stat_b[1],
                   c->djoined + e->at[STATUS], e->joined, c->stat, MLP, c->joined + e->at[STATUS],
                   e->joined, params + e->stat_w[1], n, MLP, MLP, ACT_RELU);
    dense_backward(NULL, 0, grads + e->stat_w[0], grads + e->stat_b[0], c->dstat, MLP, c->numbers,
                   NETHACK_BLSTATS, c->stat, MLP, params + e->stat_w[0], n, NETHACK_BLSTATS, MLP,
                   ACT_RELU);
}

static void message_backward(const struct torchbeast *e, const struct torchbeast_cache *c,
                             const float *params, int n, float *grads)
{
    if (!e->has[MESSAGE])
        return;
    const struct message_set *s = &c->messages;
    size_t F = (size_t)message_net_features(&e->text);
    memset(c->dfeatures, 0, (size_t)s->count * F * sizeof(float));
    for (size_t i = 0; i < (size_t)n; i++)
        kernels()->axpy(c->dfeatures + (size_t)c->message[i] * F,
                        c->djoined + i * (size_t)e->joined + e->at[MESSAGE], 1.0f, F);
    for (int m = 0; m < s->count; m += CAPTIONS) {
        int count = s->count - m < CAPTIONS ? s->count - m : CAPTIONS;
        message_net_forward(&e->text, params, s->caption + m, s->len + m, count, c->work);
        message_net_backward(&e->text, params, grads, c->dfeatures + (size_t)m * F, c->work);
    }
}

static void torchbeast_backward(const void *self, void *cache, const float *params,
                                const float *out, float *dout, int n, float *grads)
{
    const struct torchbeast *e = self;
    const struct torchbeast_cache *c = cache;
    dense_backward(c->dmid, JOIN, grads + e->fc_w[1], grads + e->fc_b[1], dout, e->H, c->mid, JOIN,
                   out, e->H, params + e->fc_w[1], n, JOIN, e->H, ACT_RELU);
    dense_backward(c->djoined, e->joined, grads + e->fc_w[0], grads + e->fc_b[0], c->dmid, JOIN,
                   c->joined, e->joined, c->mid, JOIN, params + e->fc_w[0], n, e->joined, JOIN,
                   ACT_RELU);
    grids_backward(e, c, params, n, grads);
    status_backward(e, c, params, n, grads);
    message_backward(e, c, params, n, grads);
}

const struct encoder_type encoder_torchbeast = {
    .id = "torchbeast",
    .help = "NetHack as NLE's TorchBeast baseline: glyph map and crop, status, message; 512 wide",
    .fields = "glyphs,blstats,message",
    .has_parts = true,
    .hidden = 512,
    .core_size = 512,
    .create = torchbeast_create,
    .free = free,
    .width = torchbeast_width,
    .macs = torchbeast_macs,
    .cache = torchbeast_cache,
    .forward = torchbeast_forward,
    .backward = torchbeast_backward,
};
