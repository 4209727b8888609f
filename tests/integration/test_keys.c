/* SPDX-License-Identifier: MIT */
/* test_keys.c - the real programs with keys: made, used, refused, and nowhere to be found. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

#define CORRIDOR "--env.id=corridor --annotator.id=rules --train.batch=512 --metrics.every_s=0.2 "
#define PORT "$((20000 + $$ % 5000 * 2))"

static int keys_shell(struct scene *s, const char *line)
{
    program_start_shell(&s->b, s->dir, "shell", line);
    return program_wait(&s->b, SCENE_LONG_MS);
}

static void keys_are_made_once(void **state)
{
    struct scene *s = *state;
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", "keygen keys", SCENE_LONG_MS), 0);
    assert_int_equal(
        keys_shell(s, "test $(stat -c %a keys/learner.key) = 600 && test $(stat -c %a "
                      "keys) = 700 && ! grep -qF \"$(tail -n 1 keys/learner.key)\" a.out"),
        0);
    assert_non_null(strstr(program_text(s->a.out), "keys/reward-server.key"));
    scene_fails(s, "onic", "keygen keys", 73, "no key is overwritten");
    scene_fails(s, "onic", "keygen", 64, "name the folder");
    scene_fails(s, "onic", "keygen more --role=king", 64, "there are actor, learner");
    scene_fails(s, "onic", "keygen more --of=nothing", 64, "--of=nothing");
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", "keygen more --role=actor --of=keys",
                                 SCENE_LONG_MS),
                     0);
    assert_int_equal(keys_shell(s, "test $(wc -l <keys/actor.allow) = 2 && cmp keys/learner.allow "
                                   "more/learner.allow && ! test -e more/learner.key"),
                     0);
}

static void nothing_listens_beyond_this_machine_without_keys(void **state)
{
    struct scene *s = *state;
    static const char *const programs[][2] = {
        {"onic-learner", CORRIDOR "--run-dir=run --reward.model=none --listen=tcp://0.0.0.0:*"},
        {"onic-reward-server", CORRIDOR "--run-dir=run --listen=tcp://0.0.0.0:*"},
        {"onic", "train " CORRIDOR "--run-dir=run --reward.model=none --listen=tcp://0.0.0.0:*"}};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char args[400];
        scene_fails_within(s, programs[i][0], programs[i][1], 64, "--security.keys=DIR", 4);
        snprintf(args, sizeof args, "%s --security.keys=nowhere", programs[i][1]);
        scene_fails_within(s, programs[i][0], args, 64, "nowhere holds no", 4);
    }
    program_start(&s->a, s->dir, "a", "onic-learner",
                  CORRIDOR "--run-dir=open --reward.model=none --listen=tcp://0.0.0.0:* "
                           "--security.allow_insecure=true");
    await_word(s->a.err, "without encryption or authentication", SCENE_SOON_MS);
    scene_drain(&s->a);
}

/* On all interfaces, with actors of its own and a reward server that is somebody else's. */
static void a_run_with_keys_leaves_no_secret_anywhere(void **state)
{
    struct scene *s = *state;
    assert_int_equal(program_run(&s->a, s->dir, "a", "onic", "keygen keys", SCENE_LONG_MS), 0);
    assert_int_equal(
        keys_shell(s,
                   "P=" PORT "; $ONIC_BUILD/onic-reward-server " CORRIDOR
                   "--run-dir=labels --listen=tcp://127.0.0.1:$((P + 2)) --security.keys=keys "
                   "2>reward.err & until grep -q 'server is ready' reward.err; do sleep 0.1; done; "
                   "$ONIC_BUILD/onic train " CORRIDOR "--run-dir=run --frames=200000 "
                   "--listen=tcp://0.0.0.0:$P --reward.server=tcp://127.0.0.1:$((P + 2)) "
                   "--actors.count=1 --security.keys=keys 2>train.err; rc=$?; "
                   "$ONIC_BUILD/onic labels count labels/labels.sqlite >count; "
                   "kill $!; wait $!; exit $rc"),
        0);
    assert_int_equal(keys_shell(s, "test $(cat count) -gt 0 && grep -q 'actor joined.*key=' "
                                   "run/log/learner.log"),
                     0);
    assert_int_equal(keys_shell(s,
                                "for k in keys/*.key; do grep -rqF \"$(tail -n 1 $k)\" run labels "
                                "*.err && exit 1; done; grep -q 'keys: ' run/config.yaml"),
                     0);
    assert_int_equal(keys_shell(s, "! grep -l 'without encryption' run/log/learner.log reward.err"),
                     0);
}

