/* SPDX-License-Identifier: MIT */
/* test_vec_env.c - the books of the episodes: seeds, ids, counts, snapshots, and captions made
 * unique for benchmarks. */
#include <stdlib.h>

#include "actor/envs/open.h"
#include "actor/envs/progress.h"
#include "actor/envs/vec_env.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "tests/onic_test.h"
#include "tests/support/said.h"

enum { E_MAX = 8 };

static struct config cfg;
static int64_t fake_ns;

static int64_t fake_clock(void)
{
    return fake_ns;
}

static int defaults(void **state)
{
    (void)state;
    config_defaults(&cfg);
    snprintf(cfg.env_id, sizeof cfg.env_id, "minigrid:KeyCorridorS3R1");
    return 0;
}

struct world {
    struct vec_env *v;
    int E;
    size_t obs_bytes;
    uint8_t *obs;
    struct env_result r[E_MAX];
    uint32_t rng;
};

static void open_world(struct world *w, int actor, int count)
{
    memset(w, 0, sizeof *w);
    assert_ok(vec_env_open(&w->v, &cfg, actor, count, &err));
    w->E = count;
    w->obs_bytes = vec_env_spec(w->v)->obs.obs_bytes;
    w->obs = calloc((size_t)count, w->obs_bytes);
    w->rng = 17;
    assert_ok(vec_env_reset_all(w->v, w->obs, w->r, &err));
}

static void close_world(struct world *w)
{
    vec_env_free(w->v);
    free(w->obs);
}

static void step_world(struct world *w)
{
    union action_cell action[E_MAX];
    for (int i = 0; i < w->E; i++) {
        w->rng = w->rng * 1664525U + 1013904223U;
        action[i].choice = (int32_t)((uint64_t)w->rng * 7 >> 32);
    }
    assert_ok(vec_env_step(w->v, action, w->obs, w->r, &err));
}

static void reset_ended(struct world *w)
{
    for (int i = 0; i < w->E; i++)
        if (vec_env_episode(w->v, i)->ended)
            assert_ok(
                vec_env_reset_one(w->v, i, w->obs + (size_t)i * w->obs_bytes, &w->r[i], &err));
}

/* An episode is what a lone environment does with the episode's seed: so it can be replayed. */
static void every_episode_follows_from_its_seed(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 3, 4);
    for (int t = 0; t < 600; t++) {
        step_world(&w);
        reset_ended(&w);
    }
    struct env *alone;
    assert_ok(env_create(&alone, cfg.env_id, &cfg, 0, &err));
    uint8_t obs[152];
    struct env_result r;
    for (int i = 0; i < 4; i++) {
        assert_ok(vec_env_reset_one(w.v, i, w.obs + (size_t)i * w.obs_bytes, &w.r[i], &err));
        alone->family->seed(alone, vec_env_episode(w.v, i)->seed);
        assert_ok(alone->family->reset(alone, obs, &r, &err));
        assert_memory_equal(obs, w.obs + (size_t)i * w.obs_bytes, w.obs_bytes);
    }
    env_free(alone);
    close_world(&w);
}

static void seeds_and_ids_differ_between_actors_environments_and_episodes(void **state)
{
    (void)state;
    struct strmap *seen = strmap_create(64);
    for (int actor = 0; actor < 3; actor++) {
        struct world w;
        open_world(&w, actor, 3);
        for (int episode = 0; episode < 3; episode++) {
            for (int i = 0; i < 3; i++) {
                const struct vec_episode *ep = vec_env_episode(w.v, i);
                bool new_id, new_seed;
                strmap_put(seen, &ep->id, sizeof ep->id, &new_id);
                strmap_put(seen, &ep->seed, sizeof ep->seed, &new_seed);
                assert_true(new_id && new_seed);
                struct rng s = rng_stream((uint64_t)cfg.run_seed, "env", (uint64_t)actor,
                                          (uint64_t)i, (uint64_t)episode);
                assert_true(ep->seed == rng_u64(&s));
            }
            assert_ok(vec_env_reset_all(w.v, w.obs, w.r, &err));
        }
        close_world(&w);
    }
    strmap_free(seen);
}

