/* SPDX-License-Identifier: MIT */
/* test_slurm_jobs.c - the scripts of deploy/slurm as jobs, without Slurm: one that is not requeued,
 * signals, and programs that die again and again. test_launch_slurm.c has what submits them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

static bool is_there(const struct scene *s, const char *name)
{
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return lstat(path, &st) == 0;
}

/* The jobs' own scripts with programs that only pretend, and a Slurm that requeues at its N-th word
 * (0: never). */
static void give_job(const struct scene *s, const char *learner, int requeues_at)
{
    char scontrol[300];
    static const char drains[] = "#!/bin/sh\ntrap 'exit 0' TERM\ntouch up\n"
                                 "while :; do sleep 0.1; done\n";
    snprintf(scontrol, sizeof scontrol, "%s/bin", s->dir);
    mkdir(scontrol, 0700);
    snprintf(scontrol, sizeof scontrol,
             "#!/bin/sh\necho \"$@\" >>requeued\n"
             "test $(wc -l <requeued) = %d && exit 0\n"
             "echo 'slurm_update error: Unable to contact slurm controller' >&2\nexit 1\n",
             requeues_at);
    scene_script(s, "bin/scontrol", scontrol);
    scene_script(s, "bin/sleep", "#!/bin/sh\nexec /bin/sleep 0.05\n");
    scene_script(s, "bin/onic", "#!/bin/sh\nmkdir -p \"$2\" && echo x >\"$2/observer.key\"\n");
    scene_script(s, "bin/onic-reward-server", drains);
    scene_script(s, "bin/onic-learner", learner);
    scene_script(s, "bin/onic-actor", drains);
}

/* Requeued, or another one. */
static int job_goes_on(struct scene *s, const char *line)
{
    char text[1200];
    snprintf(text, sizeof text,
             "export PATH=$PWD/bin:$PATH ONIC_BIN=$PWD/bin SLURM_JOB_ID=12; rm -f requeued up "
             "lives; mkdir -p run/slurm; "
             "%s",
             line);
    program_start_shell(&s->b, s->dir, "job", text);
    return program_wait(&s->b, SCENE_SOON_MS);
}

static int job(struct scene *s, const char *line)
{
    char text[1000];
    snprintf(text, sizeof text, "rm -rf run; mkdir -p run/slurm; %s", line);
    return job_goes_on(s, text);
}