static void who_may_not_join_is_told_why(void **state)
{
    struct scene *s = *state;
    assert_int_equal(keys_shell(s, "set -e; $ONIC_BUILD/onic keygen keys; $ONIC_BUILD/onic keygen "
                                   "other; cp keys/learner.allow other"),
                     0);
    program_start_shell(&s->a, s->dir, "a",
                        "P=" PORT "; echo $P >port; exec $ONIC_BUILD/onic-learner " CORRIDOR
                        "--run-dir=run --reward.model=none --listen=tcp://127.0.0.1:$P "
                        "--security.keys=keys");
    await_word(s->a.err, "listening", SCENE_SOON_MS);
    assert_int_equal(keys_shell(s, "exec $ONIC_BUILD/onic-actor --learner=tcp://127.0.0.1:$(cat "
                                   "port) --security.keys=other"),
                     77);
    assert_non_null(strstr(program_text(s->b.err), "not authorised"));
    assert_int_equal(program_lines(&s->b), 1);
    await_word(s->a.err, "its key is in no list", SCENE_SOON_MS);
    program_start_shell(&s->b, s->dir, "b",
                        "while :; do $ONIC_BUILD/onic-actor --learner=tcp://127.0.0.1:$(cat port); "
                        "test $? = 77 || exit; done");
    await_word(s->b.err, "--security.keys=DIR", SCENE_SOON_MS);
    await_word(s->a.err,
               "a connection was refused: it has no keys, and here they are wanted; give that "
               "program --security.keys=DIR",
               SCENE_LONG_MS);
    program_kill(&s->b);
    program_start_shell(&s->b, s->dir, "b",
                        "cp keys/observer.allow other/learner.allow; exec $ONIC_BUILD/onic-actor "
                        "--learner=tcp://127.0.0.1:$(cat port) --security.keys=other");
    await_word(s->b.err, "its key is not in other/learner.allow", SCENE_SOON_MS);
    await_word(s->a.err, "it expects another key here", SCENE_SOON_MS);
    program_kill(&s->b);
    scene_drain(&s->a);
}

static void a_key_in_the_environment_is_taken_out_of_it(void **state)
{
    struct scene *s = *state;
    assert_int_equal(keys_shell(s, "$ONIC_BUILD/onic keygen keys"), 0);
    program_start_shell(&s->a, s->dir, "a",
                        "P=" PORT "; echo $P >port; exec $ONIC_BUILD/onic-learner " CORRIDOR
                        "--run-dir=run --reward.model=none --listen=tcp://127.0.0.1:$P "
                        "--security.keys=keys --frames=1000000000");
    await_word(s->a.err, "listening", SCENE_SOON_MS);
    program_start_shell(
        &s->b, s->dir, "b",
        "export ONIC_CURVE_SECRET=$(tail -n 1 keys/actor.key) ONIC_CURVE_LEARNER=$(cut -c 1-40 "
        "keys/learner.allow); exec $ONIC_BUILD/onic-actor --learner=tcp://127.0.0.1:$(cat port)");
    await_word(s->b.err, "playing", SCENE_SOON_MS);
    char line[600];
    snprintf(line, sizeof line,
             "cd '%s' && ! grep -qaF \"$(tail -n 1 keys/actor.key)\" /proc/%d/environ "
             "/proc/%d/cmdline",
             s->dir, (int)s->b.pid, (int)s->b.pid);
    assert_int_equal(system(line), 0);
    scene_drain(&s->b);
    scene_drain(&s->a);
}

/* Begins or goes on; until it has trained beyond where the one before was killed. */
static void keyed_learner_trains(struct scene *s, const char *name)
{
    double before = metrics_last(s->run, "updates");
    program_start_shell(&s->a, s->dir, name,
                        "exec $ONIC_BUILD/onic-learner " CORRIDOR
                        "--run-dir=run --reward.model=none --listen=tcp://127.0.0.1:$(cat port) "
                        "--security.keys=keys --checkpoint.every_updates=5 --frames=1000000000");
    await_word(s->a.err, "listening", SCENE_LONG_MS);
    scene_await_metric(s, "updates", before >= 0 ? before + 10 : -1);
}

/* The steps of deploy/docs/howto/secure.md: lists first, then the secret, the old key last. The
 * actor is never started again. */
