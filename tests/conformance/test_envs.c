/* SPDX-License-Identifier: MIT */
/* test_envs.c - what every environment of every family of envs.def must do, whatever it is about.
 *
 * Families that cannot run here (a missing wheel) are skipped with their reason, except that
 * NetHack then runs on the fake library when that has been built. Every test goes over all
 * environments; a failure names the one at fault. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "actor/envs/env.h"
#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

enum { GUARD = 64, GUARD_BYTE = 0xA5, STEPS = 150, ACTION_SEED = 5, VECTOR = 7 };

static struct config cfg;
static const char *only; /* a family or one id; NULL: all of them */

/* One environment with guard bytes on both sides of its observation. */
struct probe {
    struct env *env;
    uint8_t *block, *obs;
    struct env_result r;
    uint64_t hash; /* of everything it returned so far */
    uint32_t rng;  /* for actions */
    union action_cell action[BOUND_ACTION_PARTS];
    bool ended;
    uint8_t mask[1 + BOUND_ACTIONS / 8 + 1]; /* 1 and what is possible now; 0: not masked */
};

/* The real NetHack library where it has been fetched; the fake one elsewhere, and in sanitized
 * builds, because the real one is not ours to fix. */
static void choose_nethack(void)
{
    const struct env_family *f;
    const char *name, *build = getenv("ONIC_BUILD");
    config_defaults(&cfg);
    if (env_find("nethack:Score", &f, &name, NULL) != ONIC_OK || !build ||
        (!SANITIZED && f->available(&cfg, NULL) == ONIC_OK))
        return;
    snprintf(cfg.env_nle, sizeof cfg.env_nle, "%s/tests/fake_libnethack/1.3", build);
}

/* The example of an environment outside of the tree is held to the same contract. */
static void add_the_example(void)
{
    const char *build = getenv("ONIC_BUILD");
    struct onic_err err = {0};
    if (!build)
        return;
    snprintf(cfg.env_plugin, sizeof cfg.env_plugin, "%s/tests/lake.so", build);
    if (env_plugin_load(cfg.env_plugin, &err) != ONIC_OK)
        fail_msg("%s", err.msg);
    cfg.env_plugin[0] = '\0';
}

/* A family of environments that others make (gym) is there when its first example can be made. */
static bool example_is_made(const struct env_family *f, struct onic_err *why)
{
    static const struct env_family *made, *not_made;
    struct env *e;
    char id[2 * ENV_ID_MAX];
    snprintf(id, sizeof id, "%s:%s", f->family, f->names[0]);
    if (!f->open || made == f)
        return true;
    if (not_made == f || env_create(&e, id, &cfg, 0, why) != ONIC_OK) {
        not_made = f;
        return false;
    }
    env_free(e);
    made = f;
    return true;
}

static bool family_runs_here(const struct env_family *f)
{
    struct onic_err err = {0};
    if (only && strncmp(only, f->family, strcspn(only, ":")) != 0)
        return false;
    if ((!f->available || f->available(&cfg, &err) == ONIC_OK) && example_is_made(f, &err))
        return true;
    static const struct env_family *told;
    if (told != f)
        print_message("skipped: %s: %s\n", f->family, err.msg);
    told = f;
    return false;
}

static void check_result(const struct probe *p)
{
    const struct env_result *r = &p->r;
    assert_true(isfinite(r->reward));
    assert_true(r->caption_len >= 0 && r->caption_len <= ENV_CAPTION_MAX);
    assert_int_equal(strlen(r->caption), r->caption_len);
    assert_false(r->success && !(r->terminated || r->truncated));
    size_t n = p->env->spec.obs.obs_bytes;
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(p->block[i], GUARD_BYTE);
        assert_int_equal(p->obs[n + i], GUARD_BYTE);
    }
}

