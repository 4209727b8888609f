/* SPDX-License-Identifier: MIT */
/* The APPO loss: a reference in double that is written differently, finite differences, and cases
 * by hand. */
#include "tests/onic_test.h"

#include "common/base/rng.h"
#include "learner/train/loss.h"

enum { N = 40, A = 6 };

struct sample {
    double logits[N * A], value[N * 2];
    float logp_mu[N], value_old[N * 2], advantage[N], target[2][N];
    int16_t action[N];
    uint8_t skip[N];
};

static const struct loss_params usual = {.clip = 0.2f,
                                         .clip_value = 0.3f,
                                         .value_coef = 0.5f,
                                         .entropy_coef = 0.02f,
                                         .value_share = {1, 1},
                                         .value_unit = {1, 1}};

/* Heads in units of their own, of which 0.3 and 6 are the clips in reward units. */
static const struct loss_params normalised = {.clip = 0.2f,
                                              .clip_value = 3.0f,
                                              .value_coef = 0.5f,
                                              .value_share = {0.7f, 0.3f},
                                              .value_unit = {0.1f, 2}};

static const struct loss_params towards_uniform = {.clip = 0.2f,
                                                   .clip_value = 0.3f,
                                                   .value_coef = 0.5f,
                                                   .entropy_coef = 0.3f,
                                                   .symmetric_kl = true,
                                                   .value_share = {1, 1},
                                                   .value_unit = {1, 1}};

static void make(struct sample *s)
{
    struct rng r = rng_stream(7, "test", 0, 0, 0);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < A; j++)
            s->logits[i * A + j] = (double)rng_normal(&r);
        s->action[i] = (int16_t)rng_below(&r, A);
        s->logp_mu[i] = -0.3f - 2.5f * rng_float(&r);
        s->advantage[i] = rng_normal(&r);
        s->skip[i] = i % 11 == 5;
        for (int h = 0; h < 2; h++) {
            s->value_old[2 * i + h] = rng_normal(&r);
            s->value[2 * i + h] = (double)s->value_old[2 * i + h] + 0.5 * (double)rng_normal(&r);
            s->target[h][i] = rng_normal(&r);
        }
    }
}

/* The loss of the header's essay, literally, in double. */
static double reference(const struct sample *s, const struct loss_params *p)
{
    double policy = 0, value = 0, entropy = 0, steps = 0;
    for (int i = 0; i < N; i++) {
        if (s->skip[i])
            continue;
        const double *z = s->logits + i * A;
        double sum = 0, h = 0, d = 0;
        for (int j = 0; j < A; j++)
            sum += exp(z[j]);
        for (int j = 0; j < A; j++)
            h -= exp(z[j]) / sum * log(exp(z[j]) / sum);
        for (int j = 0; j < A; j++) /* both directions, literally */
            d += exp(z[j]) / sum * log(exp(z[j]) / sum * A) - log(exp(z[j]) / sum * A) / A;
        double ratio = exp(z[s->action[i]]) / sum / exp((double)s->logp_mu[i]),
               a = (double)s->advantage[i];
        ratio = fmin(fmax(ratio, 1.0 / 20), 20.0);
        double hi = 1 + (double)p->clip;
        double bounded = p->clip > 0 ? fmin(fmax(ratio, 1 / hi), hi) : ratio;
        policy -= fmin(ratio * a, bounded * a);
        entropy += p->symmetric_kl ? -fmin(d, 30) : h;
        for (int k = 0; k < 2; k++) {
            double unit = (double)p->value_unit[k], c = (double)p->clip_value;
            double v = s->value[2 * i + k] / unit, old = (double)s->value_old[2 * i + k] / unit;
            double moved = c > 0 ? fmin(fmax(v - old, -c), c) : v - old;
            double t = (double)s->target[k][i] / unit, e1 = v - t, e2 = old + moved - t;
            value += (double)p->value_share[k] * fmax(e1 * e1, e2 * e2);
        }
        steps++;
    }
    return (policy + (double)p->value_coef * value - (double)p->entropy_coef * entropy) / steps;
}

struct result {
    double total;
    struct loss_sums sums;
    float dlogits[N * A], dvalue[N * 2];
};

static void compute(const struct sample *s, const struct loss_params *p, struct result *out)
{
    static float logits[N * A], value[N * 2], logp[N], entropy[N], ratio[N];
    double steps = 0;
    for (int i = 0; i < N * A; i++)
        logits[i] = (float)s->logits[i];
    for (int i = 0; i < N * 2; i++)
        value[i] = (float)s->value[i];
    for (int i = 0; i < N; i++)
        steps += !s->skip[i];
    static const struct action_dist dist = {.space = {.n = A}};
    static float dlogp[N], explore[N];
    struct loss_rows rows = {
        .n = N,
        .dist = &dist,
        .evaluated = logits,
        .done = {.choice = s->action},
        .dlogp = dlogp,
        .explore = explore,
        .ratio = ratio,
        .logp = logp,
        .logp_mu = s->logp_mu,
        .entropy = entropy,
        .advantage = s->advantage,
        .value = value,
        .value_old = s->value_old,
        .target = {s->target[0], s->target[1]},
        .skip = s->skip,
    };
    memset(out, 0, sizeof *out);
    action_dist_evaluate(&dist, logits, &rows.done, N, logp, entropy);
    loss_ratio(ratio, logp, s->logp_mu, N);
    loss_gradient(p, &rows, steps, out->dlogits, out->dvalue, &out->sums);
    out->total = loss_total(p, &out->sums);
}