static void numbering_from_n_skips_n_episodes(void **state)
{
    (void)state;
    struct world a, b;
    open_world(&a, 0, 2);
    open_world(&b, 0, 2);
    assert_ok(vec_env_reset_all(a.v, a.obs, a.r, &err));
    assert_ok(vec_env_reset_all(a.v, a.obs, a.r, &err));
    vec_env_number_episodes_from(b.v, 2);
    assert_ok(vec_env_reset_all(b.v, b.obs, b.r, &err));
    assert_true(vec_env_episode(a.v, 1)->seed == vec_env_episode(b.v, 1)->seed);
    assert_true(vec_env_episode(a.v, 1)->id == vec_env_episode(b.v, 1)->id);
    close_world(&a);
    close_world(&b);
}

static void captions_are_counted_within_an_episode(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "corridor");
    struct world w;
    open_world(&w, 0, 1);
    const struct vec_episode *ep = vec_env_episode(w.v, 0);
    const union action_cell left = {0}, right = {1};
    assert_int_equal(ep->caption_count, 0);
    for (int n = 1; n <= 3; n++) {
        assert_ok(vec_env_step(w.v, &left, w.obs, w.r, &err));
        assert_string_equal(w.r[0].caption, "You bump into a wall.");
        assert_int_equal(ep->caption_count, n);
    }
    assert_ok(vec_env_step(w.v, &right, w.obs, w.r, &err)); /* another caption, or none */
    assert_int_equal(ep->caption_count, w.r[0].caption_len ? 1 : 0);
    assert_ok(vec_env_reset_one(w.v, 0, w.obs, w.r, &err));
    assert_int_equal(ep->caption_count, 0);
    assert_ok(vec_env_step(w.v, &left, w.obs, w.r, &err));
    assert_int_equal(ep->caption_count, 1);
    close_world(&w);
}

static void counts_saturate_at_sixteen_bits(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "corridor");
    cfg.env_max_steps = 100000;
    struct world w;
    open_world(&w, 0, 1);
    const union action_cell left = {0};
    for (int n = 1; n <= 65540; n++)
        assert_ok(vec_env_step(w.v, &left, w.obs, w.r, &err));
    assert_int_equal(vec_env_episode(w.v, 0)->caption_count, 65535);
    close_world(&w);
}

static void the_row_of_an_episode_adds_up(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "corridor:8");
    struct world w;
    open_world(&w, 0, 2);
    float row[4];
    /* right and open in turn reach the end; left never does. */
    int steps = 0;
    for (; !vec_env_episode(w.v, 1)->ended; steps++)
        assert_ok(vec_env_step(w.v, (const union action_cell[]){{0}, {steps % 2 ? 1 : 2}}, w.obs,
                               w.r, &err));
    assert_true(vec_env_episode(w.v, 1)->success);
    vec_env_episode_row(w.v, 1, row);
    assert_close(row[0], 1, 0, 0);
    assert_close(row[1], steps, 0, 0);
    assert_close(row[2], 1, 0, 0);
    assert_close(row[3], 1, 0, 0);
    vec_env_episode_row(w.v, 0, row);
    assert_close(row[0], 0, 0, 0);
    assert_close(row[2], 0, 0, 0);
    close_world(&w);
}

