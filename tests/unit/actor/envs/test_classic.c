/* SPDX-License-Identifier: MIT */
/* test_classic.c - cartpole and pendulum do what Gymnasium's do; see tests/golden/make_classic.py
 * for the format of the recording. */
#include <stdlib.h>

#include "actor/envs/env.h"
#include "tests/onic_test.h"

enum { LINE_MAX_BYTES = 512, OBS_MAX = 4 };

struct recording {
    struct env *env;
    bool fresh; /* not reset yet */
    uint64_t seed;
    struct env_result r;
    uint8_t obs[OBS_MAX * sizeof(float)];
    int steps, ends[3];
};

static void begin(struct recording *g, const char *world, uint64_t seed)
{
    static struct config cfg;
    config_defaults(&cfg);
    env_free(g->env);
    assert_ok(env_create(&g->env, world, &cfg, 0, &err));
    g->seed = seed;
    g->fresh = true;
}

static void act(struct recording *g, const char *word)
{
    union action_cell action;
    if (strcmp(word, "r") == 0) {
        if (g->fresh)
            g->env->family->seed(g->env, g->seed);
        g->fresh = false;
        assert_ok(g->env->family->reset(g->env, g->obs, &g->r, &err));
        return;
    }
    if (g->env->spec.actions.kind == ACTION_CONTINUOUS)
        action.number = strtof(word, NULL);
    else
        action.choice = (int32_t)strtol(word, NULL, 10);
    assert_true(action_space_holds(&g->env->spec.actions, &action));
    assert_ok(env_step(g->env, &action, g->obs, &g->r, &err));
}

/* Sines differ in the last bit between libraries, so equal to 1e-6 instead of to the bit. */
static void compare(struct recording *g, const char *numbers)
{
    char *at = (char *)(uintptr_t)numbers;
    double reward = strtod(at, &at);
    int end = (int)strtol(at, &at, 10);
    assert_close(g->r.reward, reward, 1e-9, 1e-9);
    assert_int_equal(g->r.terminated ? 1 : g->r.truncated ? 2 : 0, end);
    for (int i = 0; i < obs_field_count(&g->env->spec.obs.field[0]); i++)
        assert_close(obs_value(&g->env->spec.obs.field[0], g->obs, i), strtod(at, &at), 1e-6, 1e-6);
    g->steps++;
    g->ends[end]++;
}

static void every_recorded_step_is_played_again(void **state)
{
    (void)state;
    static struct recording g;
    char path[512], line[LINE_MAX_BYTES], world[32], word[64];
    snprintf(path, sizeof path, "%s/tests/golden/classic.txt", getenv("ONIC_SOURCE"));
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        unsigned long long seed;
        int used = 0;
        if (sscanf(line, "world %31s %llu", world, &seed) == 2) {
            begin(&g, world, seed);
            continue;
        }
        assert_int_equal(sscanf(line, "%63s %n", word, &used), 1);
        act(&g, word);
        compare(&g, line + used);
    }
    fclose(f);
    env_free(g.env);
    assert_true(g.steps > 950);
    assert_true(g.ends[1] >= 4 && g.ends[2] == 2); /* poles fall, and both limits are reached */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_step_is_played_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
