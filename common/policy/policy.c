/* SPDX-License-Identifier: MIT */
/* policy.c - encoder -> core -> heads, once for acting and once for training; see policy.h.
 *
 * The three heads are separate tensors (they start differently: the policy near uniform, the values
 * at scale 1) but one product: their columns are copied side by side into [C, P+2] per call,
 * because a product with 2 columns runs at a tenth of the speed. The copy is C (P+2) floats against
 * T N C (P+2) multiply-adds.
 *
 * Acting and training share every weight and every layer, so their numbers differ only by the order
 * of summation inside a product. */
#include "common/policy/policy.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/denormals.h"
#include "common/nn/kernels.h"
#include "common/nn/layers/layernorm/layernorm.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/last_step.h"
#include "common/policy/obs_norm.h"
#include "common/policy/policy_core.h"

struct policy {
    struct policy_config config; /* resolved */
    struct params params;
    const struct encoder_type *type;
    void *encoder;
    struct action_dist dist;
    int E, H, C,
        A;      /* encoder features, cells of the core (0: no core), head inputs, policy outputs */
    int P;      /* of A, columns of the policy head; the rest are free parameters (pi_free) */
    int values; /* value heads: POLICY_HEADS, like ONI 1 */
    struct core core;
    int S, X; /* state floats; the last of them, which are the step before (last_step.h) */
    size_t norm_gain, norm_bias;                             /* with layer_norm; offsets */
    size_t pi_free;                                          /* with A > P; offset */
    size_t pi_w, pi_b, v_w[POLICY_HEADS], v_b[POLICY_HEADS]; /* heads; offsets */
};

/* --- creation -------------------------------------------------------------------------------- */

const char *policy_net_name(int i, const char **help)
{
    const struct encoder_type *t = encoder_at(i);
    if (t && help)
        *help = t->help;
    return t ? t->id : NULL;
}

const char *policy_net_fields(const char *net)
{
    const struct encoder_type *t = encoder_find(net);
    return t ? t->fields : NULL;
}

/* Options of one network, given with another. */
static int check_net_options(const struct policy *p, struct onic_err *err)
{
    const struct policy_config *c = &p->config;
    const struct encoder_type *e = p->type;
    if (c->parts[0] && !e->has_parts)
        return err_set(err, ONIC_ECONFIG,
                       "policy.parts is '%s', but the network %s has no parts to choose; leave it "
                       "empty or take policy.net=torchbeast",
                       c->parts, c->net);
    bool channels = c->pixels_channels && c->pixels_channels != POLICY_PIXELS_CHANNELS;
    if ((c->pixels_nature || channels) && !e->has_pictures)
        return err_set(err, ONIC_ECONFIG,
                       "%s is for policy.net=pixels, and this is %s; leave it out",
                       channels ? "policy.pixels_channels" : "policy.pixels_layers", c->net);
    if (c->obs_norm && (!e->takes_obs_norm || !obs_norm_elements(&c->obs)))
        return err_set(err, ONIC_ECONFIG,
                       "policy.obs_norm is for float32 fields that the network mlp or pixels "
                       "reads, and %s reads none here; leave it off",
                       c->net);
    return ONIC_OK;
}

static int policy_resolve(struct policy *p, struct onic_err *err)
{
    struct policy_config *c = &p->config;
    p->type = encoder_find(c->net);
    if (!p->type)
        return encoder_unknown(c->net, err);
    if ((unsigned)c->core >= POLICY_CORES)
        return err_set(err, ONIC_ECONFIG,
                       "policy.core is number %d, must be lstm, gru, none or mingru", (int)c->core);
    const char *fault = action_space_fault(&c->actions);
    if (fault)
        return err_set(err, ONIC_ECONFIG, "no policy can act here: the environment has %s", fault);
    p->dist = (struct action_dist){c->actions, c->squash, c->state_deviation};
    if (action_dist_outputs(&p->dist) > ACTION_OUTPUTS_MAX || c->hidden < 0 || c->core_size < 0)
        return err_set(err, ONIC_ECONFIG,
                       "a policy needs 1 to %d actions and sizes that are not negative, not %d "
                       "actions, policy.hidden=%d and policy.core_size=%d",
                       ACTION_OUTPUTS_MAX, action_dist_outputs(&p->dist), c->hidden, c->core_size);
    int rc = check_net_options(p, err);
    if (rc)
        return rc;
    if (c->hidden == 0)
        c->hidden = p->type->hidden;
    if (c->core == POLICY_CORE_NONE)
        c->core_size = 0;
    else if (c->core_size == 0)
        c->core_size = p->type->core_size;
    return encoder_check(p->type, &c->obs, err);
}

