/* SPDX-License-Identifier: MIT */
/* The NetHack environment over the real library of the nle wheel, where it has been fetched;
 * skipped otherwise, and in sanitizer builds, which use the fake library only. */
#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "actor/envs/env.h"
#include "actor/envs/nethack/bare_loop.h"
#include "actor/envs/nethack/nethack_game.h"
#include "actor/envs/nethack/nle_load.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"

enum { GAMES_MAX = 16 };

struct games {
    struct config cfg;
    int count;
    struct env *e[GAMES_MAX];
    uint8_t *obs[GAMES_MAX];
    struct env_result r[GAMES_MAX];
    uint64_t hash[GAMES_MAX]; /* over all observations, rewards and captions */
    int ended[GAMES_MAX];
};

static void require_the_wheel(void)
{
    struct nle_files files;
    struct onic_err err;
    if (SANITIZED) {
        print_message("skipped: sanitizer builds use the fake library\n");
        skip();
    }
    if (nle_files_find(&files, "", &err) != ONIC_OK) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
}

static void digest(struct games *g, int i)
{
    uint64_t h = XXH3_64bits_withSeed(g->obs[i], g->e[i]->spec.obs.obs_bytes, g->hash[i]);
    h = XXH3_64bits_withSeed(&g->r[i].reward, sizeof g->r[i].reward, h);
    g->hash[i] = XXH3_64bits_withSeed(g->r[i].caption, (size_t)g->r[i].caption_len, h);
}

static void games_open(struct games *g, const char *id, int count, int actions, uint64_t seed)
{
    memset(g, 0, sizeof *g);
    config_defaults(&g->cfg);
    g->cfg.env_actions = actions;
    g->count = count;
    for (int i = 0; i < count; i++) {
        assert_ok(env_create(&g->e[i], id, &g->cfg, i, &err));
        g->obs[i] = calloc(1, g->e[i]->spec.obs.obs_bytes);
        g->e[i]->family->seed(g->e[i], seed + (uint64_t)i);
        assert_ok(g->e[i]->family->reset(g->e[i], g->obs[i], &g->r[i], &err));
        digest(g, i);
    }
}

/* Uniform random actions; the stream of game i depends on its seed only. */
static void games_play(struct games *g, int steps, uint64_t seed)
{
    struct rng r[GAMES_MAX];
    for (int i = 0; i < g->count; i++)
        r[i] = rng_stream(seed + (uint64_t)i, "test actions", 0, 0, 0);
    for (int t = 0; t < steps; t++)
        for (int i = 0; i < g->count; i++) {
            int action = (int)rng_below(&r[i], (uint32_t)g->e[i]->spec.actions.n);
            assert_ok(g->e[i]->family->step(g->e[i], action, g->obs[i], &g->r[i], &err));
            digest(g, i);
            assert_false(g->r[i].failed);
            if (!g->r[i].terminated && !g->r[i].truncated)
                continue;
            g->ended[i]++;
            assert_ok(g->e[i]->family->reset(g->e[i], g->obs[i], &g->r[i], &err));
            digest(g, i);
        }
}

static void games_close(struct games *g)
{
    for (int i = 0; i < g->count; i++) {
        env_free(g->e[i]);
        free(g->obs[i]);
    }
}

static void equal_seeds_and_actions_give_equal_games_over_three_episodes(void **state)
{
    (void)state;
    require_the_wheel();
    struct games a, b, c;
    games_open(&a, "nethack:Score", 1, 28, 11);
    games_play(&a, 3000, 5);
    assert_true(a.ended[0] >= 3);
    games_open(&b, "nethack:Score", 1, 28, 11);
    games_play(&b, 3000, 5);
    assert_true(a.hash[0] == b.hash[0]);
    assert_int_equal(a.ended[0], b.ended[0]);
    games_open(&c, "nethack:Score", 1, 28, 12);
    games_play(&c, 3000, 5);
    assert_true(a.hash[0] != c.hash[0]);
    games_close(&a);
    games_close(&b);
    games_close(&c);
}

static void sixteen_games_in_one_process_play_as_each_alone(void **state)
{
    (void)state;
    require_the_wheel();
    struct games all, alone;
    games_open(&all, "nethack:Score", 16, 23, 100);
    games_play(&all, 600, 7);
    int picks[] = {0, 7, 15};
    for (int k = 0; k < 3; k++) {
        games_open(&alone, "nethack:Score", 1, 23, 100 + (uint64_t)picks[k]);
        games_play(&alone, 600, 7 + (uint64_t)picks[k]);
        assert_true(alone.hash[0] == all.hash[picks[k]]);
        games_close(&alone);
    }
    games_close(&all);
}

/* Another date changes the game when it is let through: 1700000000 is a new moon, which the first
 * message says. */