static void a_snapshot_restores_the_books_and_the_world(void **state)
{
    (void)state;
    struct world a, b;
    open_world(&a, 0, 3);
    open_world(&b, 0, 3);
    size_t n = vec_env_snapshot_bytes(a.v);
    assert_true(n > 0);
    uint8_t *snapshot = malloc(n), *again = malloc(n);
    for (int t = 0; t < 100; t++) {
        step_world(&a);
        reset_ended(&a);
    }
    for (int i = 0; i < 3; i++) {
        vec_env_save(a.v, i, snapshot);
        assert_ok(vec_env_load(b.v, i, snapshot, b.obs + (size_t)i * b.obs_bytes, &err));
        vec_env_save(b.v, i, again);
        assert_memory_equal(snapshot, again, n);
    }
    assert_memory_equal(a.obs, b.obs, 3 * a.obs_bytes);
    b.rng = a.rng;
    for (int t = 0; t < 1000; t++) {
        step_world(&a);
        step_world(&b);
        assert_memory_equal(a.obs, b.obs, 3 * a.obs_bytes);
        for (int i = 0; i < 3; i++) {
            const struct vec_episode *x = vec_env_episode(a.v, i), *y = vec_env_episode(b.v, i);
            assert_string_equal(a.r[i].caption, b.r[i].caption);
            assert_int_equal(x->caption_count, y->caption_count);
            assert_true(x->id == y->id && x->seed == y->seed && x->steps == y->steps &&
                        x->ended == y->ended && x->ret == y->ret);
        }
        reset_ended(&a);
        reset_ended(&b);
    }
    snapshot[0] ^= 1;
    assert_err(vec_env_load(b.v, 0, snapshot, b.obs, &err), ONIC_EDAMAGED, "snapshot");
    free(snapshot);
    free(again);
    close_world(&a);
    close_world(&b);
}

static void stepping_allocates_nothing(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 0, 8);
    for (int t = 0; t < 2000; t++) {
        step_world(&w);
        reset_ended(&w);
    }
    uint64_t before = xmalloc_calls();
    for (int t = 0; t < 2000; t++) {
        step_world(&w);
        reset_ended(&w);
    }
    assert_true(xmalloc_calls() == before);
    close_world(&w);
}

static void unique_captions_come_at_the_given_rate(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "corridor");
    cfg.bench_captions_per_s = 50;
    cfg.env_max_steps = 1000000;
    fake_ns = 1;
    clock_replace(fake_clock);
    struct world w;
    open_world(&w, 2, 1);
    struct strmap *texts = strmap_create(1024);
    const union action_cell left = {0};
    int unique = 0;
    for (int t = 0; t < 10000; t++) { /* ten seconds, a caption every millisecond */
        fake_ns += 1000000;
        assert_ok(vec_env_step(w.v, &left, w.obs, w.r, &err));
        assert_int_equal(w.r[0].caption_len, strlen(w.r[0].caption));
        if (strcmp(w.r[0].caption, "You bump into a wall.") == 0)
            continue;
        assert_non_null(strstr(w.r[0].caption, "You bump into a wall. #"));
        bool fresh;
        strmap_put(texts, w.r[0].caption, (size_t)w.r[0].caption_len, &fresh);
        assert_true(fresh);
        if (unique < VEC_CAPTIONS_SAVED - 1)
            assert_int_equal(vec_env_episode(w.v, 0)->caption_count, 1);
        unique++;
    }
    assert_in_range(unique, 499, 501);
    strmap_free(texts);
    close_world(&w);
    clock_replace(NULL);
}

static void open_bad(struct world *w, const char *how)
{
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "%s/tests/plugin_bad.so", getenv("ONIC_BUILD"));
    snprintf(cfg.env_id, sizeof cfg.env_id, "bad");
    setenv("PLUGIN_BAD", how, 1);
    memset(w, 0, sizeof *w);
    assert_ok(vec_env_open(&w->v, &cfg, 0, 2, &err));
    w->E = 2;
    w->obs_bytes = vec_env_spec(w->v)->obs.obs_bytes;
    w->obs = calloc(2, w->obs_bytes);
}

/* A reward that is no number costs its episode, not the trajectory or the actor; also where the
 * observation holds no number that could be none. */
