/* SPDX-License-Identifier: MIT */
/* test_rnd.c - novelty falls with familiarity, what is paid is in units of the returns' deviation,
 * names are not numbers, and a random share of the steps is learned from. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/rnd/rnd_input.h"
#include "learner/reward/rnd/rnd_net.h"
#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_rnd;
static const struct reward_model_type *const t = &reward_model_rnd;

enum { OBS = 16, STEPS = 256 };
static uint8_t obs[STEPS][OBS];
static const uint8_t *row[STEPS];
static const uint64_t environment = 3;

static struct reward_model *create_with(double share)
{
    struct config cfg;
    struct obs_spec spec = {0};
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.reward_rnd_share = share;
    obs_spec_add(&spec, "x", OBS_U8, 1, (int[]){OBS});
    assert_ok(t->create(&m, &cfg, &spec, &err));
    return m;
}

static struct reward_model *create(void)
{
    return create_with(1);
}

/* Familiar observations are small numbers; every 16th step is `odd`: large ones. */
static void draw(bool odd, uint64_t round)
{
    struct rng r = rng_stream(3, "test", round, 0, 0);
    for (int i = 0; i < STEPS; i++) {
        row[i] = obs[i];
        for (int j = 0; j < OBS; j++)
            obs[i][j] = (uint8_t)(rng_below(&r, 4) + (odd && i % 16 == 0 ? 9 : 0));
    }
}

static void score(struct reward_model *m, float *out)
{
    t->score(
        m,
        &(struct reward_batch){.n = STEPS, .C = 1, .environment = &environment, .obs_after = row},
        out);
}

static double mean_of(const float *x, bool odd)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < STEPS; i++)
        if ((i % 16 == 0) == odd) {
            sum += (double)x[i];
            n++;
        }
    return sum / n;
}

struct report {
    double loss, deviation, steps;
};

static void take(void *ctx, const char *name, double value)
{
    struct report *r = ctx;
    if (strcmp(name, "reward_model/loss") == 0)
        r->loss = value;
    else if (strcmp(name, "reward_model/return_std") == 0)
        r->deviation = value;
    else if (strcmp(name, "reward_model/train_steps") == 0)
        r->steps = value;
}

static void what_is_new_pays_more_than_what_is_familiar(void **state)
{
    (void)state;
    struct reward_model *m = create();
    float out[STEPS];
    struct report first = {0}, last = {0};
    draw(false, 0);
    score(m, out);
    t->report(m, take, &first);
    for (uint64_t i = 1; i < 400; i++) {
        draw(false, i);
        score(m, out);
    }
    t->report(m, take, &last);
    assert_true(last.loss < 0.5 * first.loss);
    draw(true, 1000);
    score(m, out);
    assert_true(mean_of(out, true) > 3 * mean_of(out, false));
    t->free(m);
}

static void what_is_not_known_pays_nothing(void **state)
{
    (void)state;
    struct reward_model *m = create();
    float out[STEPS];
    draw(false, 0);
    score(m, out);
    row[7] = NULL;
    score(m, out);
    assert_close(out[7], 0, 0, 0);
    assert_true(out[8] > 0);
    for (int i = 0; i < STEPS; i++)
        row[i] = NULL;
    uint64_t version = t->version(m);
    score(m, out);
    assert_int_equal(t->version(m), version);
    t->free(m);
}

/* Not of single errors: with gamma_int 0.99 and like errors returns grow to a hundred of them. */
static void rewards_are_in_units_of_the_deviation_of_returns(void **state)
{
    (void)state;
    struct reward_model *m = create();
    struct report r = {0};
    float out[STEPS];
    double sum = 0;
    draw(false, 0);
    score(m, out);
    t->report(m, take, &r);
    for (int i = 0; i < STEPS; i++)
        sum += (double)out[i];
    assert_close(sum / STEPS, r.loss / r.deviation, 1e-5, 0);
    assert_true(r.deviation > 5 * r.loss); /* that of single errors is below their mean */
    t->free(m);
}

