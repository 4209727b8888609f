/* SPDX-License-Identifier: MIT */
/* oni_default.c - the policy network of ONI (arXiv 2410.23022), for comparison:
 * five times the work of nethack-compact.
 *
 *   picture   12x12 characters as 72x72x3 (char_view.h) -> conv 8x8/4 32, 4x4/2 64, 3x3/2 128 ->
 *             dense H
 *   status    27 clipped numbers -> dense 128 -> dense 128, and the numbers themselves
 *   message   256 bytes / 255 -> dense 128 -> dense 128
 *
 * ELU throughout, H = 512, 795 features. With policy.core=gru and policy.core_size=512 the policy
 * has 2,798,205 parameters and one value head, 2,798,718 with onic's two. The convolutions and the
 * dense layer behind them start uniform in +-1/sqrt(fan-in), the others orthogonal with gain 1.
 *
 * The first convolution is computed as look-ups (char_conv.h), for as many rows at a time as have
 * ALIKE different coloured characters, so that its table stays in the caches. The picture itself is
 * never drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/conv2d/conv2d.h"
#include "common/nn/layers/dense/dense.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/encoders/oni_default/char_conv.h"
#include "common/policy/encoders/oni_default/char_view.h"
#include "common/policy/nethack_obs.h"

extern const struct encoder_type encoder_oni_default;

enum { CONVS = 3, MLP = 128, CELLS = CHAR_CELLS * CHAR_CELLS, ALIKE = 512, BLOCK = 16 };

/* The first for its shape only. */
static const struct conv2d CONV[CONVS] = {{CHAR_SIDE, CHAR_SIDE, 3, 8, 8, 32, 4, 0, ACT_ELU},
                                          {17, 17, 32, 4, 4, 64, 2, 0, ACT_ELU},
                                          {7, 7, 64, 3, 3, 128, 2, 0, ACT_ELU}};
/* floats of an output */
static const int OUT[CONVS] = {CHAR_OUT * CHAR_OUT * CHAR_CHANNELS, 7 * 7 * 64, 3 * 3 * 128};

struct oni {
    size_t chars_at, colors_at, blstats_at, message_at; /* within an observation */
    int H, E;
    int hero_row; /* of the view */
    float top;    /* largest picture value */
    size_t conv_w[CONVS], conv_b[CONVS], fc_w, fc_b;
    size_t stat_w[2], stat_b[2], msg_w[2], msg_b[2];
};

struct oni_cache {
    struct char_cell *cells;    /* [n, 144] */
    struct id_set set;          /* coloured characters of the rows at hand */
    float *pictures;            /* [ALIKE, CHAR_PICTURE] of set */
    float *table;               /* [ALIKE, CHAR_ROW], then its gradient */
    float *spread;              /* [CHAR_PICTURE, CHAR_ROW] first weights, then their gradient */
    float *conv[CONVS];         /* [n, OUT] */
    float *numbers, *bytes;     /* [n, 27], [n, 256] */
    float *stat, *msg;          /* [n, 128] first layers */
    float *dconv[CONVS], *dmlp; /* [BLOCK, OUT], [n, 128] */
    float *scratch;
};

static size_t oni_add_dense(struct params *p, const char *name, int rows, int cols, size_t *bias)
{
    char text[PARAM_NAME_MAX];
    snprintf(text, sizeof text, "oni.%s_w", name);
    size_t w = params_add(p, text, rows, cols, PARAM_ORTHOGONAL, 1.0f);
    snprintf(text, sizeof text, "oni.%s_b", name);
    *bias = params_add(p, text, 1, cols, PARAM_ZERO, 0);
    return w;
}

