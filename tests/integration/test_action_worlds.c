/* SPDX-License-Identifier: MIT */
/* test_action_worlds.c - worlds whose actions are not one of a few: masked choices, several at once
 * and numbers are trained, measured, watched, played again and continued by the programs. A
 * deterministic run each, so it solves its world or it does not. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

#define USUAL                                                                                      \
    "--run-dir=run --deterministic --seed=1 --actors.count=1 --reward.model=none "                 \
    "--policy.core=none --train.lr=0.002 --train.minibatches=4 --train.epochs=4 "

static void train_world(struct scene *s, const char *more)
{
    char args[900];
    snprintf(args, sizeof args, "train " USUAL "%s", more);
    scene_succeeds(s, args);
}

/* The mean return of `onic eval` with these options. */
static double mean_return(struct scene *s, const char *more)
{
    char args[300];
    snprintf(args, sizeof args, "eval %s --episodes=100 --json=-", more);
    scene_succeeds(s, args);
    json_t *o = json_loads(program_text(s->a.out), 0, NULL);
    double mean = json_number_value(json_object_get(json_object_get(o, "return"), "mean"));
    assert_non_null(o);
    json_decref(o);
    return mean;
}

static void at_least(double got, double want)
{
    if (!(got >= want))
        fail_msg("a return of %g, should be %g at least", got, want);
}

/* Watching and playing again: `word` is how an action of this world is shown. */
static void is_shown(struct scene *s, const char *word)
{
    scene_succeeds(s, "play run --episodes=1 --seed=3");
    assert_non_null(strstr(program_text(s->a.out), word));
    scene_succeeds(s, "replay run");
    assert_non_null(strstr(program_text(s->a.out), word));
    assert_non_null(strstr(program_text(s->a.out), "as recorded"));
}

static void a_pole_is_balanced(void **state)
{
    struct scene *s = *state;
    at_least(40, mean_return(s, "--random --env.id=cartpole"));
    train_world(s, "--env.id=cartpole --frames=250000 --replay.every_episodes=200");
    at_least(mean_return(s, "run"), 475); /* Gymnasium's threshold */
    is_shown(s, "action right");
}

static void masked_choices_are_learned_and_never_forbidden_ones(void **state)
{
    struct scene *s = *state;
    at_least(3, mean_return(s, "--random --env.id=tiles"));
    train_world(s, "--env.id=tiles --frames=250000 --replay.every_episodes=2000");
    at_least(mean_return(s, "run"), 5.7);
    at_least(mean_return(s, "run --greedy"), 5.7);
    is_shown(s, "action tile ");
}

static void several_choices_at_once_are_learned(void **state)
{
    struct scene *s = *state;
    at_least(2, mean_return(s, "--random --env.id=tiles:colours"));
    train_world(s, "--env.id=tiles:colours --frames=250000 --replay.every_episodes=2000");
    at_least(mean_return(s, "run"), 5.7);
    is_shown(s, "action tile ");
    scene_succeeds(s, "replay run --json");
    json_t *o = json_loads(program_text(s->a.out), 0, NULL);
    json_t *step = json_array_get(json_object_get(o, "step"), 0);
    assert_int_equal(json_array_size(json_object_get(step, "action")), 2);
    json_decref(o);
}

static void numbers_are_learned_and_continued(void **state)
{
    struct scene *s = *state;
    at_least(-1000, mean_return(s, "--random --env.id=pendulum"));
    train_world(s, "--env.id=pendulum --train.gamma=0.9 --train.entropy=0 --frames=200000 "
                   "--replay.every_episodes=50");
    train_world(s, "--env.id=pendulum --train.gamma=0.9 --train.entropy=0 --frames=500000 "
                   "--replay.every_episodes=50");
    at_least(mean_return(s, "run"), -300);
    at_least(mean_return(s, "run --greedy"), -300);
    is_shown(s, "action torque ");
    /* the network of another distribution is another one */
    scene_fails_within(s, "onic",
                       "train " USUAL "--env.id=pendulum --policy.squash=true --frames=600000", 64,
                       "continuous -2:2 squashed", 3);
    scene_fails_within(s, "onic", "eval run --episodes=1 --policy.squash=true", 64,
                       "squashed, deviation free\" now; leave these options out", 3);
}

/* By tanh into their bounds, with a deviation that the network computes. */
static void squashed_numbers_with_a_deviation_of_the_state_are_learned(void **state)
{
    struct scene *s = *state;
    train_world(s, "--env.id=pendulum --policy.squash=true --policy.deviation=state "
                   "--train.gamma=0.9 --train.entropy=0 --frames=250000 "
                   "--replay.every_episodes=50");
    at_least(mean_return(s, "run"), -400);
    at_least(mean_return(s, "run --greedy"), -400);
    is_shown(s, "action torque ");
    scene_succeeds(s, "replay run --json");
    json_t *o = json_loads(program_text(s->a.out), 0, NULL), *step;
    size_t i;
    double most = 0;
    json_array_foreach(json_object_get(o, "step"), i, step)
    {
        double torque = json_number_value(json_array_get(json_object_get(step, "action"), 0));
        most = fabs(torque) > most ? fabs(torque) : most;
    }
    assert_true(most > 0.5 && most <= 2);
    json_decref(o);
    scene_fails_within(s, "onic", "eval run --episodes=1 --policy.deviation=free", 64,
                       "leave these options out", 3);
}

static void what_numbers_cannot_have_is_one_sentence(void **state)
{
    struct scene *s = *state;
    scene_fails_within(s, "onic",
                       "train " USUAL "--env.id=pendulum --train.exploration=symmetric_kl", 64,
                       "train.exploration=symmetric_kl pulls towards all options being alike", 2);
}

/* A plug-in whose every reward is no number: all its steps are cut off, none is lost or trained on,
 * and the log says so once a minute. */
static void nonsense_costs_episodes_and_not_the_run(void **state)
{
    struct scene *s = *state;
    char args[900];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.plugin=%s/tests/plugin_bad.so --env.id=bad "
             "--reward.model=none --actors.count=1 --frames=10000",
             getenv("ONIC_BUILD"));
    setenv("PLUGIN_BAD", "nan", 1);
    scene_succeeds(s, args);
    await_word(s->a.err, "why=\"the reward is not a finite number\"", SCENE_SOON_MS);
    scene_ledger_is_balanced(s);
    assert_true(metrics_last(s->run, "reward/reward") == 0.0);
    unsetenv("PLUGIN_BAD");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_pole_is_balanced),
        TEST(masked_choices_are_learned_and_never_forbidden_ones),
        TEST(several_choices_at_once_are_learned),
        TEST(numbers_are_learned_and_continued),
        TEST(squashed_numbers_with_a_deviation_of_the_state_are_learned),
        TEST(what_numbers_cannot_have_is_one_sentence),
        TEST(nonsense_costs_episodes_and_not_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
