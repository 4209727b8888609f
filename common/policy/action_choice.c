/* SPDX-License-Identifier: MIT */
/* action_choice.c - softmax distributions; see action_choice.h.
 *
 * One choice without a mask is what nearly all worlds have, and it has loops of its own: whole
 * blocks of rows go through one vectorised exponential. With several choices or masks a part's
 * possible outputs are gathered side by side, treated as such a row, and put back.
 *
 * With z the outputs of a part, p = softmax(z), a the option taken and A the number of options:
 *
 *   d log p_a / d z_j                  = (j = a) - p_j
 *   d H / d z_j                        = -p_j (log p_j + H)
 *   d (KL(pi||u) + KL(u||pi)) / d z_j  = p_j (log p_j + H) + p_j - 1/A */
#include "common/policy/action_choice.h"

#include <math.h>
#include <string.h>

#include "common/base/err.h"
#include "common/nn/kernels.h"

static const float IMPOSSIBLE =
    1e-37f; /* the exponential of kernels.h ends at e^-87 instead of 0 */

static bool one_open_choice(const struct action_space *s)
{
    return s->kind == ACTION_DISCRETE && !s->masked;
}

/* The possible ones of a part's outputs. */
struct option_list {
    int count;
    int16_t option[ACTION_OUTPUTS_MAX];
    float x[ACTION_OUTPUTS_MAX];
};

/* z: outputs of the part whose options begin at `first`. */
static void list_options(struct option_list *l, const float *z, const uint8_t *mask, int first,
                         int options)
{
    l->count = 0;
    for (int j = 0; j < options; j++) {
        if (mask && !action_mask_get(mask, first + j))
            continue;
        l->option[l->count] = (int16_t)j;
        l->x[l->count++] = z[j];
    }
    ONIC_ASSERT(l->count > 0);
}

/* --- acting ---------------------------------------------------------------------------------- */

/* Inverse of the cumulative distribution of softmax(x). Returns the option; *logp: its log. */
static int sample_softmax(const float *x, int options, float u, float *logp)
{
    float e[ACTION_OUTPUTS_MAX];
    float top = x[0], sum = 0;
    for (int a = 1; a < options; a++)
        top = x[a] > top ? x[a] : top;
    for (int a = 0; a < options; a++)
        e[a] = x[a] - top;
    kernels()->exp(e, e, (size_t)options);
    for (int a = 0; a < options; a++)
        sum += e[a];
    /* rounding may leave u * sum above the total: then the last option that has a probability is
     * taken */
    float left = u * sum;
    int chosen = 0;
    for (int a = 0; a < options; a++) {
        if (e[a] <= IMPOSSIBLE)
            continue;
        chosen = a;
        left -= e[a];
        if (left < 0.0f)
            break;
    }
    *logp = x[chosen] - top - logf(sum);
    return chosen;
}

void action_choice_sample(const struct action_space *s, const float *outputs, const uint8_t *mask,
                          const float *u, int n, union action_cell *action, float *logp)
{
    size_t A = (size_t)action_space_all_options(s), bytes = action_space_mask_bytes(s);
    int parts = action_space_parts(s);
    ONIC_ASSERT(A <= ACTION_OUTPUTS_MAX);
    if (one_open_choice(s)) {
        for (int i = 0; i < n; i++)
            action[i].choice = sample_softmax(outputs + (size_t)i * A, (int)A, u[i], &logp[i]);
        return;
    }
    struct option_list l;
    for (int i = 0; i < n; i++) {
        logp[i] = 0;
        for (int part = 0, first = 0; part < parts; part++) {
            int options = action_space_options(s, part);
            float part_logp;
            list_options(&l, outputs + (size_t)i * A + first,
                         mask ? mask + (size_t)i * bytes : NULL, first, options);
            action[i * parts + part].choice =
                l.option[sample_softmax(l.x, l.count, u[i * parts + part], &part_logp)];
            logp[i] += part_logp;
            first += options;
        }
    }
}

void action_choice_mode(const struct action_space *s, const float *outputs, const uint8_t *mask,
                        int n, union action_cell *action)
{
    size_t A = (size_t)action_space_all_options(s), bytes = action_space_mask_bytes(s);
    for (int i = 0; i < n; i++)
        for (int part = 0, first = 0; part < action_space_parts(s); part++) {
            const float *x = outputs + (size_t)i * A + first;
            int best = -1, options = action_space_options(s, part);
            for (int a = 0; a < options; a++)
                if ((!mask || action_mask_get(mask + (size_t)i * bytes, first + a)) &&
                    (best < 0 || x[a] > x[best]))
                    best = a;
            action[i * action_space_parts(s) + part].choice = best;
            first += options;
        }
}

/* --- density --------------------------------------------------------------------------------- */

/* z become log-probabilities, given e = exp(z - top) and z - top. Returns the entropy. */
static float to_log_probabilities(float *z, const float *e, int options)
{
    float sum = 0.0f, weighted = 0.0f;
    for (int j = 0; j < options; j++) {
        sum += e[j];
        weighted += e[j] * z[j];
    }
    float log_sum = logf(sum);
    for (int j = 0; j < options; j++)
        z[j] -= log_sum;
    return log_sum - weighted / sum;
}

static void subtract_top(float *z, int options)
{
    float top = z[0];
    for (int j = 1; j < options; j++)
        top = z[j] > top ? z[j] : top;
    for (int j = 0; j < options; j++)
        z[j] -= top;
}