static void what_no_policy_can_use_breaks_the_episode(void **state)
{
    (void)state;
    static const char *const rewards[] = {"nan", "infinite", "huge sum", "failed nan", "failed"};
    const union action_cell action[2] = {{0}, {1}};
    for (int k = 0; k < 10; k++) {
        struct world w;
        snprintf(cfg.env_obs, sizeof cfg.env_obs, "%s", k < 5 ? "all" : "a");
        open_bad(&w, rewards[k % 5]);
        assert_int_equal(vec_env_spec(w.v)->obs.nfields, k < 5 ? 2 : 1);
        assert_ok(vec_env_reset_all(w.v, w.obs, w.r, &err));
        said_begin(LOG_WARN);
        assert_ok(vec_env_step(w.v, action, w.obs, w.r, &err));
        assert_said(
            "an environment broke; its episode counts as cut off env=\"bad\" environment=0");
        said_end();
        for (int i = 0; i < 2; i++) {
            assert_true(w.r[i].failed && !w.r[i].terminated && !w.r[i].truncated);
            assert_true(w.r[i].reward == 0 && vec_env_episode(w.v, i)->ret == 0);
            assert_true(vec_env_episode(w.v, i)->ended);
            assert_ok(vec_env_reset_one(w.v, i, w.obs + (size_t)i * w.obs_bytes, &w.r[i], &err));
        }
        close_world(&w);
    }
    unsetenv("PLUGIN_BAD");
}

/* An environment that is never of use is one sentence, not a loop. */
static void what_is_broken_from_the_start_is_an_error(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"nan observed", "of the observation is not finite"},
                                           {"absurd observed",
                                            "of the observation holds 3e+38, more "
                                            "than anything that is measured"},
                                           {"all forbidden", "the mask forbids every option"}};
    for (int k = 0; k < 3; k++) {
        struct world w;
        open_bad(&w, cases[k][0]);
        assert_err(vec_env_reset_all(w.v, w.obs, w.r, &err), ONIC_ECONFIG, cases[k][1]);
        assert_err(vec_env_reset_all(w.v, w.obs, w.r, &err), ONIC_ECONFIG,
                   "bad is broken at the start of 100 episodes in a row");
        close_world(&w);
    }
    unsetenv("PLUGIN_BAD");
}

/* Who draws for all environments at once draws for those that are over too. */
static void where_an_episode_is_over_nothing_is_forbidden(void **state)
{
    (void)state;
    struct world w;
    struct rng rng = rng_stream(1, "test", 0, 0, 0);
    snprintf(cfg.env_id, sizeof cfg.env_id, "tiles");
    open_world(&w, 0, 2);
    const uint8_t *mask = vec_env_mask(w.v);
    assert_int_equal(mask[0], 0x3f);
    for (int t = 0; t < 6; t++) {
        union action_cell action[2] = {{0}, {ACTION_NONE}};
        vec_env_random_action(w.v, 0, &rng, &action[0]);
        assert_true(action_mask_get(mask, action[0].choice));
        assert_ok(vec_env_step(w.v, action, w.obs, w.r, &err));
        assert_int_equal(__builtin_popcount(mask[0]), t == 5 ? 6 : 5 - t);
        assert_int_equal(mask[1], 0x3f); /* the other one was left alone */
    }
    assert_true(w.r[0].terminated);
    close_world(&w);
}

static void statistics_are_finite(void **state)
{
    (void)state;
    struct world w;
    float row[5];
    open_bad(&w, "nan statistic");
    assert_ok(vec_env_reset_all(w.v, w.obs, w.r, &err));
    vec_env_episode_row(w.v, 0, row);
    assert_true(row[4] == 0.0f);
    close_world(&w);
    unsetenv("PLUGIN_BAD");
}