static void read_mask(struct probe *p)
{
    const struct action_space *s = &p->env->spec.actions;
    uint8_t possible[BOUND_ACTIONS];
    if (!s->masked)
        return;
    p->env->family->mask(p->env, possible);
    action_mask_pack(s, possible, p->mask + 1);
    assert_true(p->ended || action_mask_fault(s, p->mask + 1) < 0);
    p->mask[0] = 1;
    p->hash = XXH3_64bits_withSeed(p->mask, 1 + action_space_mask_bytes(s), p->hash);
}

static void note(struct probe *p)
{
    check_result(p);
    uint64_t parts[5] = {
        p->hash, XXH3_64bits(p->obs, p->env->spec.obs.obs_bytes),
        XXH3_64bits(p->r.caption, (size_t)p->r.caption_len),
        (uint64_t)(p->r.terminated | p->r.truncated << 1 | p->r.failed << 2 | p->r.success << 3)};
    memcpy(&parts[4], &p->r.reward, sizeof p->r.reward);
    p->hash = XXH3_64bits(parts, sizeof parts);
    p->ended = p->r.terminated || p->r.truncated || p->r.failed;
    read_mask(p);
}

static void probe_reset(struct probe *p)
{
    memset(&p->r, 0xEE, sizeof p->r); /* an environment fills the result completely */
    assert_ok(p->env->family->reset(p->env, p->obs, &p->r, &err));
    note(p);
}

static void probe_open(struct probe *p, const char *id, int index)
{
    memset(p, 0, sizeof *p);
    assert_ok(env_create(&p->env, id, &cfg, index, &err));
    size_t n = p->env->spec.obs.obs_bytes;
    p->block = malloc(n + 2 * GUARD);
    assert_non_null(p->block);
    memset(p->block, GUARD_BYTE, n + 2 * GUARD);
    p->obs = p->block + GUARD;
    p->rng = ACTION_SEED;
}

static void probe_close(struct probe *p)
{
    env_free(p->env);
    free(p->block);
}

static void probe_start(struct probe *p, uint64_t seed)
{
    p->env->family->seed(p->env, seed);
    probe_reset(p);
}

static void probe_choose(struct probe *p)
{
    p->rng = p->rng * 1664525U + 1013904223U;
    struct rng rng = rng_stream(p->rng, "conformance", 0, 0, 0);
    const struct action_space *s = &p->env->spec.actions;
    action_space_random(s, p->mask[0] ? p->mask + 1 : NULL, &rng, p->action);
    if (s->kind == ACTION_DISCRETE && !s->masked)
        p->action[0].choice = (int32_t)((uint64_t)p->rng * (uint64_t)s->n >> 32);
}

static void probe_finish(struct probe *p)
{
    memset(&p->r, 0xEE, sizeof p->r);
    assert_ok(env_step(p->env, p->action, p->obs, &p->r, &err));
    note(p);
}

static void probe_step(struct probe *p)
{
    if (p->ended) {
        probe_reset(p);
        return;
    }
    probe_choose(p);
    probe_finish(p);
}

static uint64_t whole_run(const char *id, uint64_t seed)
{
    struct probe p;
    probe_open(&p, id, 0);
    probe_start(&p, seed);
    for (int t = 0; t < STEPS; t++)
        probe_step(&p);
    probe_close(&p);
    return p.hash;
}

/* Calls check for every environment that can be made here. */
static void for_each(void (*check)(const char *id))
{
    if (only && strchr(only, ':')) {
        check(only);
        return;
    }
    for (int i = 0; i < env_family_count(); i++) {
        const struct env_family *f = env_family_at(i);
        for (int n = 0; family_runs_here(f) && f->names[n]; n++) {
            char id[2 * ENV_ID_MAX];
            snprintf(id, sizeof id, "%s%s%s", f->family, f->names[n][0] ? ":" : "", f->names[n]);
            check(id);
        }
    }
}