static void oni_add_params(struct oni *e, struct params *p)
{
    for (int i = 0; i < CONVS; i++) {
        char name[PARAM_NAME_MAX];
        int fan_in = CONV[i].KH * CONV[i].KW * CONV[i].C;
        float bound = 1.0f / sqrtf((float)fan_in);
        snprintf(name, sizeof name, "oni.conv%d_w", i);
        e->conv_w[i] = params_add(p, name, fan_in, CONV[i].N, PARAM_UNIFORM, bound);
        snprintf(name, sizeof name, "oni.conv%d_b", i);
        e->conv_b[i] = params_add(p, name, 1, CONV[i].N, PARAM_UNIFORM, bound);
    }
    float bound = 1.0f / sqrtf((float)OUT[CONVS - 1]);
    e->fc_w = params_add(p, "oni.fc_w", OUT[CONVS - 1], e->H, PARAM_UNIFORM, bound);
    e->fc_b = params_add(p, "oni.fc_b", 1, e->H, PARAM_UNIFORM, bound);
    e->stat_w[0] = oni_add_dense(p, "status0", NETHACK_BLSTATS, MLP, &e->stat_b[0]);
    e->stat_w[1] = oni_add_dense(p, "status1", MLP, MLP, &e->stat_b[1]);
    e->msg_w[0] = oni_add_dense(p, "message0", NETHACK_MESSAGE, MLP, &e->msg_b[0]);
    e->msg_w[1] = oni_add_dense(p, "message1", MLP, MLP, &e->msg_b[1]);
}

static int oni_create(void **self, const struct policy_config *c, struct params *p,
                      struct onic_err *err)
{
    const struct obs_spec *obs = &c->obs;
    struct oni *e = *self = xcalloc(1, sizeof *e);
    int rc = nethack_field(&e->chars_at, obs, c->net, "chars", OBS_U8, NETHACK_CELLS, err);
    if (!rc)
        rc = nethack_field(&e->colors_at, obs, c->net, "colors", OBS_U8, NETHACK_CELLS, err);
    if (!rc)
        rc = nethack_field(&e->blstats_at, obs, c->net, "blstats", OBS_I64, NETHACK_BLSTATS, err);
    if (!rc)
        rc = nethack_field(&e->message_at, obs, c->net, "message", OBS_U8, NETHACK_MESSAGE, err);
    if (rc)
        return rc;
    e->H = c->hidden;
    e->hero_row = c->compat_oni ? CHAR_HERO_ONI : CHAR_HERO;
    e->top = c->compat_oni ? 255.0f : 1.0f;
    e->E = c->hidden + MLP + NETHACK_BLSTATS + MLP;
    oni_add_params(e, p);
    return ONIC_OK;
}

static int oni_width(const void *self)
{
    return ((const struct oni *)self)->E;
}

/* As in the original, for comparison; here the first convolution's 1.8 M are 37,000 additions. */
static double oni_macs(const void *self)
{
    const struct oni *e = self;
    double sum =
        (double)OUT[CONVS - 1] * e->H + MLP * (NETHACK_BLSTATS + MLP + NETHACK_MESSAGE + MLP);
    for (int i = 0; i < CONVS; i++)
        sum += (double)OUT[i] * CONV[i].KH * CONV[i].KW * CONV[i].C;
    return sum;
}

static size_t oni_cache(const void *self, void *memory, int max_rows)
{
    (void)self;
    size_t at = 0, n = (size_t)max_rows, block = n < BLOCK ? n : BLOCK, scratch = 0;
    struct oni_cache *head = memory_cut(memory, &at, sizeof *head), c;
    c.cells = memory_cut(memory, &at, n * CELLS * sizeof *c.cells);
    c.set = (struct id_set){.ids = CHAR_IDS};
    c.set.place = memory_cut(memory, &at, CHAR_IDS * sizeof *c.set.place);
    c.set.id = memory_cut(memory, &at, ALIKE * sizeof *c.set.id);
    c.pictures = memory_cut(memory, &at, (size_t)ALIKE * CHAR_PICTURE * sizeof(float));
    c.table = memory_cut(memory, &at, (size_t)ALIKE * CHAR_ROW * sizeof(float));
    c.spread = memory_cut(memory, &at, (size_t)CHAR_PICTURE * CHAR_ROW * sizeof(float));
    for (int i = 0; i < CONVS; i++) {
        c.conv[i] = memory_cut(memory, &at, n * (size_t)OUT[i] * sizeof(float));
        c.dconv[i] = memory_cut(memory, &at, block * (size_t)OUT[i] * sizeof(float));
        size_t need = i ? conv2d_scratch_floats(&CONV[i]) : 0;
        scratch = need > scratch ? need : scratch;
    }
    c.numbers = memory_cut(memory, &at, n * NETHACK_BLSTATS * sizeof(float));
    c.bytes = memory_cut(memory, &at, n * NETHACK_MESSAGE * sizeof(float));
    c.stat = memory_cut(memory, &at, n * MLP * sizeof(float));
    c.msg = memory_cut(memory, &at, n * MLP * sizeof(float));
    c.dmlp = memory_cut(memory, &at, n * MLP * sizeof(float));
    c.scratch = memory_cut(memory, &at, scratch * sizeof(float));
    if (head) {
        memset(c.set.place, 0xff, CHAR_IDS * sizeof *c.set.place);
        *head = c;
    }
    return at;
}

