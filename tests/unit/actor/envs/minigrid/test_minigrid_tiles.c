/* SPDX-License-Identifier: MIT */
/* test_minigrid_tiles.c - the picture of the agent's view is, byte for byte, the one of the
 * published Python package; see tests/golden/make_minigrid_tiles.py for the format of the
 * recording. */
#include <stdlib.h>

#include "actor/envs/minigrid/minigrid.h"
#include "common/base/xmalloc.h"
#include "tests/onic_test.h"

enum { STATES = 3 };

static FILE *recording;

static uint64_t hash_start(void)
{
    return 0xCBF29CE484222325ULL;
}

static void hash_more(uint64_t *hash, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        *hash = (*hash ^ p[i]) * 0x100000001B3ULL;
}

static int tiles_setup(void **state)
{
    (void)state;
    recording = fopen("tests/golden/minigrid_tiles.txt", "r");
    return recording ? 0 : -1;
}

static int tiles_teardown(void **state)
{
    (void)state;
    return fclose(recording);
}

static uint64_t hash_of_type(int side, unsigned type)
{
    const struct mg_tiles *t = mg_tiles_get(side);
    uint64_t hash = hash_start();
    for (unsigned color = 0; color < MG_COLORS; color++)
        for (unsigned door = 0; door < STATES; door++)
            for (int agent = 0; agent < 2; agent++)
                hash_more(&hash, mg_tile(t, MG_CELL(type, color, door), agent),
                          (size_t)(3 * side * side));
    return hash;
}

static void every_tile_is_the_packages(void **state)
{
    char line[200];
    int side, sizes = 0;
    unsigned type;
    unsigned long long want;
    (void)state;
    rewind(recording);
    while (fgets(line, sizeof line, recording))
        if (sscanf(line, "tiles %d %u %llx", &side, &type, &want) == 3) {
            if (hash_of_type(side, type) != want)
                fail_msg("tiles of type %u, %d pixels, are not the package's", type, side);
            sizes += type == 0;
        }
    assert_int_equal(sizes, 5);
}

static void step_view(struct env *e, uint64_t *random, uint8_t *obs, uint64_t *hash)
{
    struct env_result r;
    size_t bytes = e->spec.obs.field[0].bytes;
    uint64_t z = *random += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    assert_ok(
        env_step(e, &(union action_cell){.choice = (int)((z >> 32) * 7 >> 32)}, obs, &r, &err));
    hash_more(hash, obs, bytes);
    if (!r.terminated && !r.truncated)
        return;
    assert_ok(e->family->reset(e, obs, &r, &err));
    hash_more(hash, obs, bytes);
}

static uint64_t hash_of_view(const char *name, uint64_t seed, int steps, int side)
{
    static struct config cfg;
    struct env *e;
    struct env_result r;
    char id[ENV_ID_MAX];
    config_defaults(&cfg);
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "pixels");
    cfg.env_tile = side;
    snprintf(id, sizeof id, "minigrid:%s", name);
    assert_ok(env_create(&e, id, &cfg, 0, &err));
    assert_string_equal(e->spec.default_net, "pixels");
    uint8_t *obs = xmalloc(e->spec.obs.obs_bytes);
    uint64_t hash = hash_start(), random = seed;
    e->family->seed(e, seed);
    assert_ok(e->family->reset(e, obs, &r, &err));
    hash_more(&hash, obs, e->spec.obs.field[0].bytes);
    for (int i = 0; i < steps; i++)
        step_view(e, &random, obs, &hash);
    free(obs);
    env_free(e);
    return hash;
}

static void what_the_agent_sees_is_the_packages_picture(void **state)
{
    char line[200], name[ENV_ID_MAX];
    int steps, side, views = 0;
    unsigned long long seed, want;
    (void)state;
    rewind(recording);
    while (fgets(line, sizeof line, recording))
        if (sscanf(line, "view %63s %llu %d %d %llx", name, &seed, &steps, &side, &want) == 5) {
            if (hash_of_view(name, seed, steps, side) != want)
                fail_msg("the view of %s, %d pixels a tile, is not the package's", name, side);
            views++;
        }
    assert_int_equal(views, 4);
}

/* Which fields there are: those that are asked for, and for the network pixels, the picture. */
static void the_picture_is_a_field(void **state)
{
    static struct config cfg;
    struct env *e;
    (void)state;
    config_defaults(&cfg);
    snprintf(cfg.policy_net, sizeof cfg.policy_net, "pixels");
    assert_ok(env_create(&e, "minigrid:Empty-5x5", &cfg, 0, &err));
    assert_int_equal(e->spec.obs.nfields, 1);
    assert_string_equal(e->spec.obs.field[0].name, "pixels");
    assert_int_equal(e->spec.obs.field[0].shape[0], 56);
    env_free(e);
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "all");
    assert_ok(env_create(&e, "minigrid:Empty-5x5", &cfg, 0, &err));
    assert_int_equal(e->spec.obs.nfields, 3);
    assert_string_equal(e->spec.default_net, "grid-small");
    env_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_is_the_packages),
        cmocka_unit_test(what_the_agent_sees_is_the_packages_picture),
        cmocka_unit_test(the_picture_is_a_field),
    };
    return cmocka_run_group_tests(tests, tiles_setup, tiles_teardown);
}
