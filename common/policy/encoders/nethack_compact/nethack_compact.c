/* SPDX-License-Identifier: MIT */
/* nethack_compact.c - the default NetHack network: what matters near the hero in detail, the rest
 * as facts.
 *
 *   crop      9x9 glyphs around the hero -> embedding 16 each -> dense H, ReLU
 *   map       facts about the level and the status line (map_features.h) -> sum of rows, H/4, ReLU
 *   message   hashed words and pairs (message_words.h) -> sum of rows, H/4, ReLU
 *   status    24 numbers -> dense H/4, ReLU
 *   together  dense H, ReLU -> core
 *
 * Why not a convolution over the whole map: 1,659 cells cost more than everything here together,
 * and nearly all are unexplored rock. Why the crop: moves, attacks and pick-ups are decided by the
 * cells around the hero. H = 256: 0.46 M multiply-adds for the encoder, 1.0 M with the LSTM.
 *
 * The embedded crop is 81 * 16 floats a row, ten times everything else that backward needs, and
 * takes a fraction of a microsecond to make: it is not kept but made again, a block of rows at a
 * time that stays in L2. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/embedding/embedding.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/encoders/nethack_compact/map_features.h"
#include "common/policy/encoders/nethack_compact/message_words.h"

extern const struct encoder_type encoder_nethack_compact;

enum { CROP = 9, CELLS = CROP * CROP, EMBED = 16, CROP_INPUTS = CELLS * EMBED, BLOCK = 128 };

struct nethack {
    size_t glyphs_at, blstats_at, message_at; /* within an observation */
    int H, part;                              /* widths: crop and output; the others */
    int joined;                               /* H + 3 part */
    size_t embed, crop_w, crop_b, map_t, map_b, msg_t, msg_b, stat_w, stat_b, out_w, out_b;
};

struct nethack_cache {
    int16_t *crop;               /* [n, 81] */
    int32_t *facts, *fact_count; /* [n, MAP_FACTS_MAX], [n] */
    int32_t *words, *word_count; /* [n, MESSAGE_ROWS_MAX], [n] */
    float *numbers;              /* [n, MAP_NUMBERS] */
    float *joined, *djoined;     /* [n, joined]: crop | map | message | status */
    float *block;                /* [BLOCK, 81*16]: embedded crops, then their gradient */
};

static void compact_add_params(struct nethack *e, struct params *p)
{
    const float he = 1.41421356f; /* gain before a ReLU */
    int H = e->H, P = e->part;
    e->embed = params_add(p, "nethack.glyph", MAP_GLYPHS, EMBED, PARAM_NORMAL, 1.0f);
    e->crop_w = params_add(p, "nethack.crop_w", CROP_INPUTS, H, PARAM_ORTHOGONAL, he);
    e->crop_b = params_add(p, "nethack.crop_b", 1, H, PARAM_ZERO, 0);
    /* about 30 facts and 12 words at a time: sums of variance 2 */
    e->map_t = params_add(p, "nethack.map_table", map_fact_rows(), P, PARAM_NORMAL, 0.25f);
    e->map_b = params_add(p, "nethack.map_b", 1, P, PARAM_ZERO, 0);
    e->msg_t = params_add(p, "nethack.word_table", MESSAGE_BUCKETS, P, PARAM_NORMAL, 0.4f);
    e->msg_b = params_add(p, "nethack.word_b", 1, P, PARAM_ZERO, 0);
    e->stat_w = params_add(p, "nethack.status_w", MAP_NUMBERS, P, PARAM_ORTHOGONAL, he);
    e->stat_b = params_add(p, "nethack.status_b", 1, P, PARAM_ZERO, 0);
    e->out_w = params_add(p, "nethack.out_w", e->joined, H, PARAM_ORTHOGONAL, he);
    e->out_b = params_add(p, "nethack.out_b", 1, H, PARAM_ZERO, 0);
}

static int compact_nethack_create(void **self, const struct policy_config *c, struct params *p,
                                  struct onic_err *err)
{
    const struct obs_spec *obs = &c->obs;
    struct nethack *e = *self = xcalloc(1, sizeof *e);
    int rc = nethack_field(&e->glyphs_at, obs, c->net, "glyphs", OBS_I16, NETHACK_CELLS, err);
    if (!rc)
        rc = nethack_field(&e->blstats_at, obs, c->net, "blstats", OBS_I64, NETHACK_BLSTATS, err);
    if (!rc)
        rc = nethack_field(&e->message_at, obs, c->net, "message", OBS_U8, NETHACK_MESSAGE, err);
    if (rc)
        return rc;
    e->H = c->hidden;
    e->part = c->hidden >= 4 ? c->hidden / 4 : 1;
    e->joined = e->H + 3 * e->part;
    compact_add_params(e, p);
    return ONIC_OK;
}

static int nethack_width(const void *self)
{
    return ((const struct nethack *)self)->H;
}

static double nethack_macs(const void *self)
{
    const struct nethack *e = self;
    return (double)e->H * (CROP_INPUTS + e->joined) + (double)e->part * (30 + 12 + MAP_NUMBERS);
}

