/* SPDX-License-Identifier: MIT */
/* motif.c - a reward that was learned offline from preferences and stays as it is (Motif, arXiv
 * 2310.00166). `onic labels collect`, `onic labels annotate` and `onic reward
 * train` make its file, reward.file names it.
 *
 * g = r where r = (raw - mean) / deviation is above the quantile reward.quantile of the captions it
 * was trained on, else 0.
 *
 * State in a checkpoint, little-endian: "MTF1", u64 floats, f64 mean, f64 var, f32 quantiles, f32
 * weights: a resumed run scores with what it began with, whatever the file holds by then. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/motif/motif_file.h"
#include "learner/reward/ranking_net.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/running_norm.h"

enum { HEAD_BYTES = 4 + 8 + 8 + 8 + MOTIF_QUANTILES * 4 };
static const char MAGIC[4] = "MTF1";

struct reward_model {
    struct message_head *net;
    struct motif_reward r;
    double quantile;
};

static void motif_free(struct reward_model *m)
{
    if (!m)
        return;
    message_head_free(m->net);
    motif_reward_release(&m->r);
    free(m);
}

static int motif_begins_with(const struct config *cfg, struct onic_err *err)
{
    if (cfg->reward_file[0])
        return ONIC_OK;
    return err_set(
        err, ONIC_ECONFIG,
        "reward.model=motif needs reward.file, the file that `onic reward train` writes");
}

static int motif_create(struct reward_model **out, const struct config *cfg,
                        const struct obs_spec *obs, struct onic_err *err)
{
    (void)obs;
    int rc = blas_start(err);
    if (rc)
        return rc;
    struct reward_model *m = xcalloc(1, sizeof *m);
    m->net = ranking_net_create();
    m->r.floats = message_head_params(m->net)->floats;
    m->quantile = cfg->reward_quantile;
    if (cfg->reward_file[0])
        rc = motif_file_read(cfg->reward_file, &m->r, err);
    else /* its state comes out of a checkpoint */
        memset(m->r.weights = xaligned(m->r.floats * sizeof(float)), 0,
               m->r.floats * sizeof(float));
    if (rc) {
        motif_free(m);
        return rc;
    }
    *out = m;
    return ONIC_OK;
}

static uint64_t motif_version(const struct reward_model *m)
{
    (void)m;
    return 1;
}

static void motif_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    struct running_norm norm = {m->r.mean, m->r.var, 2};
    double epsilon = (double)motif_quantile(&m->r, m->quantile);
    memset(out, 0, (size_t)b->ncaptions * sizeof *out);
    if (b->ncaptions < 2)
        return;
    ranking_net_score(m->net, m->r.weights, b->caption_text + 1, b->caption_len + 1,
                      b->ncaptions - 1, out + 1);
    for (int i = 1; i < b->ncaptions; i++) {
        double r = running_norm_apply(&norm, (double)out[i]);
        out[i] = r > epsilon ? (float)r : 0.0f;
    }
}

static void motif_report(const struct reward_model *m,
                         void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/epsilon", (double)motif_quantile(&m->r, m->quantile));
}

static void motif_save(const struct reward_model *m, struct buf *out)
{
    uint64_t floats = m->r.floats;
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &floats, 8);
    buf_append(out, &m->r.mean, 8);
    buf_append(out, &m->r.var, 8);
    buf_append(out, m->r.quantile, sizeof m->r.quantile);
    buf_append(out, m->r.weights, m->r.floats * sizeof(float));
}

static int motif_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    uint64_t floats = 0;
    double mean = 0, var = 0;
    bool ok =
        len == HEAD_BYTES + m->r.floats * sizeof(float) && memcmp(p, MAGIC, sizeof MAGIC) == 0;
    if (ok) {
        memcpy(&floats, p + 4, 8);
        memcpy(&mean, p + 12, 8);
        memcpy(&var, p + 20, 8);
    }
    if (!ok || floats != m->r.floats || !isfinite(mean) || !isfinite(var) || var < 0)
        return err_set(err, ONIC_EDAMAGED,
                       "the state of reward model motif is malformed (%zu bytes)", len);
    m->r.mean = mean;
    m->r.var = var;
    memcpy(m->r.quantile, p + 28, sizeof m->r.quantile);
    memcpy(m->r.weights, p + HEAD_BYTES, m->r.floats * sizeof(float));
    return ONIC_OK;
}

const struct reward_model_type reward_model_motif = {
    .name = "motif",
    .summary = "a reward learned offline from preferences, frozen (Motif)",
    .traits = {.caption_only = true},
    .pays_by = "reward.quantile and reward.file",
    .create = motif_create,
    .begins_with = motif_begins_with,
    .free = motif_free,
    .version = motif_version,
    .score = motif_score,
    .report = motif_report,
    .save = motif_save,
    .load = motif_load,
};
