/* SPDX-License-Identifier: MIT */
/* How many of the new messages one actor may bring. */
#include "learner/process/actor_keys.h"

#include "common/base/log.h"
#include "tests/onic_test.h"

enum { ACTORS = 10, STEPS = 20, CAPTIONS = ACTORS + 2 };

static int warnings;
static char warning[2048];

static void hear(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    warnings++;
    snprintf(warning, sizeof warning, "%.*s", (int)len, line);
}

/* A batch of STEPS steps of each of n actors; actor i says caption i + 1. */
static void see(struct actor_keys *k, int n)
{
    uint64_t environment[ACTORS];
    uint32_t caption[ACTORS * STEPS];
    for (int c = 0; c < n; c++)
        environment[c] = (uint64_t)(100 + c) << 32 | 7;
    for (int i = 0; i < n * STEPS; i++)
        caption[i] = (uint32_t)(i % n + 1);
    const struct reward_batch b = {.n = n * STEPS,
                                   .C = n,
                                   .environment = environment,
                                   .caption = caption,
                                   .ncaptions = CAPTIONS};
    actor_keys_see(k, &b);
}

/* The actor wants n; returns how many it got. */
static int want(struct actor_keys *k, uint32_t actor, int n)
{
    int got = 0;
    log_set_writer(hear, NULL);
    for (int i = 0; i < n; i++)
        if (actor_keys_may(k, actor)) {
            actor_keys_count(k, actor);
            got++;
        }
    log_set_writer(NULL, NULL);
    return got;
}

static double number(const struct actor_keys *k, const char *name)
{
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    actor_keys_report(k, m);
    double value = metrics_get(m, name);
    metrics_free(m);
    return value;
}

static int start(void **state)
{
    (void)state;
    warnings = 0;
    return 0;
}

static void a_caption_is_of_the_actor_that_says_it(void **state)
{
    struct actor_keys *k = actor_keys_create(0);
    (void)state;
    see(k, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(actor_keys_of(k, i + 1), 100 + i);
    assert_in_range(actor_keys_of(k, CAPTIONS - 1), 100, 102); /* of no step: somebody's */
    actor_keys_free(k);
}

static void one_that_floods_has_three_times_its_share_of_the_steps(void **state)
{
    struct actor_keys *k = actor_keys_create(0);
    (void)state;
    see(k, ACTORS);
    assert_int_equal(want(k, 100, 100), 100);
    for (uint32_t i = 1; i < ACTORS; i++)
        assert_int_equal(want(k, 100 + i, 100), 100);
    assert_close(number(k, "annot/actor_share_max"), 0.1, 0, 1e-12);
    assert_true(isnan(number(k, "annot/actor_held_back_total")));
    for (int i = 0; i < 2000; i++) { /* it sends 90 new ones for each of another's */
        want(k, 100, 90);
        assert_int_equal(want(k, 101 + (uint32_t)i % 9, 1), 1);
    }
    assert_close(number(k, "annot/actor_share_max"), 0.3, 0, 0.002);
    assert_true(number(k, "annot/actor_held_back_total") > 100000);
    assert_int_equal(warnings, 1);
    assert_non_null(
        strstr(warning, "an actor sees far more new messages than others do, and is held back so "
                        "that their questions are asked: see to its world, or raise "
                        "reward.actor_share (1 = nobody is held back) actor=100 "));
    actor_keys_free(k);
}

static void few_actors_and_few_messages_are_never_held_back(void **state)
{
    struct actor_keys *k = actor_keys_create(0);
    (void)state;
    see(k, 2);
    assert_int_equal(want(k, 100, 5000), 5000); /* three times a half is more than all */
    actor_keys_free(k);
    k = actor_keys_create(0.1);
    see(k, ACTORS);
    assert_int_equal(want(k, 100, ACTOR_KEYS_WINDOW), ACTOR_KEYS_WINDOW);
    assert_int_equal(want(k, 100, 10), 0);
    assert_int_equal(want(k, 101, 950), 100); /* its own tenth */
    actor_keys_free(k);
    k = actor_keys_create(1);
    see(k, ACTORS);
    assert_int_equal(want(k, 100, 5000), 5000);
    actor_keys_free(k);
}

/* Ever new actor numbers fill no memory, and nothing is lost but what was counted. */
static void numbers_that_come_and_go_are_forgotten(void **state)
{
    struct actor_keys *k = actor_keys_create(0);
    (void)state;
    for (uint32_t i = 0; i < 70000; i++) {
        assert_int_equal(want(k, i, 1), 1);
        if (i % 1000 == 0)
            see(k, ACTORS);
    }
    see(k, ACTORS);
    assert_int_equal(want(k, 100, 3), 3);
    actor_keys_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_caption_is_of_the_actor_that_says_it, start),
        cmocka_unit_test_setup(one_that_floods_has_three_times_its_share_of_the_steps, start),
        cmocka_unit_test_setup(few_actors_and_few_messages_are_never_held_back, start),
        cmocka_unit_test_setup(numbers_that_come_and_go_are_forgotten, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