/* A step's caption is one that never came before; what N^-3 of its count would be paid. */
static double step_into_the_wall(struct world *w)
{
    const union action_cell left = {0};
    fake_ns += 1000000000;
    assert_ok(vec_env_step(w->v, &left, w->obs, w->r, &err));
    return pow((double)vec_env_episode(w->v, 0)->caption_count, -3);
}

/* However many captions an episode has: the table's, and about 1.2 per shared counter. */
static void captions_beyond_the_table_are_not_paid_for_ever(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "corridor");
    cfg.bench_captions_per_s = 1000;
    cfg.env_max_steps = 1000000;
    fake_ns = 1;
    clock_replace(fake_clock);
    struct world a;
    double paid = 0;
    open_world(&a, 2, 1);
    for (int t = 0; t < 20000; t++)
        paid += step_into_the_wall(&a);
    assert_true(paid > VEC_CAPTIONS_SAVED && paid < VEC_CAPTIONS_SAVED + 64 * 1.3);
    uint8_t *snapshot = malloc(vec_env_snapshot_bytes(a.v));
    vec_env_save(a.v, 0, snapshot);
    assert_ok(vec_env_reset_one(a.v, 0, a.obs, a.r, &err));
    assert_close(step_into_the_wall(&a), 1, 0, 0);
    assert_ok(vec_env_load(a.v, 0, snapshot, a.obs, &err));
    assert_true(step_into_the_wall(&a) < 1e-3); /* also after a resume */
    free(snapshot);
    close_world(&a);
    clock_replace(NULL);
}

static void a_bad_id_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    snprintf(cfg.env_id, sizeof cfg.env_id, "minigrid:Nowhere");
    struct vec_env *v = (struct vec_env *)&cfg;
    assert_err(vec_env_open(&v, &cfg, 0, 4, &err), ONIC_ECONFIG, "Nowhere");
    assert_null(v);
}

static void count_sign(void *count)
{
    ++*(int *)count;
    env_progress_ask();
}

/* The members of a vector may be slow, and there may be many. */
static void each_result_is_a_sign_of_life_that_may_be_asked_for(void **state)
{
    (void)state;
    struct world w;
    int signs = 0;
    open_world(&w, 0, E_MAX);
    env_progress_to(count_sign, &signs);
    step_world(&w);
    assert_int_equal(signs, 0);
    reset_ended(&w);
    env_progress_ask();
    step_world(&w);
    assert_int_equal(signs, E_MAX);
    env_progress_to(NULL, NULL);
    env_progress_if_asked();
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_episode_follows_from_its_seed, defaults),
        cmocka_unit_test_setup(seeds_and_ids_differ_between_actors_environments_and_episodes,
                               defaults),
        cmocka_unit_test_setup(numbering_from_n_skips_n_episodes, defaults),
        cmocka_unit_test_setup(captions_are_counted_within_an_episode, defaults),
        cmocka_unit_test_setup(counts_saturate_at_sixteen_bits, defaults),
        cmocka_unit_test_setup(the_row_of_an_episode_adds_up, defaults),
        cmocka_unit_test_setup(a_snapshot_restores_the_books_and_the_world, defaults),
        cmocka_unit_test_setup(stepping_allocates_nothing, defaults),
        cmocka_unit_test_setup(each_result_is_a_sign_of_life_that_may_be_asked_for, defaults),
        cmocka_unit_test_setup(unique_captions_come_at_the_given_rate, defaults),
        cmocka_unit_test_setup(what_no_policy_can_use_breaks_the_episode, defaults),
        cmocka_unit_test_setup(what_is_broken_from_the_start_is_an_error, defaults),
        cmocka_unit_test_setup(where_an_episode_is_over_nothing_is_forbidden, defaults),
        cmocka_unit_test_setup(statistics_are_finite, defaults),
        cmocka_unit_test_setup(captions_beyond_the_table_are_not_paid_for_ever, defaults),
        cmocka_unit_test_setup(a_bad_id_is_an_error_and_leaves_nothing, defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
