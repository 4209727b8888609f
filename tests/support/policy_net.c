/* SPDX-License-Identifier: MIT */
/* policy_net.c - see policy_net.h. */
#include "tests/support/policy_net.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/obs_norm.h"
#include "tests/onic_test.h"

static void fill_obs(const struct obs_spec *s, uint8_t *obs, struct rng *r)
{
    for (int i = 0; i < s->nfields; i++) {
        const struct obs_field *f = &s->field[i];
        uint8_t *at = obs + f->offset;
        for (int k = 0; k < obs_field_count(f); k++) {
            if (strcmp(f->name, "image") == 0) {
                static const uint32_t bound[3] = {11, 6, 3};
                at[k] = (uint8_t)rng_below(r, bound[k % 3]);
            } else if (f->ndim == 3) {
                at[k] = (uint8_t)rng_below(r, 256);
            } else if (strcmp(f->name, "message") == 0) {
                at[k] = (uint8_t)(k < 60 ? "you see here a red door "[rng_below(r, 24)] : 0);
            } else if (strcmp(f->name, "glyphs") == 0) {
                int16_t g = (int16_t)(rng_below(r, 3) ? 2359 : rng_below(r, 5977));
                memcpy(at + 2 * k, &g, sizeof g);
            } else if (strcmp(f->name, "blstats") == 0) {
                int64_t v = k == 0   ? rng_below(r, 79)
                            : k == 1 ? rng_below(r, 21)
                                     : rng_below(r, 50);
                memcpy(at + 8 * k, &v, sizeof v);
            } else if (strcmp(f->name, "chars") == 0) {
                at[k] = (uint8_t)(" .#@d"[rng_below(r, 5)]);
            } else if (f->type == OBS_U8) {
                at[k] = (uint8_t)rng_below(r, 7);
            } else if (f->type == OBS_F32) {
                float v = rng_normal(r);
                memcpy(at + 4 * k, &v, sizeof v);
            }
        }
    }
}

void net_fields(struct obs_spec *obs, const char *id)
{
    if (strcmp(id, "grid-small") == 0) {
        obs_spec_add(obs, "direction", OBS_U8, 1, (const int[]){1});
        obs_spec_add(obs, "image", OBS_U8, 3, (const int[]){7, 7, 3});
    } else if (strcmp(id, "nethack-compact") == 0 || strcmp(id, "torchbeast") == 0) {
        obs_spec_add(obs, "message", OBS_U8, 1, (const int[]){256});
        obs_spec_add(obs, "glyphs", OBS_I16, 2, (const int[]){21, 79});
        obs_spec_add(obs, "blstats", OBS_I64, 1, (const int[]){27});
    } else if (strcmp(id, "oni-default") == 0) {
        obs_spec_add(obs, "chars", OBS_U8, 2, (const int[]){21, 79});
        obs_spec_add(obs, "colors", OBS_U8, 2, (const int[]){21, 79});
        obs_spec_add(obs, "message", OBS_U8, 1, (const int[]){256});
        obs_spec_add(obs, "blstats", OBS_I64, 1, (const int[]){27});
    } else if (strcmp(id, "pixels") == 0) {
        obs_spec_add(obs, "side", OBS_U8, 1, (const int[]){2});
        obs_spec_add(obs, "frame", OBS_U8, 3, (const int[]){19, 17, 3});
        obs_spec_add(obs, "before", OBS_U8, 3, (const int[]){1, 19, 17});
        obs_spec_add(obs, "sensor", OBS_F32, 1, (const int[]){4});
    } else {
        obs_spec_add(obs, "position", OBS_U8, 1, (const int[]){3});
        obs_spec_add(obs, "sensor", OBS_F32, 1, (const int[]){4});
        obs_spec_add(obs, "map", OBS_U8, 2, (const int[]){5, 5});
    }
}

static void scale(const struct net *n, const char *name, float by)
{
    const struct param *t = params_find(policy_params(n->p), name);
    assert_non_null(t);
    for (int i = 0; i < t->rows * t->cols; i++)
        n->params[t->offset + (size_t)i] *= by;
}