static void add_core_and_heads(struct policy *p)
{
    struct params *t = &p->params;
    p->E = p->type->width(p->encoder);
    p->X = last_step_size(&p->config.actions, p->config.last_action, p->config.last_reward);
    p->H = p->config.core_size;
    if (p->X && !p->H) /* heads alone see no more than a sum of what is seen and what was done */
        p->H = p->E;
    p->C = p->H ? p->H : p->E;
    p->A = action_dist_outputs(&p->dist);
    p->P = action_dist_columns(&p->dist);
    if (p->config.layer_norm) {
        p->norm_gain = params_add(t, "norm.gain", 1, p->E, PARAM_CONSTANT, 1.0f);
        p->norm_bias = params_add(t, "norm.bias", 1, p->E, PARAM_ZERO, 0);
    }
    core_add(&p->core, p->config.core, p->E + p->X, p->H, t);
    p->S = p->core.S + p->X;
    bool oni = p->config.compat_oni;
    p->values = oni ? 1 : POLICY_HEADS;
    p->pi_w = params_add(t, "policy.w", p->C, p->P, PARAM_ORTHOGONAL, oni ? 1.0f : 0.01f);
    p->pi_b = params_add(t, "policy.b", 1, p->P, PARAM_ZERO, 0);
    if (p->A > p->P)
        p->pi_free = params_add(t, "policy.log_deviation", 1, p->A - p->P, PARAM_ZERO, 0);
    p->v_w[POLICY_EXT] =
        params_add(t, oni ? "value.w" : "value_ext.w", p->C, 1, PARAM_ORTHOGONAL, 1.0f);
    p->v_b[POLICY_EXT] = params_add(t, oni ? "value.b" : "value_ext.b", 1, 1, PARAM_ZERO, 0);
    if (oni)
        return;
    p->v_w[POLICY_INT] = params_add(t, "value_int.w", p->C, 1, PARAM_ORTHOGONAL, 1.0f);
    p->v_b[POLICY_INT] = params_add(t, "value_int.b", 1, 1, PARAM_ZERO, 0);
}

int policy_create(struct policy **out, const struct policy_config *c, struct onic_err *err)
{
    *out = NULL;
    int rc = blas_start(err);
    if (rc)
        return rc;
    struct policy *p = xcalloc(1, sizeof *p);
    p->config = *c;
    rc = policy_resolve(p, err);
    if (!rc)
        rc = p->type->create(&p->encoder, &p->config, &p->params, err);
    if (rc) {
        policy_free(p);
        return rc;
    }
    add_core_and_heads(p);
    *out = p;
    return ONIC_OK;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    if (p->encoder)
        p->type->free(p->encoder);
    free(p);
}

const struct params *policy_params(const struct policy *p)
{
    return &p->params;
}

const struct policy_config *policy_config(const struct policy *p)
{
    return &p->config;
}

const struct action_dist *policy_actions(const struct policy *p)
{
    return &p->dist;
}

int policy_state_size(const struct policy *p)
{
    return p->S;
}

int policy_last_size(const struct policy *p)
{
    return p->X;
}

void policy_last_write(const struct policy *p, const union action_cell *done, float reward,
                       float *out)
{
    const struct policy_config *c = &p->config;
    last_step_write(&c->actions, c->last_action, c->last_reward, done, reward, out);
}

void policy_remember(const struct policy *p, float *state, const union action_cell *done,
                     float reward)
{
    if (p->X)
        policy_last_write(p, done, reward, state + p->core.S);
}

static int head_width(const struct policy *p)
{
    return p->P + p->values;
}

double policy_macs(const struct policy *p)
{
    return p->type->macs(p->encoder) + core_macs(&p->core) + (double)p->C * head_width(p);
}

/* Activations and gradients of one row: features, core (gates, states, tanh), heads; the encoder's
 * cache. */