static void evaluate_one_open(float *logits, const int16_t *action, int n, int actions, float *logp,
                              float *entropy)
{
    const struct kernels *k = kernels();
    float p[ACTION_OUTPUTS_MAX];
    size_t A = (size_t)actions;
    int rows_at_once = ACTION_OUTPUTS_MAX / actions;
    for (int from = 0; from < n; from += rows_at_once) {
        int rows = n - from < rows_at_once ? n - from : rows_at_once;
        float *block = logits + (size_t)from * A;
        for (int i = 0; i < rows; i++)
            subtract_top(block + (size_t)i * A, actions);
        k->exp(p, block, (size_t)rows * A);
        for (int i = 0; i < rows; i++) {
            float *z = block + (size_t)i * A;
            entropy[from + i] = to_log_probabilities(z, p + (size_t)i * A, actions);
            logp[from + i] = z[action[from + i]];
        }
    }
}

/* One part of one row in place; returns its entropy. */
static float evaluate_part(float *z, const uint8_t *mask, int first, int options)
{
    struct option_list l;
    float p[ACTION_OUTPUTS_MAX];
    list_options(&l, z, mask, first, options);
    subtract_top(l.x, l.count);
    kernels()->exp(p, l.x, (size_t)l.count);
    float entropy = to_log_probabilities(l.x, p, l.count);
    for (int j = 0; j < l.count; j++)
        z[l.option[j]] = l.x[j];
    return entropy;
}

void action_choice_evaluate(const struct action_space *s, float *outputs,
                            const struct action_rows *rows, int n, float *logp, float *entropy)
{
    if (one_open_choice(s)) {
        evaluate_one_open(outputs, rows->choice, n, s->n, logp, entropy);
        return;
    }
    size_t A = (size_t)action_space_all_options(s), bytes = action_space_mask_bytes(s);
    int parts = action_space_parts(s);
    for (int i = 0; i < n; i++) {
        logp[i] = entropy[i] = 0;
        for (int part = 0, first = 0; part < parts; part++) {
            int options = action_space_options(s, part);
            float *z = outputs + (size_t)i * A + first;
            entropy[i] +=
                evaluate_part(z, bytes ? rows->mask + (size_t)i * bytes : NULL, first, options);
            logp[i] += z[rows->choice[i * parts + part]];
            first += options;
        }
    }
}

float action_choice_uniform_kl(const struct action_space *s, const float *evaluated,
                               const uint8_t *mask, float entropy)
{
    float d = -entropy;
    for (int part = 0, first = 0; part < action_space_parts(s); part++) {
        int options = action_space_options(s, part), count = 0;
        float sum = 0.0f;
        for (int j = first; j < first + options; j++)
            if (!mask || action_mask_get(mask, j)) {
                sum += evaluated[j];
                count++;
            }
        d -= sum / (float)count; /* log A and -log A cancel */
        first += options;
    }
    return d;
}

/* --- gradient -------------------------------------------------------------------------------- */

/* dz [options]: probabilities become gradients. */
static void slope_of_logits(float *dz, const float *logp, int options, float entropy, float dlogp,
                            float explore, bool to_uniform)
{
    float one = to_uniform ? explore : 0.0f; /* d KL(uniform || pi) / d z_j = p_j - 1/A */
    for (int j = 0; j < options; j++)
        dz[j] = dz[j] * (explore * (logp[j] + entropy) - dlogp + one) - one / (float)options;
}

static void gradient_of_part(const float *logp, const uint8_t *mask, int first, int options,
                             int chosen, float dlogp, float explore, bool to_uniform, float *dz)
{
    struct option_list l;
    float p[ACTION_OUTPUTS_MAX], entropy = 0.0f;
    list_options(&l, logp, mask, first, options);
    kernels()->exp(p, l.x, (size_t)l.count);
    for (int j = 0; j < l.count; j++)
        entropy -= p[j] * l.x[j];
    slope_of_logits(p, l.x, l.count, entropy, dlogp, explore, to_uniform);
    memset(dz, 0, (size_t)options * sizeof *dz);
    for (int j = 0; j < l.count; j++)
        dz[l.option[j]] = p[j];
    dz[chosen] += dlogp;
}

void action_choice_gradient(const struct action_space *s, const float *evaluated,
                            const struct action_rows *rows, int n,
                            const struct action_slopes *slopes, float *doutputs)
{
    size_t A = (size_t)action_space_all_options(s), bytes = action_space_mask_bytes(s);
    int parts = action_space_parts(s);
    bool simple = one_open_choice(s);
    if (simple)
        kernels()->exp(doutputs, evaluated, (size_t)n * A);
    for (int i = 0; i < n; i++) {
        float *dz = doutputs + (size_t)i * A, dlogp = slopes->dlogp[i];
        const float *logp = evaluated + (size_t)i * A;
        if (slopes->skip[i]) {
            memset(dz, 0, A * sizeof *dz);
            continue;
        }
        if (simple) {
            slope_of_logits(dz, logp, (int)A, slopes->entropy[i], dlogp, slopes->explore[i],
                            slopes->to_uniform);
            dz[rows->choice[i]] += dlogp;
            continue;
        }
        for (int part = 0, first = 0; part < parts; part++) {
            int options = action_space_options(s, part);
            gradient_of_part(logp + first, bytes ? rows->mask + (size_t)i * bytes : NULL, first,
                             options, rows->choice[i * parts + part], dlogp, slopes->explore[i],
                             slopes->to_uniform, dz + first);
            first += options;
        }
    }
}