static enum policy_core core_named(const char *name)
{
    return strcmp(name, "gru") == 0      ? POLICY_CORE_GRU
           : strcmp(name, "none") == 0   ? POLICY_CORE_NONE
           : strcmp(name, "mingru") == 0 ? POLICY_CORE_MINGRU
                                         : POLICY_CORE_LSTM;
}

struct net net_create(const char *id, const char *core, int hidden, const struct net_options *o)
{
    static const struct net_options plain;
    if (!o)
        o = &plain;
    struct policy_config c = {.hidden = hidden,
                              .core_size = hidden,
                              .actions = o->actions,
                              .state_deviation = o->state_deviation,
                              .compat_oni = o->compat_oni,
                              .layer_norm = o->layer_norm,
                              .obs_norm = o->obs_norm,
                              .last_action = o->last_action,
                              .last_reward = o->last_reward};
    if (c.actions.n == 0)
        c.actions.n = 5;
    bool all_parts = !o->parts || !o->parts[0];
    snprintf(c.net, sizeof c.net, "%s", id);
    c.core = core_named(core);
    snprintf(c.parts, sizeof c.parts, "%s", all_parts ? "" : o->parts);
    net_fields(&c.obs, id);
    struct net n = {0};
    assert_ok(policy_create(&n.p, &c, &err));
    size_t floats = policy_params(n.p)->floats;
    n.params = xaligned(floats * sizeof(float));
    n.grads = xaligned(floats * sizeof(float));
    params_init(policy_params(n.p), n.params, 7);
    n.rng = rng_stream(1, "test", 0, 0, 0);
    /* the initial policy head is nearly 0: give the gradients behind it something to do */
    if (!o->compat_oni)
        scale(&n, "policy.w", 60.0f);
    /* 9 x 128 inputs of variance 1 would drown the message in rounding */
    if (all_parts && strcmp(id, "torchbeast") == 0)
        scale(&n, "torchbeast.glyph", 0.02f);
    return n;
}

void net_free(struct net *n)
{
    policy_free(n->p);
    free(n->params);
    free(n->grads);
}

struct net_batch net_batch_create(struct net *n, int T, int N)
{
    size_t rows = (size_t)T * (size_t)N, bytes = policy_config(n->p)->obs.obs_bytes;
    size_t A = (size_t)action_dist_outputs(policy_actions(n->p)),
           S = (size_t)policy_state_size(n->p);
    struct net_batch b = {.T = T, .N = N};
    b.obs = xcalloc(rows, bytes);
    b.rows = xcalloc(rows, sizeof *b.rows);
    b.reset = xcalloc(rows, 1);
    b.state0 = xcalloc((size_t)N * S + 1, sizeof(float));
    b.logits = xcalloc(rows * A, sizeof(float));
    b.value = xcalloc(rows * 2, sizeof(float));
    b.dlogits = xcalloc(rows * A, sizeof(float));
    b.dvalue = xcalloc(rows * 2, sizeof(float));
    for (size_t i = 0; i < rows; i++) {
        b.rows[i] = b.obs + i * bytes;
        fill_obs(&policy_config(n->p)->obs, b.obs + i * bytes, &n->rng);
        b.reset[i] = rng_below(&n->rng, 4) == 0;
    }
    for (size_t i = 0; i < (size_t)N * S; i++)
        b.state0[i] = 0.5f * rng_normal(&n->rng);
    size_t X = (size_t)policy_last_size(n->p);
    b.done = X ? xcalloc(rows * X, sizeof(float)) : NULL;
    for (size_t i = 0; i < rows * X; i++)
        b.done[i] = rng_normal(&n->rng);
    for (size_t i = 0; i < rows * A; i++)
        b.dlogits[i] = rng_normal(&n->rng);
    for (size_t i = 0; i < rows * 2; i++)
        b.dvalue[i] = rng_normal(&n->rng);
    return b;
}

void net_batch_free(struct net_batch *b)
{
    free(b->obs);
    free(b->rows);
    free(b->reset);
    free(b->state0);
    free(b->done);
    free(b->logits);
    free(b->value);
    free(b->dlogits);
    free(b->dvalue);
}