static void loss_equals_the_reference(void **state)
{
    (void)state;
    static struct sample s;
    static struct result r;
    make(&s);
    const struct loss_params off = {
        .value_coef = 1.0f, .value_share = {1, 1}, .value_unit = {1, 1}};
    compute(&s, &usual, &r);
    assert_close(r.total, reference(&s, &usual), 1e-5, 1e-6);
    assert_close(r.sums.steps, 36, 0, 0);
    assert_true(r.sums.clipped > 2 && r.sums.clipped < 30); /* both branches are in the sample */
    compute(&s, &towards_uniform, &r);
    assert_close(r.total, reference(&s, &towards_uniform), 1e-5, 1e-6);
    compute(&s, &off, &r);
    assert_close(r.total, reference(&s, &off), 1e-5, 1e-6);
    compute(&s, &normalised, &r);
    assert_close(r.total, reference(&s, &normalised), 1e-5, 1e-6);
    compute(&s, &off, &r);
    assert_true(r.sums.clipped <= 2); /* only the bound of 20 on the ratio is left */
}

static void gradients_equal_differences(const struct loss_params *p)
{
    static struct sample s;
    static struct result r;
    const double eps = 1e-5;
    make(&s);
    compute(&s, p, &r);
    for (int i = 0; i < N * A; i++) {
        double keep = s.logits[i];
        s.logits[i] = keep + eps;
        double up = reference(&s, p);
        s.logits[i] = keep - eps;
        double down = reference(&s, p);
        s.logits[i] = keep;
        assert_close(r.dlogits[i], (up - down) / (2 * eps), 1e-4, 1e-6);
    }
    for (int i = 0; i < N * 2; i++) {
        double keep = s.value[i];
        s.value[i] = keep + eps;
        double up = reference(&s, p);
        s.value[i] = keep - eps;
        double down = reference(&s, p);
        s.value[i] = keep;
        assert_close(r.dvalue[i], (up - down) / (2 * eps), 1e-4, 1e-6);
    }
}

static void gradients_equal_finite_differences(void **state)
{
    (void)state;
    gradients_equal_differences(&usual);
    gradients_equal_differences(&towards_uniform);
    gradients_equal_differences(&normalised);
}

/* Not a small one: it must not reach the trunk, whatever the head says. */
static void a_head_without_a_share_has_no_gradient(void **state)
{
    (void)state;
    static struct sample s;
    static struct result r;
    struct loss_params p = normalised;
    p.value_share[1] = 0;
    make(&s);
    for (int i = 0; i < N; i++)
        s.target[1][i] = i % 2 ? INFINITY : 1e30f;
    compute(&s, &p, &r);
    for (int i = 0; i < N; i++) {
        assert_true(r.dvalue[2 * i + 1] == 0);
    }
}

/* Two actions out of A so unlikely that the divergence is beyond its clamp. */
static void a_divergence_beyond_its_clamp_has_no_gradient(void **state)
{
    (void)state;
    static struct sample s;
    static struct result r;
    struct loss_params p = {.entropy_coef = 1.0f, .symmetric_kl = true, .value_unit = {1, 1}};
    make(&s);
    for (int i = 0; i < N; i++) {
        s.advantage[i] = 0.0f;
        for (int j = 0; j < A; j++)
            s.logits[i * A + j] = j ? -200.0 : 0.0;
    }
    compute(&s, &p, &r);
    assert_close(r.total, 30, 1e-6, 0);
    for (int i = 0; i < N * A; i++)
        assert_true(r.dlogits[i] == 0.0f);
}

static void skipped_steps_have_no_gradient(void **state)
{
    (void)state;
    static struct sample s;
    static struct result r;
    make(&s);
    compute(&s, &usual, &r);
    for (int j = 0; j < A; j++)
        assert_true(r.dlogits[5 * A + j] == 0.0f);
    assert_true(r.dvalue[10] == 0.0f && r.dvalue[11] == 0.0f);
    double before = r.total;
    s.advantage[5] = 100.0f; /* and no influence */
    compute(&s, &usual, &r);
    assert_close(r.total, before, 0, 1e-12);
}

static void a_good_action_becomes_likelier(void **state)
{
    (void)state;
    static struct sample s;
    static struct result r;
    make(&s);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < A; j++)
            s.logits[i * A + j] = 0.0;
        s.logp_mu[i] = -logf(A);
        s.advantage[i] = 1.0f;
        s.skip[i] = 0;
    }
    compute(&s, &usual, &r);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < A; j++)
            assert_true(j == s.action[i] ? r.dlogits[i * A + j] < 0 : r.dlogits[i * A + j] > 0);
    assert_close(r.sums.ratio / N, 1.0, 1e-6, 0);
    assert_close(r.sums.kl / N, 0.0, 0, 1e-6);
}

static void ratios_end_at_twenty(void **state)
{
    (void)state;
    const float logp[2] = {-2000.0f, 0.0f}, mu[2] = {-0.1f, -90.0f};
    float ratio[2];
    loss_ratio(ratio, logp, mu, 2);
    assert_close(ratio[0], 0.05, 1e-6, 0);
    assert_close(ratio[1], 20.0, 1e-6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_equals_the_reference),
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(a_head_without_a_share_has_no_gradient),
        cmocka_unit_test(a_divergence_beyond_its_clamp_has_no_gradient),
        cmocka_unit_test(skipped_steps_have_no_gradient),
        cmocka_unit_test(a_good_action_becomes_likelier),
        cmocka_unit_test(ratios_end_at_twenty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