/* Pictures of the characters of the rows from `first`; returns how many rows have no more than
 * ALIKE different ones together. The same rows every time. */
static int take_rows(const struct oni *e, struct oni_cache *c, int first, int n)
{
    int count = 0;
    _Static_assert(ALIKE >= CELLS, "room for any row");
    id_set_clear(&c->set);
    while (first + count < n && c->set.count + CELLS <= ALIKE)
        char_conv_collect(&c->set, c->cells + (size_t)(first + count++) * CELLS);
    char_conv_pictures(c->pictures, &c->set, e->top);
    return count;
}

static void oni_first_forward(const struct oni *e, struct oni_cache *c, const float *params, int n)
{
    char_conv_spread(c->spread, params + e->conv_w[0]);
    for (int m = 0, count; m < n; m += count) {
        count = take_rows(e, c, m, n);
        blas_nn(c->table, CHAR_ROW, c->pictures, CHAR_PICTURE, c->spread, CHAR_ROW, c->set.count,
                CHAR_ROW, CHAR_PICTURE, 0);
        for (size_t i = (size_t)m; i < (size_t)(m + count); i++)
            char_conv_forward(c->conv[0] + i * (size_t)OUT[0], c->cells + i * CELLS, &c->set,
                              c->table, params + e->conv_b[0]);
    }
}

static void oni_read_row(const struct oni *e, const struct oni_cache *c, const uint8_t *row,
                         size_t i, float *raw)
{
    int64_t blstats[NETHACK_BLSTATS];
    memcpy(blstats, row + e->blstats_at, sizeof blstats);
    char_view_crop(row + e->chars_at, row + e->colors_at, blstats[0], blstats[1], e->hero_row,
                   c->cells + i * CELLS);
    nethack_numbers(blstats, c->numbers + i * NETHACK_BLSTATS);
    memcpy(raw, c->numbers + i * NETHACK_BLSTATS, NETHACK_BLSTATS * sizeof(float));
    for (int k = 0; k < NETHACK_MESSAGE; k++)
        c->bytes[i * NETHACK_MESSAGE + (size_t)k] = (float)row[e->message_at + (size_t)k] / 255.0f;
}

static void oni_forward(const void *self, void *cache, const float *params,
                        const uint8_t *const *rows, int n, float *out)
{
    const struct oni *e = self;
    struct oni_cache *c = cache;
    int H = e->H, E = e->E, raw_at = H + MLP, msg_at = H + MLP + NETHACK_BLSTATS;
    for (int i = 0; i < n; i++)
        oni_read_row(e, c, rows[i], (size_t)i, out + (size_t)i * (size_t)E + raw_at);
    oni_first_forward(e, c, params, n);
    for (int k = 1; k < CONVS; k++)
        conv2d_forward(c->conv[k], c->conv[k - 1], params + e->conv_w[k], params + e->conv_b[k],
                       &CONV[k], n, c->scratch);
    dense_forward(out, E, c->conv[CONVS - 1], OUT[CONVS - 1], params + e->fc_w, params + e->fc_b, n,
                  OUT[CONVS - 1], H, ACT_ELU);
    dense_forward(c->stat, MLP, c->numbers, NETHACK_BLSTATS, params + e->stat_w[0],
                  params + e->stat_b[0], n, NETHACK_BLSTATS, MLP, ACT_ELU);
    dense_forward(out + H, E, c->stat, MLP, params + e->stat_w[1], params + e->stat_b[1], n, MLP,
                  MLP, ACT_ELU);
    dense_forward(c->msg, MLP, c->bytes, NETHACK_MESSAGE, params + e->msg_w[0],
                  params + e->msg_b[0], n, NETHACK_MESSAGE, MLP, ACT_ELU);
    dense_forward(out + msg_at, E, c->msg, MLP, params + e->msg_w[1], params + e->msg_b[1], n, MLP,
                  MLP, ACT_ELU);
}

