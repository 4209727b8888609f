/* SPDX-License-Identifier: MIT */
/* test_action_dist.c - distributions of actions: golden numbers, an independent reference in double
 * and its differences, sampling against density. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/policy/action_dist.h"
#include "tests/onic_test.h"

enum { ROWS = 12, A_MAX = 16, PARTS_MAX = 4 };

static const struct action_dist four = {.space = {.n = 4}};
static const struct action_dist four_masked = {.space = {.n = 4, .masked = true}};
static const struct action_dist several = {
    .space = {.kind = ACTION_MULTI, .n = 3, .choices = {3, 2, 4}}};
static const struct action_dist several_masked = {
    .space = {.kind = ACTION_MULTI, .n = 3, .masked = true, .choices = {3, 2, 4}}};
static const struct action_dist normal = {
    .space = {.kind = ACTION_CONTINUOUS, .n = 2, .low = {-2, 0}, .high = {2, 10}}};
static const struct action_dist of_state = {
    .space = {.kind = ACTION_CONTINUOUS, .n = 2, .low = {-2, 0}, .high = {2, 10}},
    .state_deviation = true};
static const struct action_dist squashed = {
    .space = {.kind = ACTION_CONTINUOUS, .n = 2, .low = {-2, 0}, .high = {2, 10}},
    .squash = true,
    .state_deviation = true};

static const struct action_dist *const all[] = {&four,   &four_masked, &several, &several_masked,
                                                &normal, &of_state,    &squashed};
enum { DISTS = sizeof all / sizeof all[0] };

/* --- golden numbers -------------------------------------------------------------------------- */

static void widths_follow_from_the_space(void **state)
{
    (void)state;
    assert_int_equal(action_dist_outputs(&four), 4);
    assert_int_equal(action_dist_outputs(&several), 9);
    assert_int_equal(action_dist_columns(&several), 9);
    assert_int_equal(action_dist_uniforms(&several), 3);
    assert_int_equal(action_dist_outputs(&normal), 4);
    assert_int_equal(action_dist_columns(&normal), 2);
    assert_int_equal(action_dist_columns(&of_state), 4);
    assert_int_equal(action_dist_uniforms(&of_state), 4);
}

static void choices_have_the_known_density_and_entropy(void **state)
{
    (void)state;
    float z[28] = {0}, logp, entropy;
    int16_t action = 3;
    struct action_dist d = {.space = {.n = 28}};
    struct action_rows rows = {.choice = &action};
    action_dist_evaluate(&d, z, &rows, 1, &logp, &entropy);
    assert_close(entropy, 3.332205, 0, 1e-6);
    assert_close(logp, -3.332205, 0, 1e-6);
    float x[4] = {0, 1, 2, -1};
    action = 2;
    action_dist_evaluate(&four, x, &rows, 1, &logp, &entropy);
    assert_close(entropy, 0.947536773, 1e-6, 0);
    assert_close(logp, -0.440189699, 1e-6, 0);
    float extreme[6] = {1000.0f, -1000.0f, 0.0f, -80.0f, 80.0f, 79.0f}, two_logp[2], two_h[2];
    int16_t second[2] = {1, 1};
    struct action_dist three = {.space = {.n = 3}};
    rows.choice = second;
    action_dist_evaluate(&three, extreme, &rows, 2, two_logp, two_h);
    assert_close(two_logp[0], -2000.0, 1e-6, 0);
    assert_close(two_h[0], 0.0, 0, 1e-6);
}

/* What is forbidden is as if it were not there, however likely the network finds it. */
static void masked_choices_are_those_of_the_rest(void **state)
{
    (void)state;
    float x[4] = {0, 1000, 2, -1}, logp, entropy;
    int16_t action = 2;
    uint8_t mask = 0x0d;
    struct action_rows rows = {.choice = &action, .mask = &mask};
    action_dist_evaluate(&four_masked, x, &rows, 1, &logp, &entropy);
    assert_close(entropy, 0.524266617, 1e-6, 0);
    assert_close(logp, -0.169846020, 1e-6, 0);
    mask = 0x04; /* nothing to choose */
    float one[4] = {5, 6, 7, 8};
    action_dist_evaluate(&four_masked, one, &rows, 1, &logp, &entropy);
    assert_close(entropy, 0, 0, 1e-6);
    assert_close(logp, 0, 0, 1e-6);
}