static void spec_is_sane(const char *id)
{
    struct probe p;
    probe_open(&p, id, 0);
    const struct env_spec *s = &p.env->spec;
    assert_string_equal(s->id, id);
    assert_null(action_space_fault(&s->actions));
    assert_true(action_space_all_options(&s->actions) <= 1024 && s->max_steps >= 1);
    assert_true(s->actions.kind == ACTION_DISCRETE ? p.env->family->step != NULL
                                                   : p.env->family->step_many != NULL);
    assert_true(!s->actions.masked || p.env->family->mask);
    for (int a = 0; a < s->actions.n; a++)
        assert_true(s->action_names[a] && s->action_names[a][0]);
    assert_true(s->obs.nfields >= 1 && s->obs.obs_bytes % 8 == 0);
    assert_true(s->nstats >= 0 && s->nstats <= ENV_STATS_MAX);
    for (int i = 0; i < s->nstats; i++)
        assert_true(s->stat_names[i] && s->stat_names[i][0]);
    assert_true(s->default_net && s->default_net[0] && s->default_goal && s->default_goal[0]);
    assert_true(s->default_count >= 1 && s->default_count <= 4096);
    const struct env_family *f = p.env->family;
    assert_true(f->domain && f->summary && (s->nstats == 0 || f->stats) && f->render);
    if (s->state_bytes)
        assert_true(f->save && f->load);
    probe_close(&p);
}

static void same_seed_is_identical(const char *id)
{
    if (whole_run(id, 42) != whole_run(id, 42))
        fail_msg("%s: two runs with the same seed and actions differ", id);
}

static void instances_do_not_disturb_each_other(const char *id)
{
    struct probe a, b;
    probe_open(&a, id, 0);
    probe_open(&b, id, 1);
    probe_start(&a, 42);
    probe_start(&b, 7);
    b.rng = 99;
    for (int t = 0; t < STEPS; t++) {
        probe_step(&a);
        probe_step(&b);
    }
    if (a.hash != whole_run(id, 42))
        fail_msg("%s: another instance changed the run", id);
    probe_close(&a);
    probe_close(&b);
}

/* As vec_env does: a family that begins steps early is told all actions before any result is read.
 */
static void vector_step(struct probe *p, int n)
{
    void (*begin)(struct env *, const union action_cell *) = p->env->family->begin;
    for (int i = 0; i < n; i++) {
        if (p[i].ended)
            continue;
        probe_choose(&p[i]);
        if (begin)
            begin(p[i].env, p[i].action);
    }
    for (int i = 0; i < n; i++) {
        if (p[i].ended)
            probe_reset(&p[i]);
        else
            probe_finish(&p[i]);
    }
}

static void vector_is_each_one_alone(const char *id)
{
    struct probe vector[VECTOR];
    for (int i = 0; i < VECTOR; i++) {
        probe_open(&vector[i], id, i);
        vector[i].rng += (uint32_t)i;
        probe_start(&vector[i], 42 + (uint64_t)i);
    }
    for (int t = 0; t < STEPS; t++)
        vector_step(vector, VECTOR);
    for (int i = 0; i < VECTOR; i++)
        probe_close(&vector[i]);
    for (int i = 0; i < VECTOR; i += 3) {
        struct probe alone;
        probe_open(&alone, id, 0);
        alone.rng += (uint32_t)i;
        probe_start(&alone, 42 + (uint64_t)i);
        for (int t = 0; t < STEPS; t++)
            probe_step(&alone);
        if (alone.hash != vector[i].hash)
            fail_msg("%s: environment %d of a vector is not as it is alone", id, i);
        probe_close(&alone);
    }
}

static void reseeding_starts_over(const char *id)
{
    struct probe p;
    probe_open(&p, id, 0);
    probe_start(&p, 1);
    for (int t = 0; t < 30; t++)
        probe_step(&p);
    p.hash = 0;
    p.rng = ACTION_SEED;
    probe_start(&p, 42);
    for (int t = 0; t < STEPS; t++)
        probe_step(&p);
    if (p.hash != whole_run(id, 42))
        fail_msg("%s: a new seed does not forget the old run", id);
    probe_close(&p);
}

