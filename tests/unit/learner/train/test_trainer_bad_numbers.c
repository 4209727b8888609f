/* SPDX-License-Identifier: MIT */
/* test_trainer_bad_numbers.c - what the training core does with numbers that are not finite: it
 * skips them, says whose they were, and goes back. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "learner/train/train_step.h"
#include "tests/support/corridor_world.h"
#include "tests/support/said.h"

enum { E = WORLD_E, GROUPS = WORLD_GROUPS };

/* One that has made two updates. */
static void learned_world(struct world *w)
{
    memset(w, 0, sizeof *w);
    world_configure(w);
    world_open(w);
    world_learn(w, 2);
}

static int poisoned_update(struct world *w, struct onic_err *err)
{
    struct train_stats s;
    world_play(w);
    w->t[1]->flags[5] = STEP_TRUNCATED;
    w->t[1]->final_value[10] = NAN;
    trainer_lay_out(w->core, w->t, GROUPS);
    return trainer_update(w->core, &s, err);
}

static void a_bad_gradient_is_skipped_and_the_third_in_a_row_ends_the_run(void **state)
{
    (void)state;
    static struct world w;
    learned_world(&w);
    size_t bytes = policy_params(trainer_policy(w.core))->floats * sizeof(float);
    void *before = xmalloc(bytes);
    memcpy(before, trainer_weights(w.core), bytes);
    said_begin(LOG_WARN);
    assert_ok(poisoned_update(&w, &err));
    said_end();
    assert_said("a gradient is not finite and was not applied");
    assert_said(" update=3 in_a_row=1 total=1");
    assert_memory_equal(trainer_weights(w.core), before, bytes);
    assert_int_equal(trainer_counters(w.core)->nonfinite, 1);
    assert_int_equal(trainer_counters(w.core)->version, 3); /* actors in lock-step wait for it */
    world_learn(&w, 1);                                     /* a good one forgives */
    assert_true(memcmp(trainer_weights(w.core), before, bytes) != 0);
    assert_ok(poisoned_update(&w, &err));
    assert_ok(poisoned_update(&w, &err));
    assert_err(poisoned_update(&w, &err), ONIC_EINTERNAL, "3 gradients in a row");
    assert_true(trainer_diverged(w.core));
    free(before);
    world_close(&w);
}

/* Versions go on, everything else is that of the checkpoint. */
static void a_core_that_goes_back_is_that_of_the_checkpoint(void **state)
{
    (void)state;
    static struct world w;
    char dir[256], path[300];
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c", dir);
    learned_world(&w);
    world_save(&w, path);
    size_t bytes = policy_params(trainer_policy(w.core))->floats * sizeof(float);
    void *good = xmalloc(bytes);
    memcpy(good, trainer_weights(w.core), bytes);
    struct learner_counters then = *trainer_counters(w.core);
    struct value_norm norm = w.core->value_norm;
    world_learn(&w, 3);
    assert_ok(poisoned_update(&w, &err));
    assert_ok(poisoned_update(&w, &err));
    assert_err(poisoned_update(&w, &err), ONIC_EINTERNAL, "3 gradients in a row");
    struct learner_counters before = *trainer_counters(w.core);
    assert_int_equal(before.version, then.version + 6);
    assert_ok(world_load(w.core, path, &err));
    trainer_roll_back(w.core, &before);
    const struct learner_counters *now = trainer_counters(w.core);
    assert_memory_equal(trainer_weights(w.core), good, bytes);
    assert_memory_equal(&w.core->value_norm, &norm, sizeof norm);
    assert_int_equal(now->version, before.version);
    assert_int_equal(now->nonfinite, 3);
    assert_int_equal(now->roll_backs, 1);
    assert_int_equal(now->env_steps, then.env_steps);
    assert_int_equal(now->adam_steps, then.adam_steps);
    assert_false(trainer_diverged(w.core));
    assert_ok(poisoned_update(&w, &err)); /* a new row */
    world_save(&w, path);
    world_learn(&w, 1);
    assert_ok(world_load(w.core, path, &err));
    assert_int_equal(trainer_counters(w.core)->roll_backs, 1);
    free(good);
    world_close(&w);
    temp_dir_remove(dir);
}

