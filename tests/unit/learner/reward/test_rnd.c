/* SPDX-License-Identifier: MIT */
/* test_rnd.c - novelty falls with familiarity, and the error that is paid is the one that is
 * trained on. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_rnd;
static const struct reward_model_type *const t = &reward_model_rnd;

enum { OBS = 16, STEPS = 256 };
static uint8_t obs[STEPS][OBS];
static const uint8_t *row[STEPS];

static struct reward_model *create(void)
{
    struct config cfg;
    struct obs_spec spec = {0};
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    obs_spec_add(&spec, "x", OBS_U8, 1, (int[]){OBS});
    assert_ok(t->create(&m, &cfg, &spec, &err));
    return m;
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
    t->score(m, &(struct reward_batch){.n = STEPS, .obs_after = row}, out);
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
    double loss;
};

static void take(void *ctx, const char *name, double value)
{
    if (strcmp(name, "reward_model/loss") == 0)
        ((struct report *)ctx)->loss = value;
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
    assert_true(last.loss < 0.5 * first.loss); /* the running mean: later errors are far smaller */
    draw(true, 1000);
    score(m, out);
    assert_true(mean_of(out, true) > 5 * mean_of(out, false));
    t->free(m);
}

static void the_end_of_an_episode_pays_nothing(void **state)
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

/* What a checkpoint holds (rnd.c says where) against two passes over everything that was seen; the
 * last element is large and constant, the one before it large and nearly so. */
static void the_scale_is_that_of_everything_seen(void **state)
{
    (void)state;
    enum { ROUNDS = 3, N = 50 };
    struct config cfg;
    struct obs_spec spec = {0};
    struct reward_model *m = NULL;
    struct buf saved;
    int64_t seen[ROUNDS * N][4];
    float out[N];
    struct rng r = rng_stream(4, "test", 0, 0, 0);
    config_defaults(&cfg);
    obs_spec_add(&spec, "x", OBS_I64, 1, (int[]){4});
    assert_ok(t->create(&m, &cfg, &spec, &err));
    for (int k = 0; k < ROUNDS; k++) {
        for (int i = k * N; i < (k + 1) * N; i++) {
            seen[i][0] = rng_below(&r, 100);
            seen[i][1] = -(int64_t)rng_below(&r, 7) * k;
            seen[i][2] = 1000000000 + rng_below(&r, 2);
            seen[i][3] = 1000000000;
            row[i - k * N] = (const uint8_t *)seen[i];
        }
        t->score(m, &(struct reward_batch){.n = N, .obs_after = row}, out);
    }
    buf_init(&saved, 1 << 20);
    t->save(m, &saved);
    for (int e = 0; e < 4; e++) {
        double got[2], mean = 0, m2 = 0;
        for (int i = 0; i < ROUNDS * N; i++)
            mean += (double)seen[i][e] / (ROUNDS * N);
        for (int i = 0; i < ROUNDS * N; i++)
            m2 += ((double)seen[i][e] - mean) * ((double)seen[i][e] - mean);
        memcpy(&got[0], saved.data + 28 + 4 * 8 + e * 8, 8);
        memcpy(&got[1], saved.data + 28 + 4 * 8 + 4 * 8 + e * 8, 8);
        assert_close(got[0], mean, 1e-12, 0);
        assert_close(got[1], m2, 1e-6, 1e-6);
    }
    buf_release(&saved);
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
        cmocka_unit_test(the_end_of_an_episode_pays_nothing),
        cmocka_unit_test(the_scale_is_that_of_everything_seen),
        cmocka_unit_test(an_environment_without_observations_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