static void the_game_sees_the_frozen_clock(void **state)
{
    (void)state;
    require_the_wheel();
    struct games g;
    games_open(&g, "nethack:Score", 1, 23, 1);
    assert_non_null(strstr(g.r[0].caption, "welcome to NetHack"));
    assert_null(strstr(g.r[0].caption, "moon"));
    games_close(&g);
    struct env *e;
    g.cfg.env_clock = 1700000000;
    assert_ok(env_create(&e, "nethack:Score", &g.cfg, 0, &err));
    uint8_t *obs = calloc(1, e->spec.obs.obs_bytes);
    struct env_result r;
    e->family->seed(e, 1);
    assert_ok(e->family->reset(e, obs, &r, &err));
    assert_non_null(strstr(r.caption, "New moon tonight"));
    free(obs);
    env_free(e);
}

static long resident_kib(void)
{
    long pages = 0, size = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &pages), 2);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void resets_unload_the_library_and_leak_little(void **state)
{
    (void)state;
    require_the_wheel();
    struct games g;
    games_open(&g, "nethack:Score", 1, 23, 1);
    for (int k = 0; k < 40; k++) /* warm up the allocator */
        assert_ok(g.e[0]->family->reset(g.e[0], g.obs[0], &g.r[0], &err));
    long before = resident_kib();
    for (int k = 0; k < 200; k++) /* a copy that stays loaded would fail the reset */
        assert_ok(g.e[0]->family->reset(g.e[0], g.obs[0], &g.r[0], &err));
    long grown = resident_kib() - before;
    print_message("200 resets: %ld KiB more\n", grown);
    assert_true(grown < 200 * 16); /* a copy left behind would be 560 KiB each */
    games_close(&g);
}

static void the_first_observation_is_a_standing_monk(void **state)
{
    (void)state;
    require_the_wheel();
    struct games g;
    games_open(&g, "nethack:StaircaseLvl2", 1, 28, 3);
    const struct obs_spec *s = &g.e[0]->spec.obs;
    const int64_t *b = (const int64_t *)(g.obs[0] + obs_spec_find(s, "blstats")->offset);
    const int16_t *glyphs = (const int16_t *)(g.obs[0] + obs_spec_find(s, "glyphs")->offset);
    assert_int_equal(b[12], 1); /* depth */
    assert_int_equal(b[18], 1); /* level */
    assert_int_equal(b[20], 1); /* turn */
    int monk = glyphs[b[1] * 79 + b[0]];
    assert_true(monk >= 0 &&
                monk < 381); /* a monster glyph where the status line says the hero is */
    games_close(&g);
}

static void the_oracle_has_the_glyph_that_its_tasks_look_for(void **state)
{
    (void)state;
    require_the_wheel();
    struct nethack_game *g;
    struct nethack_settings settings = {.nle = "", .options = "name:Agent-mon-hum-neu-mal"};
    assert_ok(nethack_game_create(&g, &settings, &err));
    assert_ok(nethack_game_start(g, (uint64_t[]){1, 2, 3}, true, &err));
    const char *mons = nethack_game_object(g, "mons"); /* a table; each entry begins with a name */
    const char *name;
    memcpy(&name, mons + (size_t)NLE_GLYPH_ORACLE * (NLE_MONS_BYTES / 382), sizeof name);
    assert_string_equal(name, "Oracle");
    nethack_game_free(g);
}

static void every_task_plays(void **state)
{
    (void)state;
    require_the_wheel();
    static const char *const ids[] = {"nethack:Gold", "nethack:Oracle", "nethack:OracleSober",
                                      "nethack:StaircaseLvl2-Continual"};
    for (int i = 0; i < 4; i++) {
        struct games g;
        games_open(&g, ids[i], 1, 28, 21);
        games_play(&g, 300, 9);
        games_close(&g);
    }
}

static void the_bare_loop_plays(void **state)
{
    (void)state;
    require_the_wheel();
    struct config cfg;
    struct bare_loop_result r;
    config_defaults(&cfg);
    struct bare_loop_params p = {.nle = cfg.env_nle,
                                 .clock = cfg.env_clock,
                                 .actions = (int)cfg.env_actions,
                                 .seed = (uint64_t)cfg.run_seed,
                                 .games = 2,
                                 .steps = 1000};
    assert_ok(nethack_bare_loop(&r, &p, &err));
    assert_int_equal(r.agent_steps, 2000);
    assert_true(r.keys >= 2000 && r.wall_s > 0 && r.cpu_s > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_seeds_and_actions_give_equal_games_over_three_episodes),
        cmocka_unit_test(sixteen_games_in_one_process_play_as_each_alone),
        cmocka_unit_test(the_game_sees_the_frozen_clock),
        cmocka_unit_test(resets_unload_the_library_and_leak_little),
        cmocka_unit_test(the_first_observation_is_a_standing_monk),
        cmocka_unit_test(the_oracle_has_the_glyph_that_its_tasks_look_for),
        cmocka_unit_test(every_task_plays),
        cmocka_unit_test(the_bare_loop_plays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