static void a_learner_gets_a_new_key_while_its_actor_lives(void **state)
{
    struct scene *s = *state;
    struct program actor;
    assert_int_equal(keys_shell(s, "$ONIC_BUILD/onic keygen keys && mkdir host && "
                                   "cp keys/actor.key keys/learner.allow host && "
                                   "echo " PORT " >port"),
                     0);
    program_start_shell(&actor, s->dir, "actor",
                        "exec $ONIC_BUILD/onic-actor --learner=tcp://127.0.0.1:$(cat port) "
                        "--security.keys=host");
    keyed_learner_trains(s, "old");
    /* the list is sorted: the old key is the one that is tried first */
    assert_int_equal(keys_shell(s, "cp keys/learner.allow one && "
                                   "until cp one keys/learner.allow && rm -rf fresh && "
                                   "$ONIC_BUILD/onic keygen fresh --role=learner --of=keys && "
                                   "LC_ALL=C sort -c keys/learner.allow; do :; done && "
                                   "test $(wc -l <keys/learner.allow) = 2 && "
                                   "cp keys/learner.allow host"),
                     0);
    program_kill(&s->a);
    assert_int_equal(keys_shell(s, "cp fresh/learner.key keys"), 0);
    keyed_learner_trains(s, "new");
    assert_int_equal(
        keys_shell(s, "tail -n 1 keys/learner.allow >new && cp new host/learner.allow"), 0);
    program_kill(&s->a);
    keyed_learner_trains(s, "alone");
    kill(actor.pid, SIGTERM);
    assert_int_equal(program_wait(&actor, SCENE_LONG_MS), 0);
    scene_drain(&s->a);
}

/* As Slurm starts them, without Slurm: a learner's job and an actor's. */
static void slurms_jobs_use_keys_of_their_own(void **state)
{
    struct scene *s = *state;
    program_start_shell(&s->a, s->dir, "a",
                        "export ONIC_BIN=$ONIC_BUILD ONIC_HOST=127.0.0.1 SLURM_JOB_ID=$$; "
                        "echo 'env: {id: corridor}' >c.yaml; mkdir -p run/slurm; "
                        "bash \"$ONIC_SOURCE/deploy/slurm/actors.sbatch\" run 2>actors.err & "
                        "echo $! >actors.pid; "
                        "exec bash \"$ONIC_SOURCE/deploy/slurm/onic.sbatch\" c.yaml run "
                        "--train.batch=512 --metrics.every_s=0.2 --annotator.id=rules "
                        "--run.frames=1000000000");
    scene_await_metric(s, "annot/labels_total", 0);
    assert_int_equal(keys_shell(s, "k=run/slurm/$(readlink run/slurm/keys) && "
                                   "test $(stat -c %a $k/actor.key) = 600 && "
                                   "grep -q 'actor joined.*key=' run/log/*.log a.err"),
                     0);
    assert_null(strstr(program_text(s->a.err), "without encryption"));
    kill(s->a.pid, SIGTERM);
    int code = program_wait(&s->a, SCENE_LONG_MS);
    keys_shell(s, "kill $(cat actors.pid)");
    assert_int_equal(code, 0);
}

static void doctor_looks_at_keys(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *line, *says;
        int code;
    } cases[] = {
        {"$ONIC_BUILD/onic keygen keys", "actor: a secret, 1 key let in; learner: a secret", 0},
        {"$ONIC_BUILD/onic keygen more --role=actor; cp more/actor.key keys",
         "actor.key is not in actor.allow", 0},
        {"chmod 644 keys/actor.key", "chmod 600 it", 64},
        {"chmod 600 keys/actor.key; echo x >>keys/actor.allow", "actor.allow:2: a line begins", 64},
        {"rm keys/*", "there is no secret in that folder", 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[600];
        snprintf(line, sizeof line,
                 "{ %s; } >/dev/null; exec $ONIC_BUILD/onic doctor --security.keys=keys "
                 "--reward.model=none --annotator.id=rules",
                 cases[i].line);
        assert_int_equal(keys_shell(s, line), cases[i].code);
        if (!strstr(program_text(s->b.out), cases[i].says))
            fail_msg("%s: %s", cases[i].says, program_text(s->b.out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_made_once, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(nothing_listens_beyond_this_machine_without_keys,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_with_keys_leaves_no_secret_anywhere, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(who_may_not_join_is_told_why, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_learner_gets_a_new_key_while_its_actor_lives, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_key_in_the_environment_is_taken_out_of_it, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(slurms_jobs_use_keys_of_their_own, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(doctor_looks_at_keys, scene_setup, scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