static void parts_add_up(void **state)
{
    (void)state;
    float x[9] = {0, 1, 2, 0.5f, 0.5f, 0, 1, 2, -1}, logp, entropy;
    int16_t action[3] = {2, 0, 2};
    struct action_rows rows = {.choice = action};
    action_dist_evaluate(&several, x, &rows, 1, &logp, &entropy);
    double h3 = 0.832395582, l3 = -0.407605964; /* of 0, 1, 2 */
    assert_close(entropy, h3 + log(2) + 0.947536773, 1e-6, 0);
    assert_close(logp, l3 - log(2) - 0.440189699, 1e-6, 0);
}

/* Entropies of the squashed normal: its correction integrated on a fine grid. */
static void numbers_have_the_known_density_and_entropy(void **state)
{
    (void)state;
    struct action_dist d = {.space = {.kind = ACTION_CONTINUOUS, .n = 1, .low = {-1}, .high = {1}}};
    float x = 0.7f, row[2] = {0.3f, logf(0.5f)}, logp, entropy;
    struct action_rows rows = {.number = &x};
    action_dist_evaluate(&d, row, &rows, 1, &logp, &entropy);
    assert_close(logp, -0.545791353, 1e-6, 0);
    assert_close(entropy, 0.725791352, 1e-6, 0);
    d.squash = true;
    action_dist_evaluate(&d, row, &rows, 1, &logp, &entropy);
    assert_close(logp, -0.545791353 + 0.454540459, 1e-5, 0);
    assert_close(entropy, 0.426249439, 1e-5, 0);
    float standard[2] = {0, 0}, wide[2] = {-1.2f, 0.4f};
    action_dist_evaluate(&d, standard, &rows, 1, &logp, &entropy);
    assert_close(entropy, 0.669804118, 1e-5, 0);
    action_dist_evaluate(&d, wide, &rows, 1, &logp, &entropy);
    assert_close(entropy, -0.210096734, 0, 1e-5);
    x = 30.0f; /* far out: no infinity from 1 - tanh^2 = 0 */
    action_dist_evaluate(&d, standard, &rows, 1, &logp, &entropy);
    assert_close(logp, -450 - 0.918938533 + 2 * (30 - 0.693147181), 1e-5, 0);
}

/* --- sampling -------------------------------------------------------------------------------- */

static void sampling_follows_the_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    const float logits[4] = {0.0f, 1.0f, -1.0f, 2.0f};
    double want[4], sum = 0;
    int seen[4] = {0};
    for (int a = 0; a < 4; a++)
        sum += exp((double)logits[a]);
    for (int a = 0; a < 4; a++)
        want[a] = exp((double)logits[a]) / sum;
    for (int i = 0; i < DRAWS; i++) {
        float u =
            ((float)i + 0.5f) / DRAWS; /* an even grid: the counts are exact but for the edges */
        union action_cell action;
        float logp;
        action_dist_sample(&four, logits, NULL, &u, 1, &action, &logp);
        assert_in_range(action.choice, 0, 3);
        assert_close(logp, log(want[action.choice]), 1e-5, 1e-6);
        seen[action.choice]++;
    }
    for (int a = 0; a < 4; a++)
        assert_close(seen[a], want[a] * DRAWS, 0, 3);
}

static void extreme_logits_and_draws_are_sampled_safely(void **state)
{
    (void)state;
    const struct action_dist three = {.space = {.n = 3}};
    const float logits[6] = {-1e30f, 500.0f, -1e30f, 0.0f, 0.0f, -1e30f};
    const float u[2] = {0.0f, 0x1.fffffep-1f};
    union action_cell action[2];
    float logp[2];
    action_dist_sample(&three, logits, NULL, u, 2, action, logp);
    assert_int_equal(action[0].choice, 1);
    assert_close(logp[0], 0, 0, 1e-6);
    assert_int_equal(action[1].choice, 1); /* never the last one, which has no probability */
    assert_close(logp[1], log(0.5), 1e-5, 0);
}

