/* label: slow timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* The published wheels of NLE before the one that is shipped: 1.0.0, 1.1.0, 1.2.0, fetched by pip
 * into a folder that is removed again. Skipped (77) where they cannot be had and in sanitizer
 * builds, which use the fake library only. */
#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

#include <stdlib.h>
#include <xxhash.h>

#include "actor/envs/nethack/nethack_game.h"
#include "common/base/rng.h"

enum { STEPS = 3000, GAMES = 3 };

static const struct {
    const char *version, *sha256;
    int seeds;
} wheels[] = {
    {"1.0.0", "775fdd005f4f9aa839f7dc56ecee24c0b54b25038c9eab916b7612dbef2431fb", 2},
    {"1.1.0", "b793546d797297e4e092de743e8c0d8caea017f9327ebd724a7f678c2b2604e8", 2},
    {"1.2.0", "ca4b92773c21d02cced445f9bc9127e7548c24145fc5bc9b8eac467198f09955", 3},
};
enum { WHEELS = sizeof wheels / sizeof wheels[0] };

static char dir[256];

/* <dir>/<version>/{libnethack.so,nhdat}; false when the wheel cannot be had. */
static bool fetch(int i)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd %s && mkdir %s && echo 'nle==%s --hash=sha256:%s' >r.txt && "
             "python3 -m pip download --quiet --disable-pip-version-check --retries 1 --timeout 20 "
             "--no-deps --only-binary=:all: --python-version 311 --implementation cp --abi cp311 "
             "--platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --require-hashes "
             "-r r.txt -d %s >pip.log 2>&1 && "
             "unzip -q -j %s/nle-*.whl nle/libnethack.so nle/nethackdir/nhdat -d %s",
             dir, wheels[i].version, wheels[i].version, wheels[i].sha256, wheels[i].version,
             wheels[i].version, wheels[i].version);
    return system(command) == 0;
}

static struct nethack_game *open_game(int i)
{
    char nle[512];
    struct nethack_game *g;
    snprintf(nle, sizeof nle, "%s/%s", dir, wheels[i].version);
    struct nethack_settings settings = {
        .nle = nle,
        .options = "autopickup,color,nolegacy,nosparkle,time,showexp,name:Agent-mon-hum-neu-mal",
        .clock = 1700500000};
    assert_ok(nethack_game_create(&g, &settings, &err));
    return g;
}

/* Random keys over GAMES games; the hash of map and status line after each. */
static uint64_t play(struct nethack_game *g, uint64_t seed)
{
    static const char keys[] = "kjhlyubn.s>,";
    uint64_t hash = 0;
    struct rng r = rng_stream(seed, "old wheels", 0, 0, 0);
    for (int k = 0; k < GAMES; k++) {
        uint64_t seeds[3] = {rng_u64(&r) >> 1, rng_u64(&r) >> 1, rng_u64(&r) >> 1};
        assert_ok(nethack_game_start(g, seeds, true, &err));
        const struct nle_obs *o = nethack_game_obs(g);
        for (int t = 0; t < STEPS && !nethack_game_done(g); t++) {
            int key = o->internal[NLE_IN_XWAIT] ? ' '
                      : o->internal[NLE_IN_YN] || o->internal[NLE_IN_GETLIN]
                          ? 27
                          : keys[rng_below(&r, sizeof keys - 1)];
            nethack_game_key(g, key);
            hash = XXH3_64bits_withSeed(o->glyphs, NLE_CELLS * sizeof o->glyphs[0], hash);
            hash = XXH3_64bits_withSeed(o->blstats, NLE_BLSTATS * sizeof o->blstats[0], hash);
        }
    }
    return hash;
}

static void each_wheel_is_recognised_and_plays_seeded_games(void **state)
{
    (void)state;
    for (int i = 0; i < WHEELS; i++) {
        struct nethack_game *a = open_game(i), *b = open_game(i);
        assert_int_equal(nethack_game_seeds(a), wheels[i].seeds);
        uint64_t first = play(a, 1);
        assert_true(first == play(b, 1));
        assert_true(first == play(a, 1)); /* the copy was unloaded in between */
        assert_true(first != play(b, 2));
        nethack_game_free(a);
        nethack_game_free(b);
    }
}

static void the_two_oldest_play_the_same_games(void **state)
{
    (void)state;
    struct nethack_game *a = open_game(0), *b = open_game(1);
    assert_true(play(a, 3) == play(b, 3));
    nethack_game_free(a);
    nethack_game_free(b);
}

int main(void)
{
    temp_dir_create(dir);
    for (int i = 0; i < WHEELS; i++)
        if (SANITIZED || !fetch(i)) {
            print_message("skipped: the wheel of nle %s cannot be fetched\n", wheels[i].version);
            temp_dir_remove(dir);
            return 77;
        }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wheel_is_recognised_and_plays_seeded_games),
        cmocka_unit_test(the_two_oldest_play_the_same_games),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