double net_loss(const struct net *n, struct policy_trainer *w, struct net_batch *b)
{
    policy_forward(n->p, w, n->params, b->rows, b->done, b->state0, b->reset, b->T, b->N, b->logits,
                   b->value);
    size_t rows = (size_t)b->T * (size_t)b->N,
           A = (size_t)action_dist_outputs(policy_actions(n->p));
    double sum = 0;
    for (size_t i = 0; i < rows * A; i++)
        sum += (double)b->logits[i] * (double)b->dlogits[i];
    for (size_t i = 0; i < rows * 2; i++)
        sum += (double)b->value[i] * (double)b->dvalue[i];
    return sum;
}

/* |measured - claimed| / |gradient| of the loss along `direction` (unit length) within one tensor.
 */
static double direction_error(const struct net *n, struct policy_trainer *w, struct net_batch *b,
                              float *p, const double *direction, size_t len, double claimed,
                              double norm)
{
    double best = 1e9;
    float *kept = xcalloc(len, sizeof *kept);
    memcpy(kept, p, len * sizeof *p);
    for (double h = 0.03; h > 4e-5; h /= 2) { /* kinks want a small step, rounding a large one */
        for (size_t i = 0; i < len; i++)
            p[i] = kept[i] + (float)(h * direction[i]);
        double up = net_loss(n, w, b);
        for (size_t i = 0; i < len; i++)
            p[i] = kept[i] - (float)(h * direction[i]);
        double down = net_loss(n, w, b);
        memcpy(p, kept, len * sizeof *p);
        best = fmin(best, fabs((up - down) / (2 * h) - claimed) / norm);
    }
    free(kept);
    return best;
}

struct tensor_error {
    double along, across; /* relative to the gradient's length */
};

static struct tensor_error tensor_error(struct net *n, struct policy_trainer *w,
                                        struct net_batch *b, const struct param *t)
{
    size_t len = (size_t)t->rows * (size_t)t->cols;
    float *p = n->params + t->offset, *g = n->grads + t->offset;
    double *d = xcalloc(len, sizeof *d), norm = 0, length = 0, claimed = 0;
    for (size_t i = 0; i < len; i++)
        norm += (double)g[i] * (double)g[i];
    norm = sqrt(norm);
    assert_true(norm > 1e-6);
    for (size_t i = 0; i < len; i++)
        d[i] = (double)g[i] / norm;
    struct tensor_error e;
    e.along = direction_error(n, w, b, p, d, len, norm, norm);
    for (size_t i = 0; i < len; i++) {
        d[i] = (double)rng_normal(&n->rng);
        length += d[i] * d[i];
    }
    if (t->init == PARAM_EMBEDDING) /* the padding does not learn */
        memset(d, 0, (size_t)t->cols * sizeof *d);
    length = sqrt(length) / fmin(10.0, sqrt((double)len)); /* steps large enough for float */
    for (size_t i = 0; i < len; i++) {
        d[i] /= length;
        claimed += d[i] * (double)g[i];
    }
    e.across = direction_error(n, w, b, p, d, len, claimed, norm);
    free(d);
    return e;
}

void net_check_gradients(const char *id, const char *core, int hidden, int T, int N,
                         const struct net_options *o)
{
    double along_max = o && o->along_max > 0 ? o->along_max : 2e-3;
    double across_max = o && o->across_max > 0 ? o->across_max : 5e-3;
    struct net n = net_create(id, core, hidden, o);
    struct net_batch b = net_batch_create(&n, T, N);
    struct policy_trainer *w = policy_trainer_create(n.p, T, N);
    net_loss(&n, w, &b);
    policy_backward(n.p, w, n.params, b.dlogits, b.dvalue, n.grads);
    const struct params *table = policy_params(n.p);
    struct obs_norm fixed = obs_norm_find(table); /* no gradient */
    for (int k = 0; k < table->count; k++) {
        if (fixed.count &&
            (table->param[k].offset == fixed.mean || table->param[k].offset == fixed.scale))
            continue;
        struct tensor_error e = tensor_error(&n, w, &b, &table->param[k]);
        if (!(e.along <= along_max && e.across <= across_max))
            fail_msg("%s: relative errors %g, %g", table->param[k].name, e.along, e.across);
    }
    policy_trainer_free(w);
    net_batch_free(&b);
    net_free(&n);
}
