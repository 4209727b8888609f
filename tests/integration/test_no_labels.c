/* SPDX-License-Identifier: MIT */
/* test_no_labels.c - a run whose annotator gives no label trains on, ends well, and says at its end
 * that and why nothing was learned from language. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

/* Trains until somebody says `part`, then drains. What it said is in program a's stderr. */
static void train_until(struct scene *s, const char *options, const char *part)
{
    char args[900];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --frames=1000000000 "
             "--actors.count=1 --train.batch=1024 --metrics.every_s=0.2 %s",
             options);
    program_start(&s->a, s->dir, "a", "onic", args);
    await_word(s->a.err, part, SCENE_LONG_MS);
    scene_await_metric(s, "annot/outstanding", 0); /* it has asked */
    scene_drain(&s->a);
}

static void says(struct scene *s, const char *who, const char *part)
{
    const char *text = program_text(s->a.err);
    char line[200];
    snprintf(line, sizeof line, "%sno label in this life, ", who);
    const char *at = strstr(text, line);
    if (!at || !strstr(at, part))
        fail_msg("\"%s\" is not followed by \"%s\" in\n%s", line, part,
                 strlen(text) > 900 ? text + strlen(text) - 900 : text);
}

static void is_told_twice(struct scene *s, const char *part)
{
    says(s, "warn learner nothing was learned from language why=\"", part);
    says(s, "onic train: ", part);
    assert_close(metrics_last(s->run, "annot/labels_total"), 0, 0, 0);
    assert_close(metrics_last(s->run, "exit"), 0, 0, 0);
}

static void the_last_words_of_a_program_that_dies_are_shown(void **state)
{
    struct scene *s = *state;
    char options[500];
    scene_script(s, "dies",
                 "#!/bin/sh\necho loading\necho 'first' >&2\n"
                 "printf 'fatal: no model\\033[2J in /nowhere' >&2\nexit 4\n");
    snprintf(options, sizeof options, "--annotator.id=command --command.run=%s/dies", s->dir);
    train_until(s, options,
                "annotator status=\"the program is started again: it ended with code 4: fatal: no "
                "model [2J in /nowhere\"");
    assert_non_null(strstr(program_text(s->a.err),
                           "warn reward-server annotator program is started again "
                           "why=\"it ended with code 4: fatal: no model [2J in /nowhere\""));
    is_told_twice(s, "it ended with code 4: fatal: no model [2J in /nowhere");
    assert_non_null(strstr(program_text(s->a.err), "doctor run/config.yaml` asks it"));
}

static void so_is_what_it_wrote_where_answers_belong(void **state)
{
    struct scene *s = *state;
    char options[500];
    scene_script(s, "talks", "#!/bin/sh\necho 'no model found'\nexit 1\n");
    snprintf(options, sizeof options, "--annotator.id=command --command.run=%s/talks", s->dir);
    train_until(s, options,
                "annotator status=\"the program is started again: it ended with code 1; it wrote "
                "what is no answer: no model found");
    is_told_twice(s, "it ended with code 1; it wrote what is no answer: no model found");
}

static void a_shell_that_finds_no_program_is_quoted(void **state)
{
    struct scene *s = *state;
    scene_script(s, "missing.yaml", "command: {run: \"true && ./no-such-program --fast\"}\n");
    train_until(s, "missing.yaml --annotator.id=command",
                "annotator status=\"the program is started again: it ended with code 127: ");
    is_told_twice(s, "no-such-program: not found");
}

static void a_server_that_is_away_all_the_time_is_the_reason(void **state)
{
    struct scene *s = *state;
    train_until(s, "--annotator.id=llm --llm.url=http://127.0.0.1:1 --llm.model=m",
                "warn reward-server annotator status=\"http://127.0.0.1:1/v1: Failed");
    is_told_twice(s, "http://127.0.0.1:1/v1: Failed to connect to 127.0.0.1 port 1: Couldn't");
}

/* Three seconds and less: neither server nor annotator need have been there yet. */
static void a_short_run_is_not_told_that_it_learned_nothing(void **state)
{
    struct scene *s = *state;
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic",
                                 "train --run-dir=run --env.id=corridor --annotator.id=rules "
                                 "--rules.latency_ms=100000 --frames=2000 --stop.success=0",
                                 SCENE_LONG_MS),
                     0);
    if (strstr(program_text(s->a.err), "no label in this life"))
        fail_msg("%s", program_text(s->a.err));
}

static void a_goal_of_another_domain_is_a_warning(void **state)
{
    struct scene *s = *state;
    char args[700];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=minigrid:DoorKey-5x5 --frames=1000000000 "
             "--annotator.id=rules --annotator.goal=%s/deploy/goals/nethack/gold.yaml",
             getenv("ONIC_SOURCE"));
    program_start(&s->a, s->dir, "a", "onic", args);
    await_word(s->a.err, "gold.yaml is a goal of nethack, and minigrid:DoorKey-5x5 says other",
               SCENE_LONG_MS);
    scene_drain(&s->a);
}

/* On a cluster, where nobody starts one beside it. */
static void a_learner_without_a_reward_server_says_what_it_lacks(void **state)
{
    struct scene *s = *state;
    char args[400];
    snprintf(args, sizeof args,
             "--run-dir=run --listen=ipc://%s/l --env.id=corridor --reward.model=hash "
             "--train.batch=1024 --metrics.every_s=0.2 --frames=1000000000",
             s->dir);
    program_start(&s->a, s->dir, "a", "onic-learner", args);
    await_word(s->a.err,
               "no reward server is given (--reward.server=ADDR), so this run gets no labels "
               "reward_model=\"hash\"",
               SCENE_SOON_MS);
    await_word(s->a.err, "listening", SCENE_SOON_MS);
    snprintf(args, sizeof args, "--learner=ipc://%s/l", s->dir);
    program_start(&s->b, s->dir, "b", "onic-actor", args);
    scene_trains_on(s);
    scene_drain(&s->a);
    assert_non_null(strstr(program_text(s->a.err),
                           "nothing was learned from language why=\"no label in this life: no "
                           "reward server was given (--reward.server=ADDR)"));
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(the_last_words_of_a_program_that_dies_are_shown),
        IN_SCENE(so_is_what_it_wrote_where_answers_belong),
        IN_SCENE(a_shell_that_finds_no_program_is_quoted),
        IN_SCENE(a_server_that_is_away_all_the_time_is_the_reason),
        IN_SCENE(a_short_run_is_not_told_that_it_learned_nothing),
        IN_SCENE(a_goal_of_another_domain_is_a_warning),
        IN_SCENE(a_learner_without_a_reward_server_says_what_it_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