static void snapshot_continues_exactly(const char *id)
{
    struct probe a, b;
    cfg.run_deterministic = true; /* some keep nothing elsewhere */
    probe_open(&a, id, 0);
    size_t n = a.env->spec.state_bytes;
    if (n == 0) {
        probe_close(&a);
        cfg.run_deterministic = false;
        return;
    }
    uint8_t *state = malloc(n);
    assert_non_null(state);
    probe_start(&a, 42);
    for (int t = 0; t < 37; t++)
        probe_step(&a);
    if (a.ended)
        probe_reset(&a);
    a.env->family->save(a.env, state);
    uint64_t obs_hash = XXH3_64bits(a.obs, a.env->spec.obs.obs_bytes);

    probe_open(&b, id, 1);
    probe_start(&b, 7);
    assert_ok(b.env->family->load(b.env, state, b.obs, &err));
    assert_true(XXH3_64bits(b.obs, b.env->spec.obs.obs_bytes) == obs_hash);
    b.ended = false;
    read_mask(&b);
    a.hash = b.hash = 0;
    a.ended = false;
    b.rng = a.rng;
    for (int t = 0; t < 5 * STEPS;
         t++) { /* several episodes: the generator is part of the snapshot */
        probe_step(&a);
        probe_step(&b);
        if (a.hash != b.hash)
            fail_msg("%s: the resumed run differs at step %d", id, t);
    }
    memset(state, 0xFF, n);
    char want[300];
    snprintf(want, sizeof want, "this is not a snapshot of %s", id);
    assert_err(b.env->family->load(b.env, state, b.obs, &err), ONIC_EDAMAGED, want);
    free(state);
    cfg.run_deterministic = false;
    probe_close(&a);
    probe_close(&b);
}

static void step_limit_can_be_set(const char *id)
{
    cfg.env_max_steps = 5;
    struct probe p;
    probe_open(&p, id, 0);
    assert_int_equal(p.env->spec.max_steps, 5);
    probe_start(&p, 42);
    for (int t = 1; t <= 5 && !p.ended; t++) {
        probe_step(&p);
        if (p.r.truncated != (t == 5))
            fail_msg("%s: truncated is %d at step %d of 5", id, p.r.truncated, t);
    }
    assert_true(p.ended);
    probe_close(&p);
    cfg.env_max_steps = 0;
}

static void picture_can_be_drawn(const char *id)
{
    struct probe p;
    probe_open(&p, id, 0);
    probe_start(&p, 42);
    struct buf text;
    buf_init(&text, 1 << 20);
    p.env->family->render(p.env, &text);
    assert_true(text.len > 0 && !text.overflow && memchr(text.data, '\n', text.len));
    buf_release(&text);
    struct pixels pixels = {.at = NULL};
    if (p.env->family->draw) {
        p.env->family->draw(p.env, &pixels);
        assert_true(pixels.width > 0 && pixels.height > 0);
    }
    pixels_free(&pixels);
    probe_close(&p);
}

/* No two actions have the same key, and none that a terminal never sends: ESC, or Ctrl-C and the
 * like, which are signals. */
static void keys_tell_actions_apart(const char *id)
{
    struct probe p;
    probe_open(&p, id, 0);
    const struct env_spec *s = &p.env->spec;
    for (int a = 0; s->action_keys && a < s->actions.n; a++) {
        int key = s->action_keys[a];
        assert_true(s->actions.kind == ACTION_DISCRETE);
        assert_true(key > 0 && key <= ENV_KEY_LEFT && key != 27 && key != '\n');
        assert_true(key != 3 && key != 26 && key != 28); /* Ctrl-C, Ctrl-Z, Ctrl-backslash */
        for (int b = 0; b < a; b++)
            assert_int_not_equal(s->action_keys[b], key);
    }
    probe_close(&p);
}