/* final_value[10] of a poisoned update is of the second trajectory. */
static void the_actor_that_brought_it_is_named(void **state)
{
    (void)state;
    static struct world w;
    learned_world(&w);
    uint64_t incarnation;
    for (int i = 0; i < GROUPS; i++) {
        w.t[i]->actor_id = 40 + (uint32_t)i;
        w.t[i]->incarnation = 70 + (uint64_t)i;
    }
    assert_int_equal(trainer_suspect(w.core, &incarnation), -1);
    said_begin(LOG_WARN);
    assert_ok(poisoned_update(&w, &err));
    said_end();
    assert_said("the numbers of one actor are far beyond those of the others update=3 in_a_row=1 "
                "total=1 actor=41");
    assert_int_equal(trainer_suspect(w.core, &incarnation), 41);
    assert_int_equal(incarnation, 71);
    w.t[0]->actor_id = 41; /* nothing to compare with neither clears nor accuses */
    assert_ok(poisoned_update(&w, &err));
    assert_int_equal(trainer_suspect(w.core, &incarnation), 41);
    world_learn(&w, 1);
    assert_ok(poisoned_update(&w, &err)); /* a new row */
    assert_int_equal(trainer_suspect(w.core, &incarnation), -1);
    w.t[0]->actor_id = 40;
    assert_ok(poisoned_update(&w, &err));
    assert_int_equal(trainer_suspect(w.core, &incarnation), 41);
    world_close(&w);
}

/* Of four columns of a minibatch three or all may be its: the batch tells, a minibatch does not. */
static void the_actor_is_named_whatever_the_minibatch_holds(void **state)
{
    (void)state;
    static struct world w;
    for (int seed = 1; seed <= 4; seed++) {
        struct train_stats s;
        uint64_t incarnation;
        memset(&w, 0, sizeof w);
        world_configure(&w);
        w.cfg.run_seed = seed;
        w.cfg.train_minibatches = 8;
        world_open(&w);
        world_learn(&w, 1);
        world_play(&w);
        w.t[0]->actor_id = 40;
        w.t[1]->actor_id = 41;
        for (int e = 0; e < E; e++) {
            w.t[1]->flags[5 * E + e] = STEP_TRUNCATED;
            w.t[1]->final_value[POLICY_HEADS * (5 * E + e)] = NAN;
        }
        trainer_lay_out(w.core, w.t, GROUPS);
        assert_err(trainer_update(w.core, &s, &err), ONIC_EINTERNAL, "3 gradients in a row");
        assert_int_equal(trainer_suspect(w.core, &incarnation), 41);
        world_close(&w);
    }
}

/* A gradient that overflows comes after the statistics have seen its batch. */
static void a_bad_gradient_leaves_the_statistics_alone(void **state)
{
    (void)state;
    static struct world w;
    learned_world(&w);
    struct value_norm norm = w.core->value_norm;
    struct train_stats s;
    float weight = w.core->weights[0];
    world_play(&w);
    w.t[1]->flags[5] = STEP_TRUNCATED;
    w.t[1]->final_value[10] = 1e37f;
    trainer_lay_out(w.core, w.t, GROUPS);
    w.core->loss.value_coef = INFINITY; /* finite targets, and no finite gradient */
    assert_ok(trainer_update(w.core, &s, &err));
    assert_int_equal(trainer_counters(w.core)->nonfinite, 1);
    assert_true(weight == w.core->weights[0]);
    assert_memory_equal(&w.core->value_norm, &norm, sizeof norm);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_gradient_is_skipped_and_the_third_in_a_row_ends_the_run),
        cmocka_unit_test(a_core_that_goes_back_is_that_of_the_checkpoint),
        cmocka_unit_test(the_actor_that_brought_it_is_named),
        cmocka_unit_test(the_actor_is_named_whatever_the_minibatch_holds),
        cmocka_unit_test(a_bad_gradient_leaves_the_statistics_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
