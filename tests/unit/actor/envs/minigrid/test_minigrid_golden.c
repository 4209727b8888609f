/* SPDX-License-Identifier: MIT */
/* test_minigrid_golden.c - every task replays what the published Python package did; see
 * tests/golden/make_minigrid.py for the format of the recording. */
#include <stdlib.h>

#include "actor/envs/env.h"
#include "common/base/strmap.h"
#include "tests/onic_test.h"

enum { LINE_MAX_BYTES = 8192, MIN_RANDOM = 3, MIN_SOLVED = 20 };

/* Captions met in all replays, with the number of times. */
static struct strmap *captions;

struct replay {
    struct env *env;
    uint8_t obs[160];
    struct env_result result;
    uint64_t hash;
};

static void hash_bytes(struct replay *r, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++)
        r->hash = (r->hash ^ p[i]) * 0x100000001B3ULL;
}

static void hash_step(struct replay *r)
{
    if (r->result.caption_len)
        ++*strmap_put(captions, r->result.caption, (size_t)r->result.caption_len, NULL);
    uint8_t flags[2] = {r->result.terminated, r->result.truncated};
    hash_bytes(r, r->obs, 148); /* image and direction are the first fields */
    hash_bytes(r, &r->result.reward, sizeof r->result.reward);
    hash_bytes(r, flags, sizeof flags);
}

static void begin(struct replay *r, const char *name, uint64_t seed)
{
    static struct config cfg;
    config_defaults(&cfg);
    char id[ENV_ID_MAX];
    snprintf(id, sizeof id, "minigrid:%s", name);
    assert_ok(env_create(&r->env, id, &cfg, 0, &err));
    assert_int_equal(r->env->spec.obs.obs_bytes, 152);
    r->hash = 0xCBF29CE484222325ULL;
    r->env->family->seed(r->env, seed);
    assert_ok(r->env->family->reset(r->env, r->obs, &r->result, &err));
    hash_step(r);
}

static void step(struct replay *r, int action)
{
    assert_ok(r->env->family->step(r->env, action, r->obs, &r->result, &err));
    hash_step(r);
}

static int splitmix_action(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    return (int)((z >> 32) * 7 >> 32);
}

static void check_hash(const struct replay *r, const char *what, uint64_t seed, uint64_t want)
{
    if (r->hash != want) {
        print_error("%s, seed %llu: %016llx, recorded %016llx\n", what, (unsigned long long)seed,
                    (unsigned long long)r->hash, (unsigned long long)want);
        fail();
    }
}

static void replay_random(const char *name, uint64_t seed, int steps, int episodes, uint64_t want)
{
    struct replay r;
    begin(&r, name, seed);
    uint64_t state = seed;
    int ended = 0;
    for (int t = 0; t < steps; t++) {
        step(&r, splitmix_action(&state));
        if (r.result.terminated || r.result.truncated) {
            ended++;
            assert_ok(r.env->family->reset(r.env, r.obs, &r.result, &err));
            hash_step(&r);
        }
    }
    assert_int_equal(ended, episodes);
    check_hash(&r, name, seed, want);
    env_free(r.env);
}

static void replay_solved(const char *name, uint64_t seed, double reward, uint64_t want,
                          const char *actions)
{
    struct replay r;
    begin(&r, name, seed);
    for (const char *a = actions; *a >= '0' && *a <= '6'; a++) {
        assert_false(r.result.terminated);
        step(&r, *a - '0');
    }
    assert_true(r.result.terminated && r.result.success);
    assert_true(r.result.reward == reward && reward > 0);
    check_hash(&r, name, seed, want);
    env_free(r.env);
}

/* Replays the lines of one task and counts them. */
static void replay_task(const char *wanted, FILE *f, int *random, int *solved)
{
    static char line[LINE_MAX_BYTES], actions[LINE_MAX_BYTES];
    char name[ENV_ID_MAX];
    unsigned long long seed, hash;
    int steps, episodes;
    double reward;
    *random = *solved = 0;
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "random %63s %llu %d %d %llx", name, &seed, &steps, &episodes, &hash) ==
                5 &&
            strcmp(name, wanted) == 0) {
            assert_true(steps >= 20000);
            replay_random(name, seed, steps, episodes, hash);
            ++*random;
        } else if (sscanf(line, "solved %63s %llu %lf %llx %8191s", name, &seed, &reward, &hash,
                          actions) == 5 &&
                   strcmp(name, wanted) == 0) {
            replay_solved(name, seed, reward, hash, actions);
            ++*solved;
        }
    }
}

static void every_task_replays_the_package_bit_for_bit(void **state)
{
    (void)state;
    FILE *f = fopen("tests/golden/minigrid.txt", "r");
    assert_non_null(f);
    const struct env_family *family;
    const char *name;
    assert_ok(env_find("minigrid:KeyCorridorS3R3", &family, &name, &err));
    for (int i = 0; family->names[i]; i++) {
        int random, solved;
        replay_task(family->names[i], f, &random, &solved);
        if (random < MIN_RANDOM || solved < MIN_SOLVED) {
            print_error("%s: %d random and %d solved recordings\n", family->names[i], random,
                        solved);
            fail();
        }
    }
    fclose(f);
}

/* deploy/goals/minigrid/pool.txt claims to list every sentence; what the replays said must be in
 * it. */
static void every_caption_is_in_the_caption_pool(void **state)
{
    (void)state;
    char line[LINE_MAX_BYTES];
    struct strmap *pool = strmap_create(256);
    FILE *f = fopen("deploy/goals/minigrid/pool.txt", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] && line[0] != '#')
            strmap_put(pool, line, strlen(line), NULL);
    }
    fclose(f);
    size_t it = 0, len;
    const char *text;
    uint64_t count;
    assert_true(strmap_count(captions) > 60);
    while (strmap_next(captions, &it, &text, &len, &count))
        if (!strmap_get(pool, text, len))
            fail_msg("the pool lacks '%.*s'", (int)len, text);
    strmap_free(pool);
}

int main(void)
{
    captions = strmap_create(256);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_replays_the_package_bit_for_bit),
        cmocka_unit_test(every_caption_is_in_the_caption_pool),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strmap_free(captions);
    return failed;
}
