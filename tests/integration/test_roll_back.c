/* SPDX-License-Identifier: MIT */
/* test_roll_back.c - gradients that are not finite, of numbers that pass every check: the learner
 * goes back to its last checkpoint and trains on, and ends when that does not help. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/failing_call.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

/* New observations pay so much that the return of 128 of them is more than a float holds. It does
 * not count in the advantage, so that no value head learns it, which actors would be refused for.
 */
static const char absurd[] =
    "--env.id=absurd --env.count=8 --reward.model=counts --reward.coef_int=0 --train.gamma_int=1 "
    "--train.rollout=128 --train.batch=4096 --frames=1000000000 --metrics.every_s=0.2";

static void absurd_start(struct scene *s, const char *shaping, const char *more)
{
    char args[1400];
    snprintf(args, sizeof args,
             "ABSURD=%s train --run-dir=run --env.plugin=%s/tests/plugin_absurd.so %s "
             "--reward.shaping=scale:%s %s",
             s->dir, getenv("ONIC_BUILD"), absurd, shaping, more);
    program_start(&s->a, s->dir, "a", "onic", args);
}

static double metric_of(const struct scene *s, const char *key)
{
    return metrics_last(s->run, key);
}

/* One actor of two sends nothing but news. */
static void a_learner_goes_back_and_trains_on(void **state)
{
    struct scene *s = *state;
    char path[400];
    absurd_start(s, "4e36", "--actors.count=2 --checkpoint.every_updates=5");
    scene_await_metric(s, "updates", 30);
    pid_t learner = process_child(s->a.pid, "onic-learner");
    assert_true(metric_of(s, "train/roll_backs_total") == 0);
    snprintf(path, sizeof path, "%s/bad", s->dir);
    files_write(path, "");
    scene_await_metric(s, "train/roll_backs_total", 0);
    double version = metric_of(s, "weights_version");
    scene_await_metric(s, "weights_version", version + 30);
    assert_int_equal(process_child(s->a.pid, "onic-learner"), learner); /* the same life */
    snprintf(path, sizeof path, "%s/log/learner.log", s->run);
    await_word(path, "are those of the last checkpoint again", SCENE_SOON_MS);
    await_word(path, ", which is put out", SCENE_SOON_MS);
    await_word(path, "sent nonsense too often, last: numbers from which no finite", SCENE_SOON_MS);
    snprintf(path, sizeof path, "%s/log/audit-learner.log", s->run);
    await_word(path, " joined learner actor ", SCENE_SOON_MS);
    await_word(path, " quarantined learner actor ", SCENE_SOON_MS);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
    struct program p = {0};
    assert_int_equal(program_run(&p, s->dir, "ledger", "onic", "ledger run --json", SCENE_SOON_MS),
                     0);
    assert_null(strstr(program_text(p.out), "\"rollback\":0"));
    double steps = metric_of(s, "env_steps");
    char want[64];
    snprintf(want, sizeof want, "\"consumed\":%.0f,", steps);
    if (!strstr(program_text(p.out), want))
        fail_msg("%s is not in %s", want, program_text(p.out));
}

/* The options themselves are beyond all measure: nothing to go back to helps. */
static void a_learner_ends_when_that_does_not_help(void **state)
{
    struct scene *s = *state;
    absurd_start(s, "3e38", "--actors.count=1 --run.restarts=1 --train.roll_backs=2");
    int code = program_wait(&s->a, SCENE_LONG_MS);
    const char *text = program_text(s->a.err);
    if (code != 70 ||
        !strstr(text, "went back to its last checkpoint 2 times already "
                      "(train.roll_backs): go on with a smaller train.lr") ||
        !strstr(text, "reward.shaping"))
        fail_msg("exit code %d: %s", code, text);
    assert_true(metric_of(s, "train/roll_backs_total") == 2);
    scene_ledger_is_balanced(s);
}