static void forbidden_options_are_never_taken(void **state)
{
    (void)state;
    const float x[9] = {50, 0, 1, 90, 0, 0, 70, 1, 80};
    /* of 3: the last two; of 2: the second; of 4: the first and third */
    const uint8_t mask[2] = {0x06 | 0x10 | 0x20 | 0x80, 0};
    struct rng rng = rng_stream(1, "test", 0, 0, 0);
    int seen[9] = {0};
    union action_cell action[3];
    for (int i = 0; i < 4000; i++) {
        float u[3] = {rng_float(&rng), rng_float(&rng), rng_float(&rng)}, logp;
        action_dist_sample(&several_masked, x, mask, u, 1, action, &logp);
        for (int part = 0, first = 0; part < 3; first += several_masked.space.choices[part++])
            seen[first + action[part].choice]++;
    }
    for (int i = 0; i < 9; i++)
        assert_int_equal(seen[i] > 0, action_mask_get(mask, i));
    assert_close(seen[1] / 4000.0, 1 / (1 + exp(1)), 0, 0.03);
    action_dist_mode(&several_masked, x, mask, 1, action);
    assert_int_equal(action[0].choice, 2);
    assert_int_equal(action[1].choice, 1);
    assert_int_equal(action[2].choice, 2);
}

/* Three rows at once, of which each leaves one option of every part: rows, masks and draws belong
 * together. */
static void each_row_is_taken_by_its_own_mask(void **state)
{
    (void)state;
    enum { N = 3, BYTES = 2 };
    const int want[N * 3] = {0, 1, 3, 2, 0, 1, 1, 1, 0};
    uint8_t mask[N * BYTES], possible[9];
    union action_cell action[N * 3];
    float outputs[N * 9], u[N * 3], logp[N];
    for (int i = 0; i < N; i++) {
        memset(possible, 0, sizeof possible);
        for (int part = 0, first = 0; part < 3; first += several_masked.space.choices[part++])
            possible[first + want[3 * i + part]] = 1;
        action_mask_pack(&several_masked.space, possible, mask + i * BYTES);
        for (int k = 0; k < 9; k++)
            outputs[9 * i + k] = (float)(k % 3 - i);
        for (int part = 0; part < 3; part++)
            u[3 * i + part] = 0.99f;
    }
    action_dist_sample(&several_masked, outputs, mask, u, N, action, logp);
    for (int i = 0; i < N * 3; i++)
        assert_int_equal(action[i].choice, want[i]);
    for (int i = 0; i < N; i++)
        assert_close(logp[i], 0, 0, 1e-6);
    memset(action, 0x7f, sizeof action);
    action_dist_mode(&several_masked, outputs, mask, N, action);
    for (int i = 0; i < N * 3; i++)
        assert_int_equal(action[i].choice, want[i]);
}

static void numbers_have_mean_and_deviation_of_the_outputs(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    const float row[4] = {0.4f, -3.0f, -0.5f, 0.3f};
    struct rng rng = rng_stream(2, "test", 0, 0, 0);
    double sum[2] = {0}, squares[2] = {0};
    union action_cell action[2];
    for (int i = 0; i < DRAWS; i++) {
        float u[4], logp, again, entropy, x[2];
        for (int k = 0; k < 4; k++)
            u[k] = rng_float(&rng);
        action_dist_sample(&squashed, row, NULL, u, 1, action, &logp);
        for (int k = 0; k < 2; k++) {
            x[k] = action[k].number;
            sum[k] += (double)x[k];
            squares[k] += (double)x[k] * (double)x[k];
        }
        float copy[4] = {row[0], row[1], row[2], row[3]};
        struct action_rows rows = {.number = x};
        action_dist_evaluate(&squashed, copy, &rows, 1, &again, &entropy);
        assert_true(logp == again); /* actor and learner agree to the bit */
    }
    for (int k = 0; k < 2; k++) {
        double mean = sum[k] / DRAWS;
        assert_close(mean, row[k], 0, 0.03);
        assert_close(sqrt(squares[k] / DRAWS - mean * mean), exp((double)row[2 + k]), 0.02, 0);
    }
    const float last[4] = {0x1.fffffep-1f, 0, 0, 0};
    float logp;
    action_dist_sample(&squashed, row, NULL, last, 1, action, &logp);
    assert_true(isfinite(action[0].number) && isfinite(action[1].number));
}

static void numbers_come_into_the_bounds(void **state)
{
    (void)state;
    union action_cell a[6] = {{.number = 0.5f},   {.number = -1}, {.number = 3},
                              {.number = -1e30f}, {.number = 0},  {.number = 1}};
    action_dist_act(&normal, a, 3);
    const float clamped[6] = {1, 0, 2, 0, 0, 10};
    for (int i = 0; i < 6; i++)
        assert_true(a[i].number == clamped[i]);
    union action_cell b[4] = {{.number = 0.5f}, {.number = 0}, {.number = 40}, {.number = -40}};
    action_dist_act(&squashed, b, 2);
    assert_close(b[0].number, 2 * tanh(0.5), 1e-6, 0);
    assert_close(b[1].number, 5, 1e-6, 0);
    assert_true(b[2].number == 2 && b[3].number == 0);
    const float row[4] = {0.25f, -0.5f, 1, 1};
    action_dist_mode(&normal, row, NULL, 1, a);
    assert_true(a[0].number == 0.25f && a[1].number == -0.5f);
}