static size_t row_bytes(const struct policy *p)
{
    int joined = p->X ? 2 * (p->E + p->X) : 0;
    size_t core =
        (size_t)((p->config.layer_norm ? 5 : 2) * p->E + joined + 10 * p->H + 2 * head_width(p));
    return core * sizeof(float) + p->type->cache(p->encoder, NULL, 1024) / 1024;
}

/* Small networks: what fits L2. Wide ones cannot have that, because the recurrent products have
 * only as many rows as there are environments; with 32 they run within 2 % of their best
 * (bench_policy). */
int policy_slice(const struct policy *p, int T)
{
    enum { STEP = 8, MOST = 64, WIDE = 128, SMALL_BYTES = 1 << 20, WIDE_BYTES = 18 << 20 };
    size_t bytes = p->H >= WIDE ? WIDE_BYTES : SMALL_BYTES;
    size_t n = bytes / (row_bytes(p) * (size_t)(T < 1 ? 1 : T)) / STEP * STEP;
    return n < STEP ? STEP : n > MOST ? MOST : (int)n;
}

void policy_text(const struct policy *p, struct buf *out)
{
    const struct policy_config *c = &p->config;
    buf_printf(out, "net %s hidden %d; core %s %d; ", c->net, c->hidden, core_name(c->core),
               c->core_size);
    if (p->X)
        buf_printf(out, "last%s%s; ", c->last_action ? " action" : "",
                   c->last_reward ? " reward" : "");
    buf_puts(out, "actions ");
    action_space_text(&c->actions, out);
    if (c->actions.kind == ACTION_CONTINUOUS)
        buf_printf(out, "%s, deviation %s", c->squash ? " squashed" : "",
                   c->state_deviation ? "of the state" : "free");
    buf_puts(out, "; observation ");
    obs_spec_text(&c->obs, out);
    for (int i = 0; i < p->params.count; i++) {
        const struct param *t = &p->params.param[i];
        buf_printf(out, "; %s [%d,%d]", t->name, t->rows, t->cols);
    }
}

/* --- heads ----------------------------------------------------------------------------------- */

/* w [C, P+2], b [P+2] from the three heads' tensors. */
static void heads_pack(const struct policy *p, const float *params, float *w, float *b)
{
    int P = p->P, N = head_width(p);
    for (int k = 0; k < p->C; k++) {
        memcpy(w + (size_t)k * (size_t)N, params + p->pi_w + (size_t)k * (size_t)P,
               (size_t)P * sizeof *w);
        for (int v = 0; v < p->values; v++)
            w[(size_t)k * (size_t)N + (size_t)(P + v)] = params[p->v_w[v] + (size_t)k];
    }
    memcpy(b, params + p->pi_b, (size_t)P * sizeof *b);
    for (int v = 0; v < p->values; v++)
        b[P + v] = params[p->v_b[v]];
}

/* The reverse, for gradients: adds. */
static void heads_unpack(const struct policy *p, float *grads, const float *dw, const float *db)
{
    int P = p->P, N = head_width(p);
    for (int k = 0; k < p->C; k++) {
        const float *row = dw + (size_t)k * (size_t)N;
        for (int a = 0; a < P; a++)
            grads[p->pi_w + (size_t)k * (size_t)P + (size_t)a] += row[a];
        for (int v = 0; v < p->values; v++)
            grads[p->v_w[v] + (size_t)k] += row[P + v];
    }
    for (int a = 0; a < P; a++)
        grads[p->pi_b + (size_t)a] += db[a];
    for (int v = 0; v < p->values; v++)
        grads[p->v_b[v]] += db[P + v];
}

/* y [M, P+2] = h W + b, split into logits [M,A] and value [M,2]. */
static void heads_forward(const struct policy *p, const float *params, const float *w,
                          const float *b, const float *h, int ldh, int M, float *y, float *logits,
                          float *value)
{
    int A = p->A, P = p->P, N = head_width(p);
    blas_nn(y, N, h, ldh, w, N, M, N, p->C, 0.0f);
    for (int m = 0; m < M; m++) {
        const float *row = y + (size_t)m * (size_t)N;
        for (int a = 0; a < P; a++)
            logits[(size_t)m * (size_t)A + (size_t)a] = row[a] + b[a];
        for (int a = P; a < A; a++)
            logits[(size_t)m * (size_t)A + (size_t)a] = params[p->pi_free + (size_t)(a - P)];
        for (int v = 0; v < POLICY_HEADS; v++)
            value[(size_t)m * POLICY_HEADS + (size_t)v] = v < p->values ? row[P + v] + b[P + v] : 0;
    }
}