/* 64 environments, each of which stands still somewhere else: all of them become familiar. A fixed
 * stride over the steps [T, C] would see every fourth environment only. */
static void every_environment_is_learned_from(void **state)
{
    (void)state;
    enum { C = 64, ROUNDS = 500 };
    struct reward_model *m = create_with(0.25);
    struct report r = {0};
    struct rng draw_of = rng_stream(5, "test", 0, 0, 0);
    uint64_t number[C];
    float out[STEPS];
    double first[C];
    for (int i = 0; i < STEPS; i++) {
        row[i] = obs[i % C];
        for (int j = 0; i < C && j < OBS; j++)
            obs[i][j] = (uint8_t)rng_below(&draw_of, 256);
    }
    for (uint64_t c = 0; c < C; c++)
        number[c] = c;
    struct reward_batch b = {.n = STEPS, .C = C, .environment = number, .obs_after = row};
    for (int round = 0; round < ROUNDS; round++) {
        t->score(m, &b, out);
        t->report(m, take, &r);
        for (int c = 0; round == 0 && c < C; c++)
            first[c] = (double)out[c] * r.deviation;
    }
    assert_int_equal(r.steps, ROUNDS); /* a quarter of the steps fits into one */
    for (int c = 0; c < C; c++)
        assert_true((double)out[c] * r.deviation < 0.5 * first[c]);
    t->free(m);
}

/* Of a batch of 16 full steps of the network: how many it took. */
static double steps_with(double share)
{
    enum { ROWS = 16 * RND_NET_ROWS };
    struct reward_model *m = create_with(share);
    struct report r = {0};
    const uint8_t **rows = calloc(ROWS, sizeof *rows);
    float *out = calloc(ROWS, sizeof *out);
    draw(false, 0);
    for (int i = 0; i < ROWS; i++)
        rows[i] = obs[i % STEPS];
    t->score(
        m,
        &(struct reward_batch){.n = ROWS, .C = 1, .environment = &environment, .obs_after = rows},
        out);
    t->report(m, take, &r);
    t->free(m);
    free(rows);
    free(out);
    return r.steps;
}

/* Four deviations of the number that is drawn are less than one step here. */
static void the_share_of_the_steps_is_learned_from(void **state)
{
    (void)state;
    assert_close(steps_with(1), 16, 0, 0);
    assert_in_range((int)steps_with(0.5), 8, 9);
    assert_in_range((int)steps_with(0.25), 4, 5);
    assert_close(steps_with(0), 0, 0, 0);
}

/* Numbers that move away are not stuck at the cut for good: their scale goes on with them. */
static void numbers_are_whitened_by_all_that_was_seen(void **state)
{
    (void)state;
    struct config cfg;
    struct obs_spec spec = {0};
    struct reward_model *m = NULL;
    float number[STEPS], out[STEPS];
    struct rng r = rng_stream(6, "test", 0, 0, 0);
    config_defaults(&cfg);
    obs_spec_add(&spec, "x", OBS_F32, 1, (int[]){1});
    assert_ok(t->create(&m, &cfg, &spec, &err));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < STEPS; i++) {
            number[i] = rng_float(&r) + (round ? 100.0f : 0.0f);
            row[i] = (const uint8_t *)&number[i];
        }
        score(m, out);
    }
    int alike = 0;
    for (int i = 1; i < STEPS; i++)
        alike += out[i] == out[0];
    assert_true(alike < STEPS / 2); /* at the cut all would be */
    t->free(m);
}

/* All later numbers would be the same next to it. */
static void one_absurd_number_does_not_hide_the_others(void **state)
{
    (void)state;
    struct obs_spec spec = {0};
    double raw[100];
    float x;
    struct rng r = rng_stream(7, "test", 0, 0, 0);
    obs_spec_add(&spec, "x", OBS_F32, 1, (int[]){1});
    struct rnd_input *in = rnd_input_create(&spec, 1);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 100; i++)
            raw[i] = (double)rng_normal(&r);
        raw[0] = round >= 20 && round < 23 ? 1e15 : raw[0];
        rnd_input_learn(in, raw, 100);
    }
    raw[0] = 2;
    rnd_input_whiten(in, raw, 1, &x);
    assert_true(x > 0.1f);
    rnd_input_free(in);
}