/* --- differences ----------------------------------------------------------------------------- */

struct sample {
    const struct action_dist *d;
    int A, parts;
    double outputs[ROWS * A_MAX];
    int16_t choice[ROWS * PARTS_MAX];
    float number[ROWS * PARTS_MAX];
    uint8_t mask[ROWS * 2];
    float dlogp[ROWS], explore[ROWS];
    uint8_t skip[ROWS];
    bool to_uniform;
};

static void make(struct sample *s, const struct action_dist *d, bool to_uniform)
{
    struct rng r = rng_stream(5, "test", 0, 0, 0);
    size_t bytes = action_space_mask_bytes(&d->space);
    memset(s, 0, sizeof *s);
    s->d = d;
    s->A = action_dist_outputs(d);
    s->parts = action_space_parts(&d->space);
    s->to_uniform = to_uniform;
    for (int i = 0; i < ROWS * s->A; i++)
        s->outputs[i] = 0.7 * (double)rng_normal(&r);
    for (int i = 0; i < ROWS; i++) {
        uint8_t possible[A_MAX];
        union action_cell action[PARTS_MAX];
        s->dlogp[i] = rng_normal(&r);
        s->explore[i] = 0.5f * rng_float(&r);
        s->skip[i] = i == 7;
        for (int k = 0; k < s->A; k++)
            possible[k] = rng_below(&r, 3) > 0;
        for (int part = 0, first = 0; bytes && part < s->parts; part++) {
            possible[first] = 1;
            first += action_space_options(&d->space, part);
        }
        uint8_t *mask = s->mask + (size_t)i * bytes;
        if (bytes)
            action_mask_pack(&d->space, possible, mask);
        action_space_random(&d->space, bytes ? mask : NULL, &r, action);
        for (int k = 0; k < s->parts; k++) {
            s->choice[i * s->parts + k] = (int16_t)action[k].choice;
            s->number[i * s->parts + k] = rng_normal(&r);
        }
    }
}

/* Of the options from `first` on that are possible: dlogp log p + explore X. */
static double choice_loss(const struct sample *s, int i, int part, int first, int options)
{
    const double *z = s->outputs + i * s->A + first;
    size_t bytes = action_space_mask_bytes(&s->d->space);
    double sum = 0, h = 0, cross = 0;
    int n = 0;
    bool open[A_MAX];
    for (int j = 0; j < options; j++) {
        open[j] = !bytes || action_mask_get(s->mask + (size_t)i * bytes, first + j);
        sum += open[j] ? exp(z[j]) : 0;
        n += open[j];
    }
    for (int j = 0; j < options; j++)
        if (open[j]) {
            double p = exp(z[j]) / sum;
            h -= p * log(p);
            cross += p * log(p * n) - log(p * n) / n; /* both directions */
        }
    double logp = z[s->choice[i * s->parts + part]] - log(sum);
    return (double)s->dlogp[i] * logp + (double)s->explore[i] * (s->to_uniform ? cross : -h);
}

static double normal_loss(const struct sample *s, int i, int part)
{
    double m = s->outputs[i * s->A + part], l = s->outputs[i * s->A + s->parts + part], sd = exp(l);
    double x = (double)s->number[i * s->parts + part], z = (x - m) / sd, two_pi = 6.283185307179586;
    double logp = -0.5 * z * z - l - 0.5 * log(two_pi), h = l + 0.5 * log(two_pi) + 0.5;
    if (s->d->squash) {
        double e = 0, step = 0.01;
        logp -= log(1 - tanh(x) * tanh(x));
        for (double t = -8; t < 8; t += step)
            e += exp(-0.5 * t * t) / sqrt(two_pi) * step * -2 * log(cosh(m + sd * t));
        h += e; /* log(1 - tanh^2) = -2 log cosh */
    }
    return (double)s->dlogp[i] * logp - (double)s->explore[i] * h;
}

