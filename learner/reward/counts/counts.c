/* SPDX-License-Identifier: MIT */
/* counts.c - language-free novelty: 1/sqrt(N), N = how often this observation was seen in the run
 * (arXiv 1606.01868).
 *
 * The baseline that pays for reaching rarely seen observations, without any language. N is kept per
 * observation hash in a count-min sketch with conservative update: ROWS x COLS counters, an
 * observation's count is the smallest of its ROWS counters, and only counters that hold that
 * smallest value are raised. Memory is fixed however long the run; an exact table would grow with
 * every new screen of NetHack. The estimate is never below the true N; with a million distinct
 * observations it is above it for well under 1 % of them.
 *
 * Scoring a step counts it: a trajectory must be bound once. Counts are per run, not per episode;
 * the episodic factor is therefore not applied (traits: not caption_only).
 *
 * State in a checkpoint, little-endian: "CNT1", u64 version, u64 pairs, then pairs of u32 cell, u32
 * count: cells that are not 0, rising. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/xmalloc.h"
#include "learner/reward/reward_model.h"

enum { ROWS = 4, COL_BITS = 20, COLS = 1 << COL_BITS, CELLS = ROWS * COLS, HEAD_BYTES = 20 };
static const char MAGIC[4] = "CNT1";

struct reward_model {
    size_t obs_bytes;
    uint64_t version; /* observations counted */
    uint32_t *cell;   /* [ROWS, COLS] */
};

static int counts_create(struct reward_model **out, const struct config *cfg,
                         const struct obs_spec *obs, struct onic_err *err)
{
    (void)cfg;
    if (!obs || !obs->obs_bytes)
        return err_set(err, ONIC_ECONFIG,
                       "reward.model counts needs an environment with observations");
    *out = xcalloc(1, sizeof **out);
    (*out)->obs_bytes = obs->obs_bytes;
    (*out)->cell = xcalloc(CELLS, sizeof(uint32_t));
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

/* Counts one observation and returns the new estimate of N. */
static uint32_t counts_count(struct reward_model *m, const uint8_t *obs)
{
    XXH128_hash_t h = XXH3_128bits(obs, m->obs_bytes);
    uint32_t *at[ROWS], least = UINT32_MAX;
    for (int r = 0; r < ROWS; r++) {
        uint64_t half = r < 2 ? h.low64 : h.high64;
        at[r] = &m->cell[r * COLS + (int)(half >> (r % 2 * 32) & (COLS - 1))];
        least = *at[r] < least ? *at[r] : least;
    }
    if (least == UINT32_MAX)
        return least;
    for (int r = 0; r < ROWS; r++)
        if (*at[r] == least)
            *at[r] = least + 1;
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
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < CELLS; i++)
        pairs += m->cell[i] != 0;
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->version, 8);
    buf_append(out, &pairs, 8);
    for (uint32_t i = 0; i < CELLS; i++)
        if (m->cell[i])
            buf_append(out, (uint32_t[2]){i, m->cell[i]}, 8);
}

static int counts_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    uint64_t version = 0, pairs = 0;
    bool ok = len >= HEAD_BYTES && memcmp(p, MAGIC, sizeof MAGIC) == 0;
    if (ok) {
        memcpy(&version, p + 4, 8);
        memcpy(&pairs, p + 12, 8);
        ok = pairs <= CELLS && len == HEAD_BYTES + pairs * 8;
    }
    int64_t last = -1;
    for (uint64_t i = 0; ok && i < pairs; i++) {
        uint32_t pair[2];
        memcpy(pair, p + HEAD_BYTES + i * 8, 8);
        ok = pair[0] < CELLS && (int64_t)pair[0] > last && pair[1] > 0;
        last = pair[0];
    }
    if (!ok)
        return err_set(err, ONIC_EDAMAGED,
                       "the counters of reward model counts are malformed (%zu bytes)", len);
    memset(m->cell, 0, CELLS * sizeof *m->cell);
    for (uint64_t i = 0; i < pairs; i++) {
        uint32_t pair[2];
        memcpy(pair, p + HEAD_BYTES + i * 8, 8);
        m->cell[pair[0]] = pair[1];
    }
    m->version = version;
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
