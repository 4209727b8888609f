/* SPDX-License-Identifier: MIT */
/* counts.c - language-free novelty: 1/sqrt(N), N = how often this observation was seen in the run
 * (arXiv 1606.01868).
 *
 * The baseline that pays for reaching rarely seen observations, without any language. N is kept per
 * observation hash in a count-min sketch with conservative update: ROWS x columns counters, an
 * observation's count is the smallest of its ROWS counters, and only counters that hold that
 * smallest value are raised. Memory is fixed however long the run (reward.counts_mb); an exact
 * table would grow with every new screen of NetHack. The estimate is never below the true N. With a
 * quarter as many distinct observations as columns 0.2 % of new ones look seen, with half as many 2
 * %, with as many 16 %: at half a word is said.
 *
 * Scoring a step counts it: a trajectory must be bound once. Counts are per run, not per episode;
 * the episodic factor is therefore not applied (traits: not caption_only).
 *
 * State in a checkpoint, little-endian: "CNT2", u64 version, u64 distinct observations, u64
 * columns' bits, u64 pairs, then pairs of u32 cell, u32 count: cells that are not 0, rising. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "learner/reward/reward_model.h"

enum { ROWS = 4, BITS_LEAST = 20, BITS_MOST = 30, HEAD_BYTES = 4 + 4 * 8 };
static const char MAGIC[4] = "CNT2";

/* A pair has twice the bytes of its counter. */
_Static_assert(((size_t)2 * CONFIG_MAX_reward_counts_mb << 20) + HEAD_BYTES <= REWARD_STATE_MAX,
               "the state of the largest table, all of it in use, fits into a checkpoint");

struct reward_model {
    size_t obs_bytes;
    uint64_t version;  /* observations counted */
    uint64_t distinct; /* of them, as far as is known */
    int bits;
    uint32_t *cell; /* [ROWS, 1 << bits] */
    bool said_full;
};

static size_t counts_cells(int bits)
{
    return (size_t)ROWS << bits;
}

static int counts_create(struct reward_model **out, const struct config *cfg,
                         const struct obs_spec *obs, struct onic_err *err)
{
    int bits = BITS_LEAST;
    if (!obs || !obs->obs_bytes)
        return err_set(err, ONIC_ECONFIG,
                       "reward.model counts needs an environment with observations");
    while (bits < BITS_MOST &&
           counts_cells(bits + 1) * sizeof(uint32_t) <= (size_t)cfg->reward_counts_mb << 20)
        bits++;
    *out = xcalloc(1, sizeof **out);
    **out = (struct reward_model){.obs_bytes = obs->obs_bytes, .bits = bits};
    (*out)->cell = xcalloc(counts_cells(bits), sizeof(uint32_t));
    return ONIC_OK;
}

static void counts_free(struct reward_model *m)
{
    if (!m)
        return;
    free(m->cell);
    free(m);
}

static uint64_t counts_version(const struct reward_model *m)
{
    return m->version;
}

static void note_distinct(struct reward_model *m)
{
    if (++m->distinct <= (uint64_t)1 << (m->bits - 1) || m->said_full)
        return;
    m->said_full = true;
    log_warn(
        "reward model counts has seen more than its memory tells apart: new observations begin "
        "to look seen; a new run with a larger reward.counts_mb counts more",
        kv("distinct", m->distinct));
}

/* Counts one observation and returns the new estimate of N. */
static uint32_t counts_count(struct reward_model *m, const uint8_t *obs)
{
    XXH128_hash_t h = XXH3_128bits(obs, m->obs_bytes);
    uint32_t *at[ROWS], least = UINT32_MAX;
    for (int r = 0; r < ROWS; r++) {
        uint32_t part = (uint32_t)((r < 2 ? h.low64 : h.high64) >> (r % 2 * 32));
        at[r] = &m->cell[((size_t)r << m->bits) + (part & (((uint32_t)1 << m->bits) - 1))];
        least = *at[r] < least ? *at[r] : least;
    }
    if (least == UINT32_MAX)
        return least;
    for (int r = 0; r < ROWS; r++)
        if (*at[r] == least)
            *at[r] = least + 1;
    if (least == 0)
        note_distinct(m);
    return least + 1;
}

static void counts_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    for (int i = 0; i < b->n; i++) {
        out[i] = 0.0f;
        if (!b->obs_after[i]) /* not known */
            continue;
        out[i] = 1.0f / sqrtf((float)counts_count(m, b->obs_after[i]));
        m->version++;
    }
}

static void counts_save(const struct reward_model *m, struct buf *out)
{
    uint64_t pairs = 0, bits = (uint64_t)m->bits;
    size_t cells = counts_cells(m->bits);
    for (size_t i = 0; i < cells; i++)
        pairs += m->cell[i] != 0;
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->version, 8);
    buf_append(out, &m->distinct, 8);
    buf_append(out, &bits, 8);
    buf_append(out, &pairs, 8);
    for (size_t i = 0; i < cells; i++)
        if (m->cell[i])
            buf_append(out, (uint32_t[2]){(uint32_t)i, m->cell[i]}, 8);
}

struct counts_head {
    uint64_t version, distinct, bits, pairs;
};

static bool counts_well_formed(const char *p, size_t len, struct counts_head *head)
{
    if (len < HEAD_BYTES || memcmp(p, MAGIC, sizeof MAGIC) != 0)
        return false;
    memcpy(head, p + sizeof MAGIC, sizeof *head);
    if (head->bits < BITS_LEAST || head->bits > BITS_MOST || head->distinct > head->version)
        return false;
    size_t cells = counts_cells((int)head->bits);
    if (head->pairs > cells || len != HEAD_BYTES + head->pairs * 8)
        return false;
    int64_t last = -1;
    for (uint64_t i = 0; i < head->pairs; i++) {
        uint32_t pair[2];
        memcpy(pair, p + HEAD_BYTES + i * 8, 8);
        if (pair[0] >= cells || (int64_t)pair[0] <= last || pair[1] == 0)
            return false;
        last = pair[0];
    }
    return true;
}

/* The state decides how many columns there are: a hash cannot be counted anew. */
static int counts_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    struct counts_head head;
    if (!counts_well_formed(p, len, &head))
        return err_set(err, ONIC_EDAMAGED,
                       "the counters of reward model counts are malformed (%zu bytes)", len);
    free(m->cell);
    m->bits = (int)head.bits;
    m->cell = xcalloc(counts_cells(m->bits), sizeof *m->cell);
    for (uint64_t i = 0; i < head.pairs; i++) {
        uint32_t pair[2];
        memcpy(pair, p + HEAD_BYTES + i * 8, 8);
        m->cell[pair[0]] = pair[1];
    }
    m->version = head.version;
    m->distinct = head.distinct;
    return ONIC_OK;
}

const struct reward_model_type reward_model_counts = {
    .name = "counts",
    .summary = "1/sqrt(N) of how often the observation was seen in the run; no language",
    .traits = {.reads_observations = true},
    .create = counts_create,
    .free = counts_free,
    .version = counts_version,
    .score = counts_score,
    .save = counts_save,
    .load = counts_load,
};