static double reference_of_row(const struct sample *s, int i)
{
    double sum = 0;
    for (int part = 0, first = 0; part < s->parts; part++) {
        int options = action_space_options(&s->d->space, part);
        sum += options ? choice_loss(s, i, part, first, options) : normal_loss(s, i, part);
        first += options;
    }
    return s->skip[i] ? 0 : sum;
}

/* Loss and gradient as the module has them. */
static void compute(const struct sample *s, float *loss, float *gradient)
{
    float out[ROWS * A_MAX], logp[ROWS], entropy[ROWS];
    size_t bytes = action_space_mask_bytes(&s->d->space);
    bool numbers = s->d->space.kind == ACTION_CONTINUOUS;
    struct action_rows rows = {.choice = numbers ? NULL : s->choice,
                               .number = numbers ? s->number : NULL,
                               .mask = bytes ? s->mask : NULL};
    for (int i = 0; i < ROWS * s->A; i++)
        out[i] = (float)s->outputs[i];
    action_dist_evaluate(s->d, out, &rows, ROWS, logp, entropy);
    for (int i = 0; i < ROWS; i++) {
        float x = -entropy[i];
        if (s->to_uniform)
            x = action_dist_uniform_kl(s->d, out + i * s->A,
                                       bytes ? s->mask + (size_t)i * bytes : NULL, entropy[i]);
        loss[i] = s->skip[i] ? 0 : s->dlogp[i] * logp[i] + s->explore[i] * x;
    }
    struct action_slopes slopes = {.entropy = entropy,
                                   .dlogp = s->dlogp,
                                   .explore = s->explore,
                                   .to_uniform = s->to_uniform,
                                   .skip = s->skip};
    action_dist_gradient(s->d, out, &rows, ROWS, &slopes, gradient);
}

static void check_differences(const struct action_dist *d, bool to_uniform)
{
    static struct sample s;
    float loss[ROWS], gradient[ROWS * A_MAX];
    const double eps = 1e-5;
    make(&s, d, to_uniform);
    compute(&s, loss, gradient);
    for (int i = 0; i < ROWS; i++)
        assert_close(loss[i], reference_of_row(&s, i), 2e-5, 2e-5);
    for (int k = 0; k < ROWS * s.A; k++) {
        double keep = s.outputs[k];
        s.outputs[k] = keep + eps;
        double up = reference_of_row(&s, k / s.A);
        s.outputs[k] = keep - eps;
        double down = reference_of_row(&s, k / s.A);
        s.outputs[k] = keep;
        assert_close(gradient[k], (up - down) / (2 * eps), 2e-4, 2e-5);
    }
}

static void gradients_equal_finite_differences(void **state)
{
    (void)state;
    for (int i = 0; i < DISTS; i++) {
        check_differences(all[i], false);
        if (all[i]->space.kind != ACTION_CONTINUOUS)
            check_differences(all[i], true);
    }
}

static void forbidden_options_have_no_gradient(void **state)
{
    (void)state;
    static struct sample s;
    float loss[ROWS], gradient[ROWS * A_MAX];
    make(&s, &four_masked, true);
    for (int i = 0; i < ROWS * 4; i++) /* also where a forbidden one is far above */
        if (!action_mask_get(s.mask + i / 4, i % 4))
            s.outputs[i] = 500;
    compute(&s, loss, gradient);
    int forbidden = 0;
    for (int i = 0; i < ROWS * 4; i++)
        if (!action_mask_get(s.mask + i / 4, i % 4)) {
            assert_true(gradient[i] == 0.0f);
            forbidden++;
        }
    assert_true(forbidden > 5);
}

static void deviations_end_at_their_bounds(void **state)
{
    (void)state;
    float row[2] = {0, 9}, logp, entropy, d[2], x = 0.1f, dlogp = 0, explore = 1;
    uint8_t skip = 0;
    struct action_dist one = {
        .space = {.kind = ACTION_CONTINUOUS, .n = 1, .low = {-1}, .high = {1}}};
    struct action_rows rows = {.number = &x};
    struct action_slopes slopes = {
        .entropy = &entropy, .dlogp = &dlogp, .explore = &explore, .skip = &skip};
    action_dist_evaluate(&one, row, &rows, 1, &logp, &entropy);
    assert_close(entropy, (double)ACTION_LOG_DEVIATION_MAX + 1.418938533, 1e-6, 0);
    action_dist_gradient(&one, row, &rows, 1, &slopes, d);
    assert_true(d[1] == 0.0f); /* more entropy would lead further out */
    explore = -1;
    action_dist_gradient(&one, row, &rows, 1, &slopes, d);
    assert_true(d[1] == 1.0f); /* and this back in */
    row[1] = -20;
    explore = 1;
    action_dist_gradient(&one, row, &rows, 1, &slopes, d);
    assert_true(d[1] == -1.0f);
}