/* It would not be the same run again. */
static void a_deterministic_learner_does_not_go_back(void **state)
{
    struct scene *s = *state;
    program_start(&s->a, s->dir, "a", "onic",
                  "train --deterministic --run-dir=run --env.id=minigrid:KeyCorridorS3R3 "
                  "--actors.count=1 --env.count=8 --reward.model=counts --reward.coef_int=0 "
                  "--train.gamma_int=1 --train.rollout=128 --train.batch=1024 --frames=1000000000 "
                  "--reward.shaping=scale:3e38 --run.restarts=1 --metrics.every_s=0.2");
    int code = program_wait(&s->a, SCENE_LONG_MS);
    const char *text = program_text(s->a.err);
    if (code != 70 || !strstr(text, "gradients were not finite three times in a row, and a "
                                    "deterministic run does not go back to a checkpoint by itself: "
                                    "go on with a smaller train.lr"))
        fail_msg("exit code %d: %s", code, text);
    assert_null(strstr(text, "are those of the last checkpoint again"));
    scene_ledger_is_balanced(s);
}

/* What happens to the state that a learner could go back to. */
struct loss {
    const char *with; /* before the learner in a shell's line */
    const char *harm; /* a line of the shell in its folder of checkpoints */
    int code;
    const char *because;
};

/* A learner alone whose options are beyond all measure, and what it began with. Nothing is written
 * there later. */
static void ends_without_a_state(struct scene *s, const struct loss *loss)
{
    char line[4000], latest[400];
    snprintf(line, sizeof line,
             "%s exec $ONIC_BUILD/onic-learner --run-dir=run --listen=ipc://%s/l "
             "--env.plugin=%s/tests/plugin_absurd.so %s --reward.shaping=scale:3e38 "
             "--checkpoint.every_s=3600",
             loss->with, s->dir, getenv("ONIC_BUILD"), absurd);
    program_start_shell(&s->a, s->dir, "a", line);
    await_word(s->a.err, "listening address=", SCENE_LONG_MS);
    snprintf(line, sizeof line, "cd run/checkpoints && %s", loss->harm);
    program_start_shell(&s->b, s->dir, "harm", line);
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
    snprintf(line, sizeof line, "--learner=ipc://%s/l --env.plugin=%s/tests/plugin_absurd.so",
             s->dir, getenv("ONIC_BUILD"));
    program_start(&s->b, s->dir, "b", "onic-actor", line);
    int code = program_wait(&s->a, SCENE_LONG_MS);
    const char *text = program_text(s->a.err);
    if (code != loss->code || !strstr(text, "and there is no state to go back to: ") ||
        !strstr(text, loss->because))
        fail_msg("exit code %d: %s", code, text);
    assert_null(strstr(text, "are those of the last checkpoint again"));
    scene_ledger_is_balanced(s);
    snprintf(latest, sizeof latest, "%s/checkpoints/LATEST", s->run);
    assert_int_equal(access(latest, F_OK), -1); /* what it ended with is kept by nobody */
}

static void a_learner_without_a_checkpoint_ends(void **state)
{
    const struct loss gone = {"", "rm ckpt-* LATEST", 70, "run/checkpoints holds no checkpoint"};
    ends_without_a_state(*state, &gone);
}

static void a_learner_whose_checkpoints_are_damaged_ends(void **state)
{
    const struct loss damaged = {"", "truncate -s 5000 ckpt-* && rm LATEST", 70,
                                 "ckpt-000000000000"};
    ends_without_a_state(*state, &damaged);
}

/* As at a start: the disk may answer again, and then nothing is lost. */
static void a_learner_whose_checkpoint_cannot_be_read_now_ends_with_74(void **state)
{
    struct scene *s = *state;
    char with[2000], mark[400];
    snprintf(mark, sizeof mark, "%s/struck", s->dir);
    snprintf(with, sizeof with, "CHAOS_WHEN=%s/harmed %s", s->dir,
             failing_call("read", 1, "EIO", "/checkpoints/ckpt-", mark));
    const struct loss away = {with, "rm LATEST && touch ../../harmed", 74,
                              "safetensors: Input/output error; this may pass"};
    ends_without_a_state(s, &away);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_learner_goes_back_and_trains_on, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_learner_ends_when_that_does_not_help, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_deterministic_learner_does_not_go_back, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_learner_without_a_checkpoint_ends, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_learner_whose_checkpoints_are_damaged_ends, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_learner_whose_checkpoint_cannot_be_read_now_ends_with_74,
                                        scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