static double distance(struct rnd_input *in, const uint8_t *a, const uint8_t *b)
{
    double x[2][RND_PROJECTED], sum = 0;
    rnd_input_read(in, a, x[0]);
    rnd_input_read(in, b, x[1]);
    for (int k = 0; k < RND_PROJECTED; k++)
        sum += (x[0][k] - x[1][k]) * (x[0][k] - x[1][k]);
    return sqrt(sum);
}

/* Another name in a place is as far as any other one, and places count alike: 2 / sqrt(places) per
 * changed place of the one-hot vectors, here within a fifth for 128 projections. */
static void names_are_not_numbers(void **state)
{
    (void)state;
    struct obs_spec spec = {0};
    obs_spec_add(&spec, "x", OBS_U8, 1, (int[]){OBS});
    struct rnd_input *in = rnd_input_create(&spec, 1);
    const uint8_t from[OBS] = {5, 5, 5, 5}, near_by[OBS] = {6, 5, 5, 5}, far[OBS] = {250, 5, 5, 5};
    const uint8_t moved[OBS] = {5, 5, 5, 6}, two[OBS] = {6, 5, 5, 6}, swapped[OBS] = {5, 6, 5, 5};
    double one = sqrt(2.0 * RND_PROJECTED / OBS);
    assert_int_equal(rnd_input_elements(in), RND_PROJECTED);
    assert_close(distance(in, from, from), 0, 0, 0);
    assert_close(distance(in, from, near_by), one, 0.2, 0);
    assert_close(distance(in, from, far), one, 0.2, 0);
    assert_close(distance(in, from, moved), one, 0.2, 0);
    assert_close(distance(in, from, two), sqrt(2.0) * one, 0.2, 0);
    assert_close(distance(in, near_by, swapped), sqrt(2.0) * one, 0.2, 0);
    rnd_input_free(in);
}

/* Of which type they are does not matter; wider ones are numbers. */
static void small_integers_are_names(void **state)
{
    (void)state;
    static const struct {
        enum obs_type type;
        int elements;
    } types[] = {{OBS_U8, RND_PROJECTED}, {OBS_I8, RND_PROJECTED}, {OBS_I16, RND_PROJECTED},
                 {OBS_I32, OBS},          {OBS_I64, OBS},          {OBS_F32, OBS}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct obs_spec spec = {0};
        obs_spec_add(&spec, "x", types[i].type, 1, (int[]){OBS});
        struct rnd_input *in = rnd_input_create(&spec, 1);
        assert_int_equal(rnd_input_elements(in), types[i].elements);
        rnd_input_free(in);
    }
}

/* The same name in a place of one field and of another is not the same. */
static void fields_have_places_of_their_own(void **state)
{
    (void)state;
    struct obs_spec spec = {0};
    obs_spec_add(&spec, "x", OBS_U8, 1, (int[]){1});
    obs_spec_add(&spec, "y", OBS_U8, 1, (int[]){1});
    struct rnd_input *in = rnd_input_create(&spec, 1);
    uint8_t a[64] = {0}, b[64] = {0};
    a[spec.field[0].offset] = b[spec.field[1].offset] = 7;
    a[spec.field[1].offset] = b[spec.field[0].offset] = 9;
    assert_true(distance(in, a, b) > 1);
    rnd_input_free(in);
}

static void numbers_are_whitened_and_cut_at_five(void **state)
{
    (void)state;
    struct obs_spec spec = {0};
    obs_spec_add(&spec, "x", OBS_F32, 1, (int[]){2});
    struct rnd_input *in = rnd_input_create(&spec, 1);
    const float seen[4][2] = {{1, 7}, {3, 7}, {1, 7}, {3, 7}}, odd[2] = {30, NAN};
    double raw[4][2];
    float x[2];
    for (int i = 0; i < 4; i++)
        rnd_input_read(in, (const uint8_t *)seen[i], raw[i]);
    rnd_input_learn(in, raw[0], 4);
    rnd_input_whiten(in, raw[1], 1, x);
    assert_close(x[0], 1, 1e-6, 0); /* (3 - 2) / 1 */
    assert_close(x[1], 0, 0, 0);    /* constant so far */
    rnd_input_read(in, (const uint8_t *)odd, raw[0]);
    assert_close(raw[0][1], 0, 0, 0);
    rnd_input_whiten(in, raw[0], 1, x);
    assert_close(x[0], 5, 0, 0);
    rnd_input_free(in);
}