/* --- acting ---------------------------------------------------------------------------------- */

struct policy_actor {
    int max_n;
    void *cache;                     /* the encoder's */
    float *features;                 /* [n,E] */
    float *core;                     /* scratch of the core */
    float *joined, *core_state;      /* [n,E+X], [n,S-X]; NULL where X is 0 */
    float *inv_std;                  /* [n], layer_norm */
    float *head_w, *head_b, *head_y; /* [C,P+2], [P+2], [n,P+2] */
};

static float *floats(size_t n)
{
    return xaligned((n ? n : 1) * sizeof(float));
}

struct policy_actor *policy_actor_create(const struct policy *p, int max_n)
{
    ONIC_ASSERT(max_n >= 1);
    struct policy_actor *w = xcalloc(1, sizeof *w);
    size_t n = (size_t)max_n, N = (size_t)head_width(p);
    w->max_n = max_n;
    w->cache = xaligned(p->type->cache(p->encoder, NULL, max_n));
    p->type->cache(p->encoder, w->cache, max_n);
    w->features = floats(n * (size_t)p->E);
    w->inv_std = floats(n);
    w->core = floats(core_step_floats(&p->core, max_n));
    w->joined = p->X ? floats(n * (size_t)(p->E + p->X)) : NULL;
    w->core_state = p->X ? floats(n * (size_t)p->core.S) : NULL;
    w->head_w = floats((size_t)p->C * N);
    w->head_b = floats(N);
    w->head_y = floats(n * N);
    return w;
}

void policy_actor_free(struct policy_actor *w)
{
    if (!w)
        return;
    free(w->cache);
    free(w->features);
    free(w->inv_std);
    free(w->core);
    free(w->joined);
    free(w->core_state);
    free(w->head_w);
    free(w->head_b);
    free(w->head_y);
    free(w);
}

/* One row of the core's input: features beside the step before. */
static void join_row(const struct policy *p, float *row, const float *features, const float *last)
{
    memcpy(row, features, (size_t)p->E * sizeof *row);
    if (last)
        memcpy(row + p->E, last, (size_t)p->X * sizeof *row);
    else
        memset(row + p->E, 0, (size_t)p->X * sizeof *row);
}

/* The core's own state and the step before lie side by side in `state`. */
static const float *act_joined(const struct policy *p, struct policy_actor *w, const float *params,
                               int n, float *state)
{
    size_t S = (size_t)p->S, own = (size_t)p->core.S, E = (size_t)p->E, X = (size_t)p->X;
    for (size_t i = 0; i < (size_t)n; i++) {
        join_row(p, w->joined + i * (E + X), w->features + i * E, state + i * S + own);
        memcpy(w->core_state + i * own, state + i * S, own * sizeof *state);
    }
    const float *h = core_step(&p->core, params, w->joined, n, w->core_state, w->core);
    for (size_t i = 0; i < (size_t)n; i++)
        memcpy(state + i * S, w->core_state + i * own, own * sizeof *state);
    return h;
}

void policy_act(const struct policy *p, struct policy_actor *w, const float *params,
                const uint8_t *const *rows, int n, float *state, float *logits, float *value)
{
    ONIC_ASSERT(n >= 1 && n <= w->max_n);
    unsigned mode = denormals_off();
    p->type->forward(p->encoder, w->cache, params, rows, n, w->features);
    if (p->config.layer_norm)
        layernorm_forward(w->features, w->features, w->inv_std, w->features, params + p->norm_gain,
                          params + p->norm_bias, n, p->E);
    const float *h = w->features;
    int ldh = p->E;
    if (p->H) {
        h = p->X ? act_joined(p, w, params, n, state)
                 : core_step(&p->core, params, w->features, n, state, w->core);
        ldh = core_h_stride(&p->core);
    }
    heads_pack(p, params, w->head_w, w->head_b);
    heads_forward(p, params, w->head_w, w->head_b, h, ldh, n, w->head_y, logits, value);
    denormals_restore(mode);
}

/* --- training -------------------------------------------------------------------------------- */