/* Two dense layers; x [n, K] is the input, h [n, MLP] between them. */
static void oni_mlp_backward(const struct oni_cache *c, const float *params, float *grads,
                             const size_t w[2], const size_t b[2], const float *x, int K,
                             const float *h, float *dy, const float *y, int n, int E)
{
    dense_backward(c->dmlp, MLP, grads + w[1], grads + b[1], dy, E, h, MLP, y, E, params + w[1], n,
                   MLP, MLP, ACT_ELU);
    dense_backward(NULL, 0, grads + w[0], grads + b[0], c->dmlp, MLP, x, K, h, MLP, params + w[0],
                   n, K, MLP, ACT_ELU);
}

/* Of `count` rows from m; the first convolution's goes to the table. */
static void block_backward(const struct oni *e, const struct oni_cache *c, const float *params,
                           const float *out, float *dout, int m, int count, float *grads)
{
    int last = OUT[CONVS - 1];
    size_t at = (size_t)m * (size_t)e->E;
    dense_backward(c->dconv[CONVS - 1], last, grads + e->fc_w, grads + e->fc_b, dout + at, e->E,
                   c->conv[CONVS - 1] + (size_t)m * (size_t)last, last, out + at, e->E,
                   params + e->fc_w, count, last, e->H, ACT_ELU);
    for (int k = CONVS - 1; k > 0; k--)
        conv2d_backward(c->dconv[k - 1], grads + e->conv_w[k], grads + e->conv_b[k], c->dconv[k],
                        c->conv[k - 1] + (size_t)m * (size_t)OUT[k - 1],
                        c->conv[k] + (size_t)m * (size_t)OUT[k], params + e->conv_w[k], &CONV[k],
                        count, c->scratch);
    for (size_t i = 0; i < (size_t)count; i++)
        char_conv_backward(c->table, grads + e->conv_b[0], c->dconv[0] + i * (size_t)OUT[0],
                           c->conv[0] + ((size_t)m + i) * (size_t)OUT[0],
                           c->cells + ((size_t)m + i) * CELLS, &c->set);
}

static void picture_backward(const struct oni *e, struct oni_cache *c, const float *params,
                             const float *out, float *dout, int n, float *grads)
{
    memset(c->spread, 0, (size_t)CHAR_PICTURE * CHAR_ROW * sizeof(float));
    for (int m = 0, rows; m < n; m += rows) {
        rows = take_rows(e, c, m, n);
        memset(c->table, 0, (size_t)c->set.count * CHAR_ROW * sizeof(float));
        for (int i = 0; i < rows; i += BLOCK)
            block_backward(e, c, params, out, dout, m + i, rows - i < BLOCK ? rows - i : BLOCK,
                           grads);
        blas_tn(c->spread, CHAR_ROW, c->pictures, CHAR_PICTURE, c->table, CHAR_ROW, CHAR_PICTURE,
                CHAR_ROW, c->set.count, 1);
    }
    char_conv_fold(grads + e->conv_w[0], c->spread);
}

static void oni_backward(const void *self, void *cache, const float *params, const float *out,
                         float *dout, int n, float *grads)
{
    const struct oni *e = self;
    struct oni_cache *c = cache;
    int H = e->H, msg_at = H + MLP + NETHACK_BLSTATS;
    oni_mlp_backward(c, params, grads, e->stat_w, e->stat_b, c->numbers, NETHACK_BLSTATS, c->stat,
                     dout + H, out + H, n, e->E);
    oni_mlp_backward(c, params, grads, e->msg_w, e->msg_b, c->bytes, NETHACK_MESSAGE, c->msg,
                     dout + msg_at, out + msg_at, n, e->E);
    picture_backward(e, c, params, out, dout, n, grads);
}

const struct encoder_type encoder_oni_default = {
    .id = "oni-default",
    .help = "NetHack as in ONI: 12x12 characters as a picture, status, message bytes; 512 wide",
    .fields = "chars,colors,blstats,message",
    .hidden = 512,
    .core_size = 512,
    .create = oni_create,
    .free = free,
    .width = oni_width,
    .macs = oni_macs,
    .cache = oni_cache,
    .forward = oni_forward,
    .backward = oni_backward,
};