/* --- divergence ------------------------------------------------------------------------------ */

/* KL(mu || pi) of two rows, exactly. */
static double divergence(const struct action_dist *d, const float *mu, const float *pi,
                         const uint8_t *mask)
{
    double sum = 0;
    int n = d->space.n;
    if (d->space.kind == ACTION_CONTINUOUS) { /* the same for its tanh: it is one to one */
        for (int k = 0; k < n; k++) {
            double s = (double)mu[n + k], t = (double)pi[n + k], m = (double)mu[k] - (double)pi[k];
            sum += t - s + (exp(2 * s) + m * m) / (2 * exp(2 * t)) - 0.5;
        }
        return sum;
    }
    for (int part = 0, first = 0; part < action_space_parts(&d->space); part++) {
        double zm = 0, zp = 0;
        int end = first + action_space_options(&d->space, part);
        for (int j = first; j < end; j++)
            if (!mask || action_mask_get(mask, j))
                zm += exp((double)mu[j]), zp += exp((double)pi[j]);
        for (int j = first; j < end; j++)
            if (!mask || action_mask_get(mask, j))
                sum +=
                    exp((double)mu[j]) / zm * ((double)mu[j] - log(zm) - (double)pi[j] + log(zp));
        first = end;
    }
    return sum;
}

/* What the learner reports is the mean of ratio - 1 - log(ratio) over actions of the behaviour
 * policy. */
static void the_estimate_of_the_divergence_is_unbiased(void **state)
{
    (void)state;
    enum { DRAWS = 60000 };
    const uint8_t mask[2] = {0xed, 0x01};
    for (int k = 0; k < DISTS; k++) {
        const struct action_dist *d = all[k];
        const uint8_t *possible = d->space.masked ? mask : NULL;
        struct rng rng = rng_stream(3, "test", (uint64_t)k, 0, 0);
        float mu[A_MAX], pi[A_MAX];
        int A = action_dist_outputs(d), parts = action_space_parts(&d->space);
        for (int i = 0; i < A; i++) {
            mu[i] = 0.5f * rng_normal(&rng);
            pi[i] = mu[i] + 0.3f * rng_normal(&rng);
        }
        double sum = 0;
        for (int i = 0; i < DRAWS; i++) {
            float u[2 * PARTS_MAX], x[PARTS_MAX], copy[A_MAX], logp_mu, logp, entropy;
            union action_cell action[PARTS_MAX];
            int16_t choice[PARTS_MAX];
            for (int j = 0; j < action_dist_uniforms(d); j++)
                u[j] = rng_float(&rng);
            action_dist_sample(d, mu, possible, u, 1, action, &logp_mu);
            for (int j = 0; j < parts; j++)
                x[j] = action[j].number, choice[j] = (int16_t)action[j].choice;
            memcpy(copy, pi, sizeof copy);
            struct action_rows rows = {.choice = choice, .number = x, .mask = possible};
            action_dist_evaluate(d, copy, &rows, 1, &logp, &entropy);
            double log_ratio = (double)logp - (double)logp_mu;
            sum += exp(log_ratio) - 1 - log_ratio;
        }
        assert_close(sum / DRAWS, divergence(d, mu, pi, possible), 0.05, 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_follow_from_the_space),
        cmocka_unit_test(choices_have_the_known_density_and_entropy),
        cmocka_unit_test(masked_choices_are_those_of_the_rest),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(numbers_have_the_known_density_and_entropy),
        cmocka_unit_test(sampling_follows_the_distribution),
        cmocka_unit_test(extreme_logits_and_draws_are_sampled_safely),
        cmocka_unit_test(forbidden_options_are_never_taken),
        cmocka_unit_test(each_row_is_taken_by_its_own_mask),
        cmocka_unit_test(numbers_have_mean_and_deviation_of_the_outputs),
        cmocka_unit_test(numbers_come_into_the_bounds),
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(forbidden_options_have_no_gradient),
        cmocka_unit_test(deviations_end_at_their_bounds),
        cmocka_unit_test(the_estimate_of_the_divergence_is_unbiased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