struct policy_trainer {
    int max_t, max_n;
    int T, N;                    /* of the last forward */
    uint8_t *reset_copy;         /* [T,N], of the last forward */
    void *cache;                 /* the encoder's */
    float *features, *dfeatures; /* [T,N,E] of the encoder */
    /* [T,N,E] what the core reads: features, or with layer_norm their normalised form; [T,N,E],
     * [T,N]: kept for its backward */
    float *x, *norm, *inv_std;
    /* [T,N,E+X] what the core reads instead and its gradient, [N,S-X]; NULL where X is 0 */
    float *joined, *djoined, *core_state0;
    float *h, *dh; /* [T,N,H]; not used without a core */
    float *core_memory;
    float *head_w, *head_b, *head_dw, *head_db; /* [C,P+2], [P+2] */
    float *head_y;                              /* [T,N,P+2], also its gradient */
};

struct policy_trainer *policy_trainer_create(const struct policy *p, int max_t, int max_n)
{
    ONIC_ASSERT(max_t >= 1 && max_n >= 1);
    struct policy_trainer *w = xcalloc(1, sizeof *w);
    size_t rows = (size_t)max_t * (size_t)max_n, N = (size_t)head_width(p), C = (size_t)p->C;
    w->max_t = max_t;
    w->max_n = max_n;
    w->reset_copy = xaligned(rows);
    w->cache = xaligned(p->type->cache(p->encoder, NULL, (int)rows));
    p->type->cache(p->encoder, w->cache, (int)rows);
    w->features = floats(rows * (size_t)p->E);
    w->dfeatures = floats(rows * (size_t)p->E);
    bool norm = p->config.layer_norm;
    w->x = norm ? floats(rows * (size_t)p->E) : w->features;
    w->norm = norm ? floats(rows * (size_t)p->E) : NULL;
    w->inv_std = norm ? floats(rows) : NULL;
    w->joined = p->X ? floats(rows * (size_t)(p->E + p->X)) : NULL;
    w->djoined = p->X ? floats(rows * (size_t)(p->E + p->X)) : NULL;
    w->core_state0 = p->X ? floats((size_t)max_n * (size_t)p->core.S) : NULL;
    w->h = floats(rows * (size_t)p->H);
    w->dh = floats(rows * (size_t)p->H);
    w->core_memory = floats(core_cache_floats(&p->core, max_t, max_n));
    w->head_w = floats(C * N);
    w->head_b = floats(N);
    w->head_dw = floats(C * N);
    w->head_db = floats(N);
    w->head_y = floats(rows * N);
    return w;
}

void policy_trainer_free(struct policy_trainer *w)
{
    if (!w)
        return;
    free(w->reset_copy);
    free(w->cache);
    if (w->x != w->features)
        free(w->x);
    free(w->norm);
    free(w->inv_std);
    free(w->joined);
    free(w->djoined);
    free(w->core_state0);
    free(w->features);
    free(w->dfeatures);
    free(w->h);
    free(w->dh);
    free(w->core_memory);
    free(w->head_w);
    free(w->head_b);
    free(w->head_dw);
    free(w->head_db);
    free(w->head_y);
    free(w);
}

/* Row t sees the step that led to it: of step 0 that lies behind the core's state, and after an
 * end there is none. */
static void join_steps(const struct policy *p, struct policy_trainer *w, const float *done,
                       const float *state0)
{
    size_t N = (size_t)w->N, S = (size_t)p->S, own = (size_t)p->core.S, X = (size_t)p->X;
    for (size_t i = 0; i < (size_t)w->T * N; i++) {
        const float *last = i < N ? state0 + i * S + own : done + (i - N) * X;
        join_row(p, w->joined + i * ((size_t)p->E + X), w->x + i * (size_t)p->E,
                 w->reset_copy[i] ? NULL : last);
    }
    for (size_t i = 0; i < N; i++)
        memcpy(w->core_state0 + i * own, state0 + i * S, own * sizeof *state0);
}