static void a_job_that_slurm_does_not_requeue_says_so(void **state)
{
    struct scene *s = *state;
    static const char learner[] = "exec bash \"$ONIC_SOURCE/deploy/slurm/onic.sbatch\" '' run";
    static const char actor[] = "ln -s keys-12 run/slurm/keys; echo tcp://x:1 >run/slurm/learner; "
                                "bash \"$ONIC_SOURCE/deploy/slurm/actors.sbatch\" run & "
                                "until [ -e up ]; do sleep 0.1; done; kill -USR1 $!; wait $!";
    give_job(s, "#!/bin/sh\nexit 75\n", 0);
    assert_int_equal(job(s, learner), 75);
    scene_assert_holds(program_text(s->b.err), "Unable to contact slurm controller");
    scene_assert_holds(program_text(s->b.err),
                       "Slurm does not requeue this job, the reason is above");
    char path[400];
    snprintf(path, sizeof path, "%s/run/slurm/done", s->dir);
    assert_int_equal(access(path, F_OK), 0); /* nobody waits for it */
    assert_int_equal(job(s, actor), 75);
    scene_assert_holds(program_text(s->b.err), "the run has an actor less");
    /* once it answers */
    give_job(s, "#!/bin/sh\nexit 75\n", 3);
    assert_int_equal(job(s, learner), 75);
    assert_null(strstr(program_text(s->b.err), "does not requeue"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_string_equal(scene_text(s, "requeued"), "requeue 12\nrequeue 12\nrequeue 12\n");
    assert_int_equal(job(s, actor), 0);
}

/* A signal that comes after a program was started and before its number is known. */
static void a_signal_while_a_program_starts_is_not_lost(void **state)
{
    struct scene *s = *state;
    static const char drains[] = "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n";
    give_job(s, drains, 1);
    scene_write(s, "strike",
                "trap 'case $BASH_COMMAND in learner=\\$!|child=\\$!) trap - DEBUG; touch struck; "
                "kill -USR1 $BASHPID;; esac' DEBUG\n");
    job(s, "BASH_ENV=strike exec bash \"$ONIC_SOURCE/deploy/slurm/onic.sbatch\" '' run");
    assert_string_equal(scene_text(s, "requeued"), "requeue 12\n");
    scene_remove(s, "struck");
    job(s, "ln -s keys-12 run/slurm/keys; echo tcp://x:1 >run/slurm/learner; "
           "BASH_ENV=strike exec bash \"$ONIC_SOURCE/deploy/slurm/actors.sbatch\" run");
    assert_string_equal(scene_text(s, "requeued"), "requeue 12\n");
    scene_remove(s, "struck");
}

/* --- what dies again and again --------------------------------------------------------------- */

enum { LIVES = 20 };

/* A line for each life, and what it dies of. The 25th says that the run is done. */
static void give_mortal(const struct scene *s, const char *name, const char *death)
{
    char text[300], path[60];
    snprintf(text, sizeof text,
             "#!/bin/sh\necho >>lives\n[ $(wc -l <lives) -lt 25 ] || touch run/slurm/done\n%s\n",
             death);
    snprintf(path, sizeof path, "bin/%s", name);
    scene_script(s, path, text);
}

static int lives(const struct scene *s)
{
    return (int)strlen(scene_text(s, "lives")); /* empty lines */
}

/* Each life takes so many seconds by the clock of bash. */
#define LONG_LIVES(seconds)                                                                        \
    "echo \"trap 'case \\$BASH_COMMAND in wait*) SECONDS=\\$((SECONDS + " seconds                  \
    "));; esac' DEBUG\" >long; export BASH_ENV=$PWD/long; "
#define ACTOR                                                                                      \
    "ln -s keys-12 run/slurm/keys; echo tcp://x:1 >run/slurm/learner; "                            \
    "exec bash \"$ONIC_SOURCE/deploy/slurm/actors.sbatch\" run"
#define LEARNER "exec bash \"$ONIC_SOURCE/deploy/slurm/onic.sbatch\" '' run"

static void an_actor_that_dies_at_once_is_given_up(void **state)
{
    struct scene *s = *state;
    give_job(s, "#!/bin/sh\nexit 75\n", 0);
    give_mortal(s, "onic-actor", "kill -ABRT $$");
    assert_int_equal(job(s, ACTOR), 134);
    assert_int_equal(lives(s), LIVES);
    scene_assert_holds(program_text(s->b.err),
                       "the actor has died 20 times, each time within ten "
                       "minutes, the last time with 134: it is not started");
    assert_int_equal(job(s, LONG_LIVES("590") ACTOR), 134);
    assert_int_equal(lives(s), LIVES);
    assert_int_equal(job(s, LONG_LIVES("600") ACTOR), 0);
    assert_int_equal(lives(s), 25);
    /* nobody answered, for a minute or at once */
    give_mortal(s, "onic-actor", "exit 75");
    assert_int_equal(job(s, LONG_LIVES("60") ACTOR), 0);
    assert_int_equal(lives(s), 25);
    assert_int_equal(job(s, ACTOR), 75);
    assert_int_equal(lives(s), LIVES);
    give_mortal(s, "onic-actor", "exit 0"); /* the learner drains, and comes back */
    assert_int_equal(job(s, ACTOR), 0);
    assert_int_equal(lives(s), 25);
    give_mortal(s, "onic-actor", "exit 78");
    assert_int_equal(job(s, ACTOR), 78);
    assert_int_equal(lives(s), 1);
}

static void a_learner_that_dies_at_once_is_given_up(void **state)
{
    struct scene *s = *state;
    give_job(s, "", 0);
    give_mortal(s, "onic-learner", "exit 70");
    assert_int_equal(job(s, LEARNER), 70);
    assert_int_equal(lives(s), LIVES);
    scene_assert_holds(program_text(s->b.err),
                       "the learner has died 20 times, each time within ten "
                       "minutes, the last time with 70: it is not started");
    assert_true(is_there(s, "run/slurm/done")); /* nobody waits for it */
}

/* The first life of all these jobs takes ten minutes by the clock of bash. */
#define LONG_ONCE                                                                                  \
    "echo \"trap 'case \\$BASH_COMMAND in wait*) [ -e longed ] || { touch longed; "                \
    "SECONDS=\\$((SECONDS + 600)); };; esac' DEBUG\" >long; export BASH_ENV=$PWD/long; "

/* Each job counts deaths anew. */
static void a_learner_that_cannot_go_on_is_not_requeued_for_ever(void **state)
{
    struct scene *s = *state;
    give_job(s, "", 1);
    give_mortal(s, "onic-learner", "exit 75");
    for (int try = 0; try < 3; try++) {
        assert_int_equal(job_goes_on(s, LEARNER), 75);
        assert_string_equal(scene_text(s, "requeued"), "requeue 12\n");
        assert_false(is_there(s, "run/slurm/done"));
    }
    /* a long life makes it a new beginning */
    assert_int_equal(job_goes_on(s, LONG_ONCE LEARNER), 75);
    for (int try = 0; try < 2; try++) {
        assert_int_equal(job_goes_on(s, LEARNER), 75);
        assert_string_equal(scene_text(s, "requeued"), "requeue 12\n");
    }
    assert_int_equal(job_goes_on(s, LEARNER), 75);
    assert_false(is_there(s, "requeued"));
    assert_true(is_there(s, "run/slurm/done")); /* nobody waits for it */
    scene_assert_holds(program_text(s->b.err),
                       "the learner could not go on in this job, nor in the three before it");
}

/* The learner stays: it trains with the labels there are. */
static void a_reward_server_that_dies_at_once_is_given_up(void **state)
{
    struct scene *s = *state;
    give_job(s,
             "#!/bin/sh\nuntil [ $(wc -l <lives) -ge 20 ]; do sleep 1; done\n"
             "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done\n",
             0);
    give_mortal(s, "onic-reward-server", "exit 73");
    assert_int_equal(job(s, LEARNER), 0);
    assert_int_equal(lives(s), LIVES);
    scene_assert_holds(program_text(s->b.err),
                       "the reward server has died 20 times, each time within "
                       "ten minutes, the last time with 73: it is not started");
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_job_that_slurm_does_not_requeue_says_so),
        SCENE(a_signal_while_a_program_starts_is_not_lost),
        SCENE(an_actor_that_dies_at_once_is_given_up),
        SCENE(a_learner_that_dies_at_once_is_given_up),
        SCENE(a_learner_that_cannot_go_on_is_not_requeued_for_ever),
        SCENE(a_reward_server_that_dies_at_once_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