static size_t nethack_cache(const void *self, void *memory, int max_rows)
{
    const struct nethack *e = self;
    size_t at = 0, n = (size_t)max_rows, block = n < BLOCK ? n : BLOCK;
    struct nethack_cache *head = memory_cut(memory, &at, sizeof *head), c;
    c.crop = memory_cut(memory, &at, n * CELLS * sizeof *c.crop);
    c.facts = memory_cut(memory, &at, n * MAP_FACTS_MAX * sizeof *c.facts);
    c.fact_count = memory_cut(memory, &at, n * sizeof *c.fact_count);
    c.words = memory_cut(memory, &at, n * MESSAGE_ROWS_MAX * sizeof *c.words);
    c.word_count = memory_cut(memory, &at, n * sizeof *c.word_count);
    c.numbers = memory_cut(memory, &at, n * MAP_NUMBERS * sizeof *c.numbers);
    c.joined = memory_cut(memory, &at, n * (size_t)e->joined * sizeof *c.joined);
    c.djoined = memory_cut(memory, &at, n * (size_t)e->joined * sizeof *c.djoined);
    c.block = memory_cut(memory, &at, block * CROP_INPUTS * sizeof *c.block);
    if (head)
        *head = c;
    return at;
}

static void compact_read_row(const struct nethack *e, const struct nethack_cache *c,
                             const uint8_t *obs, size_t i)
{
    struct map_view v;
    map_view_read(&v, obs + e->glyphs_at, obs + e->blstats_at);
    map_crop(&v, CROP, c->crop + i * CELLS);
    c->fact_count[i] = map_facts(&v, c->facts + i * MAP_FACTS_MAX);
    map_numbers(&v, c->numbers + i * MAP_NUMBERS);
    c->word_count[i] =
        message_words(obs + e->message_at, NETHACK_MESSAGE, c->words + i * MESSAGE_ROWS_MAX);
}

static void nethack_forward(const void *self, void *cache, const float *params,
                            const uint8_t *const *rows, int n, float *out)
{
    const struct nethack *e = self;
    const struct nethack_cache *c = cache;
    int H = e->H, P = e->part, J = e->joined;
    for (int i = 0; i < n; i++)
        compact_read_row(e, c, rows[i], (size_t)i);
    for (int m = 0; m < n; m += BLOCK) {
        int count = n - m < BLOCK ? n - m : BLOCK;
        embedding_forward(c->block, c->crop + (size_t)m * CELLS, params + e->embed, count, CELLS,
                          EMBED);
        dense_forward(c->joined + (size_t)m * (size_t)J, J, c->block, CROP_INPUTS,
                      params + e->crop_w, params + e->crop_b, count, CROP_INPUTS, H, ACT_RELU);
    }
    gather_sum_forward(c->joined + H, J, c->facts, c->fact_count, MAP_FACTS_MAX, params + e->map_t,
                       params + e->map_b, n, P, ACT_RELU);
    gather_sum_forward(c->joined + H + P, J, c->words, c->word_count, MESSAGE_ROWS_MAX,
                       params + e->msg_t, params + e->msg_b, n, P, ACT_RELU);
    dense_forward(c->joined + H + 2 * P, J, c->numbers, MAP_NUMBERS, params + e->stat_w,
                  params + e->stat_b, n, MAP_NUMBERS, P, ACT_RELU);
    dense_forward(out, H, c->joined, J, params + e->out_w, params + e->out_b, n, J, H, ACT_RELU);
}

static void nethack_backward(const void *self, void *cache, const float *params, const float *out,
                             float *dout, int n, float *grads)
{
    const struct nethack *e = self;
    const struct nethack_cache *c = cache;
    int H = e->H, P = e->part, J = e->joined;
    const float *y = c->joined;
    float *dy = c->djoined;
    dense_backward(dy, J, grads + e->out_w, grads + e->out_b, dout, H, y, J, out, H,
                   params + e->out_w, n, J, H, ACT_RELU);
    gather_sum_backward(grads + e->map_t, grads + e->map_b, dy + H, J, y + H, J, c->facts,
                        c->fact_count, MAP_FACTS_MAX, n, P, ACT_RELU);
    gather_sum_backward(grads + e->msg_t, grads + e->msg_b, dy + H + P, J, y + H + P, J, c->words,
                        c->word_count, MESSAGE_ROWS_MAX, n, P, ACT_RELU);
    dense_backward(NULL, 0, grads + e->stat_w, grads + e->stat_b, dy + H + 2 * P, J, c->numbers,
                   MAP_NUMBERS, y + H + 2 * P, J, params + e->stat_w, n, MAP_NUMBERS, P, ACT_RELU);
    for (int m = 0; m < n; m += BLOCK) {
        int count = n - m < BLOCK ? n - m : BLOCK;
        const int16_t *crop = c->crop + (size_t)m * CELLS;
        size_t at = (size_t)m * (size_t)J;
        embedding_forward(c->block, crop, params + e->embed, count, CELLS, EMBED);
        dense_backward(c->block, CROP_INPUTS, grads + e->crop_w, grads + e->crop_b, dy + at, J,
                       c->block, CROP_INPUTS, y + at, J, params + e->crop_w, count, CROP_INPUTS, H,
                       ACT_RELU); /* dx over x: the weights' product is done with x by then */
        embedding_backward(grads + e->embed, c->block, crop, count, CELLS, EMBED);
    }
}

const struct encoder_type encoder_nethack_compact = {
    .id = "nethack-compact",
    .help = "NetHack: 9x9 crop, facts about the map, words of the message; 256 wide",
    .fields = "glyphs,blstats,message",
    .hidden = 256,
    .core_size = 256,
    .create = compact_nethack_create,
    .free = free,
    .width = nethack_width,
    .macs = nethack_macs,
    .cache = nethack_cache,
    .forward = nethack_forward,
    .backward = nethack_backward,
};