void policy_forward(const struct policy *p, struct policy_trainer *w, const float *params,
                    const uint8_t *const *rows, const float *done, const float *state0,
                    const uint8_t *reset, int T, int N, float *logits, float *value)
{
    ONIC_ASSERT(T >= 1 && N >= 1 && (size_t)T * (size_t)N <= (size_t)w->max_t * (size_t)w->max_n);
    ONIC_ASSERT(T <= w->max_t && N <= w->max_n);
    unsigned mode = denormals_off();
    w->T = T;
    w->N = N;
    memcpy(w->reset_copy, reset, (size_t)T * (size_t)N);
    p->type->forward(p->encoder, w->cache, params, rows, T * N, w->features);
    if (p->config.layer_norm)
        layernorm_forward(w->x, w->norm, w->inv_std, w->features, params + p->norm_gain,
                          params + p->norm_bias, T * N, p->E);
    const float *h = w->x;
    if (p->X)
        join_steps(p, w, done, state0);
    if (p->H) {
        core_forward(&p->core, params, w->h, p->X ? w->joined : w->x,
                     p->X ? w->core_state0 : state0, w->reset_copy, T, N, w->core_memory);
        h = w->h;
    }
    heads_pack(p, params, w->head_w, w->head_b);
    heads_forward(p, params, w->head_w, w->head_b, h, p->C, T * N, w->head_y, logits, value);
    denormals_restore(mode);
}

/* Steps up to the last one with any gradient: the bootstrap row at the end has none. */
static int steps_with_gradient(const struct policy *p, int T, int N, const float *dlogits,
                               const float *dvalue)
{
    size_t a = (size_t)N * (size_t)p->A, v = (size_t)N * POLICY_HEADS;
    for (; T > 0; T--) {
        const float *dl = dlogits + (size_t)(T - 1) * a, *dv = dvalue + (size_t)(T - 1) * v;
        for (size_t i = 0; i < a; i++)
            if (dl[i] != 0.0f)
                return T;
        for (size_t i = 0; i < v; i++)
            if (dv[i] != 0.0f)
                return T;
    }
    return 0;
}

/* dh [M,C] and the heads' gradients. */
static void heads_backward(const struct policy *p, struct policy_trainer *w, const float *h,
                           const float *dlogits, const float *dvalue, int M, float *dh,
                           float *grads)
{
    int A = p->A, P = p->P, N = head_width(p);
    float *dy = w->head_y;
    for (int m = 0; m < M; m++) {
        float *row = dy + (size_t)m * (size_t)N;
        memcpy(row, dlogits + (size_t)m * (size_t)A, (size_t)P * sizeof *row);
        memcpy(row + P, dvalue + (size_t)m * POLICY_HEADS, (size_t)p->values * sizeof *row);
    }
    memset(w->head_db, 0, (size_t)N * sizeof *w->head_db);
    kernels()->add_columns(w->head_db, dy, N, M, N);
    blas_tn(w->head_dw, N, h, p->C, dy, N, p->C, N, M, 0.0f);
    blas_nt(dh, p->C, dy, N, w->head_w, N, M, p->C, N, 0.0f);
    heads_unpack(p, grads, w->head_dw, w->head_db);
    if (A > P)
        kernels()->add_columns(grads + p->pi_free, dlogits + P, A, M, A - P);
}

/* Of the core's input to that of the features in it; the step before is no parameter's. */
static void split_gradient(const struct policy *p, struct policy_trainer *w, int rows)
{
    size_t E = (size_t)p->E;
    for (size_t i = 0; i < (size_t)rows; i++)
        memcpy(w->dfeatures + i * E, w->djoined + i * (E + (size_t)p->X), E * sizeof(float));
}

void policy_backward(const struct policy *p, struct policy_trainer *w, const float *params,
                     const float *dlogits, const float *dvalue, float *grads)
{
    int N = w->N, T = steps_with_gradient(p, w->T, N, dlogits, dvalue);
    if (T == 0)
        return;
    unsigned mode = denormals_off();
    if (p->H) {
        heads_backward(p, w, w->h, dlogits, dvalue, T * N, w->dh, grads);
        core_backward(&p->core, params, grads, p->X ? w->djoined : w->dfeatures, w->dh,
                      p->X ? w->joined : w->x, w->reset_copy, T, w->T, N, w->core_memory);
        if (p->X)
            split_gradient(p, w, T * N);
    } else {
        heads_backward(p, w, w->x, dlogits, dvalue, T * N, w->dfeatures, grads);
    }
    if (p->config.layer_norm)
        layernorm_backward(w->dfeatures, grads + p->norm_gain, grads + p->norm_bias, w->dfeatures,
                           w->norm, w->inv_std, params + p->norm_gain, T * N, p->E);
    p->type->backward(p->encoder, w->cache, params, w->features, w->dfeatures, T * N, grads);
    denormals_restore(mode);
}