static void field_selection_holds(const char *id)
{
    struct probe p;
    probe_open(&p, id, 0);
    char first[OBS_NAME_MAX];
    snprintf(first, sizeof first, "%s", p.env->spec.obs.field[0].name);
    probe_close(&p);
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "%s", first);
    probe_open(&p, id, 0);
    assert_int_equal(p.env->spec.obs.nfields, 1);
    assert_string_equal(p.env->spec.obs.field[0].name, first);
    probe_start(&p, 42);
    for (int t = 0; t < 20; t++)
        probe_step(&p); /* the guard bytes would show a field written nevertheless */
    probe_close(&p);
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "%s,no_such_field", first);
    struct env *e;
    assert_err(env_create(&e, id, &cfg, 0, &err), ONIC_ECONFIG, "no_such_field");
    snprintf(cfg.env_obs, sizeof cfg.env_obs, "auto");
}

#define FOR_EACH(check)                                                                            \
    static void every_##check(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        for_each(check);                                                                           \
    }
FOR_EACH(spec_is_sane)
FOR_EACH(same_seed_is_identical)
FOR_EACH(instances_do_not_disturb_each_other)
FOR_EACH(vector_is_each_one_alone)
FOR_EACH(reseeding_starts_over)
FOR_EACH(snapshot_continues_exactly)
FOR_EACH(step_limit_can_be_set)
FOR_EACH(picture_can_be_drawn)
FOR_EACH(keys_tell_actions_apart)
FOR_EACH(field_selection_holds)

/* Not every environment depends on its seed (an empty room does not), but some of every family
 * must. */
static void seeds_matter_in_every_family(void **state)
{
    (void)state;
    for (int i = 0; i < env_family_count(); i++) {
        const struct env_family *f = env_family_at(i);
        int different = 0;
        if (!family_runs_here(f))
            continue;
        for (int n = 0; f->names[n]; n++) {
            char id[2 * ENV_ID_MAX];
            snprintf(id, sizeof id, "%s%s%s", f->family, f->names[n][0] ? ":" : "", f->names[n]);
            different += whole_run(id, 1) != whole_run(id, 2);
        }
        if (different == 0)
            fail_msg("%s: seeds 1 and 2 give the same run in all environments", f->family);
    }
}

/* The module of gym:MODULE:NAME may be imported here. */
static void trust_the_module(const char *id)
{
    const char *module = strchr(id, ':');
    if (module)
        snprintf(cfg.gym_modules, sizeof cfg.gym_modules, "%.*s", (int)strcspn(module + 1, ":"),
                 module + 1);
}

/* ONIC_GYM_PYTHON: an interpreter with gymnasium (tests/python/test_gym.py). An argument: the only
 * family that is tested, or the only environment. */
int main(int argc, char **argv)
{
    const char *python = getenv("ONIC_GYM_PYTHON");
    choose_nethack();
    snprintf(cfg.gym_python, sizeof cfg.gym_python, "%s", python ? python : "");
    only = argc > 1 ? argv[1] : NULL;
    trust_the_module(only ? only : "");
    add_the_example();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spec_is_sane),
        cmocka_unit_test(every_same_seed_is_identical),
        cmocka_unit_test(every_instances_do_not_disturb_each_other),
        cmocka_unit_test(every_vector_is_each_one_alone),
        cmocka_unit_test(every_reseeding_starts_over),
        cmocka_unit_test(every_snapshot_continues_exactly),
        cmocka_unit_test(every_step_limit_can_be_set),
        cmocka_unit_test(every_picture_can_be_drawn),
        cmocka_unit_test(every_keys_tell_actions_apart),
        cmocka_unit_test(every_field_selection_holds),
        cmocka_unit_test(seeds_matter_in_every_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