/* Against two passes over everything that was seen; the last element is large and constant, the one
 * before it large and nearly so. */
static void the_scale_is_that_of_everything_seen(void **state)
{
    (void)state;
    enum { ROUNDS = 3, N = 50 };
    struct obs_spec spec = {0};
    struct buf saved;
    int64_t seen[ROUNDS * N][4];
    double raw[N][4];
    struct rng r = rng_stream(4, "test", 0, 0, 0);
    obs_spec_add(&spec, "x", OBS_I64, 1, (int[]){4});
    struct rnd_input *in = rnd_input_create(&spec, 1);
    for (int k = 0; k < ROUNDS; k++) {
        for (int i = k * N; i < (k + 1) * N; i++) {
            seen[i][0] = rng_below(&r, 100);
            seen[i][1] = -(int64_t)rng_below(&r, 7) * k;
            seen[i][2] = 1000000000 + rng_below(&r, 2);
            seen[i][3] = 1000000000;
            rnd_input_read(in, (const uint8_t *)seen[i], raw[i - k * N]);
        }
        rnd_input_learn(in, raw[0], N);
    }
    buf_init(&saved, 1 << 20);
    rnd_input_save(in, &saved);
    for (int e = 0; e < 4; e++) {
        double got[2], mean = 0, m2 = 0;
        for (int i = 0; i < ROUNDS * N; i++)
            mean += (double)seen[i][e] / (ROUNDS * N);
        for (int i = 0; i < ROUNDS * N; i++)
            m2 += ((double)seen[i][e] - mean) * ((double)seen[i][e] - mean);
        memcpy(&got[0], saved.data + 8 + e * 8, 8);
        memcpy(&got[1], saved.data + 8 + 4 * 8 + e * 8, 8);
        assert_close(got[0], mean, 1e-12, 0);
        assert_close(got[1], m2, 1e-6, 1e-6);
    }
    buf_release(&saved);
    rnd_input_free(in);
}

static void a_state_of_an_older_version_is_named(void **state)
{
    (void)state;
    struct reward_model *m = create();
    char older[64] = "RND1";
    assert_err(t->load(m, older, sizeof older, &err), ONIC_EINCOMPATIBLE,
               "the state of reward model rnd is of a version before 0.2.0, whose networks read "
               "observations in another way; begin a new run");
    t->free(m);
}

static void an_environment_without_observations_is_refused(void **state)
{
    (void)state;
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    assert_err(t->create(&m, &cfg, &(struct obs_spec){0}, &err), ONIC_ECONFIG, "rnd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_pays_more_than_what_is_familiar),
        cmocka_unit_test(what_is_not_known_pays_nothing),
        cmocka_unit_test(rewards_are_in_units_of_the_deviation_of_returns),
        cmocka_unit_test(every_environment_is_learned_from),
        cmocka_unit_test(the_share_of_the_steps_is_learned_from),
        cmocka_unit_test(numbers_are_whitened_by_all_that_was_seen),
        cmocka_unit_test(one_absurd_number_does_not_hide_the_others),
        cmocka_unit_test(small_integers_are_names),
        cmocka_unit_test(fields_have_places_of_their_own),
        cmocka_unit_test(names_are_not_numbers),
        cmocka_unit_test(numbers_are_whitened_and_cut_at_five),
        cmocka_unit_test(a_state_of_an_older_version_is_named),
        cmocka_unit_test(the_scale_is_that_of_everything_seen),
        cmocka_unit_test(an_environment_without_observations_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
