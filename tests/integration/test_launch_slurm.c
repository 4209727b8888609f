/* SPDX-License-Identifier: MIT */
/* test_launch_slurm.c - `onic launch slurm`: what sbatch is asked for, with one that writes down
 * what it was asked for; tests/deploy/test_slurm.sh has a real one. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/hostile_text.h"
#include "tests/support/scene.h"

/* Each call adds a line of its words, and the script that it was given on stdin. */
static const char SBATCH[] = "#!/bin/sh\n"
                             "test -n \"$SBATCH_ARRAY_INX$SBATCH_WAIT\" && exit 1\n"
                             "n=$(cat number 2>/dev/null || echo 100)\n"
                             "echo $((n + 1)) >number\n"
                             "echo \"$((n + 1)) ${JUDGE_API_KEY:-none}\" >>keys\n"
                             "for word; do printf '[%s]' \"$word\" >>asked; done\n"
                             "echo >>asked\n"
                             "if ! [ -t 0 ]; then cat >>job$n; fi\n"
                             "echo $((n + 1))\n";
/* A user's variables change what a real one is asked. */
static const char SQUEUE[] = "#!/bin/sh\n"
                             "echo \"$@\" >>questions\n"
                             "env | grep -q ^SQUEUE_ && exit 0\n"
                             "cat squeue_said >&2 2>/dev/null\n"
                             "cat queue 2>/dev/null\n"
                             "exit $(cat squeue_code 2>/dev/null || echo 0)\n";
static const char SCANCEL[] = "#!/bin/sh\necho \"$@\" >cancelled\n";
static const char SCONTROL[] = "#!/bin/sh\necho \"$@\" >>controlled\n"
                               "ls a/slurm >seen 2>/dev/null\n"
                               "cat scontrol_said >&2 2>/dev/null && exit 1\nexit 0\n";
static const char SCANCEL_FAILS[] = "#!/bin/sh\ncat scancel_said >&2\nexit 1\n";
static const char REFUSES[] = "#!/bin/sh\n"
                              "echo 'sbatch: error: invalid partition specified: nope' >&2\n"
                              "echo 'sbatch: error: Batch job submission failed' >&2\n"
                              "exit 1\n";
/* Takes learners, has no room for actors. */
static const char TAKES_ONE[] = "#!/bin/sh\n"
                                "case \"$*\" in *actors*) echo 'sbatch: error: Invalid job array "
                                "specification' >&2; exit 1;; esac\n"
                                "echo 7\n";
static const char NO_CONTROLLER[] =
    "#!/bin/sh\n"
    "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller' >&2\n"
    "exit 1\n";
/* Installed, and no cluster. */
static const char NO_CLUSTER[] =
    "#!/bin/sh\n"
    "echo 'sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host' >&2\n"
    "echo 'sbatch: fatal: Could not establish a configuration source' >&2\n"
    "exit 1\n";
static const char TIMES_OUT[] =
    "#!/bin/sh\n"
    "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv' >&2\n"
    "exit 1\n";
static const char FILE_OF_TWO[] = "options: {env.id: corridor, annotator.id: rules}\n"
                                  "seeds: [1, 2]\n"
                                  "grid:\n"
                                  "  train.lr: [0.001, 0.002]\n";

static void give_slurm(const struct scene *s, const char *sbatch)
{
    char path[400];
    snprintf(path, sizeof path, "%s/bin", s->dir);
    mkdir(path, 0700);
    scene_script(s, "bin/sbatch", sbatch);
    scene_script(s, "bin/squeue", SQUEUE);
    scene_script(s, "bin/scancel", SCANCEL);
    scene_script(s, "bin/scontrol", SCONTROL);
}

static int launch(struct scene *s, const char *args)
{
    char line[1200];
    snprintf(line, sizeof line, "PATH=%s/bin:/usr/bin:/bin launch %s", s->dir, args);
    return program_run(&s->a, s->dir, "launch", "onic", line, SCENE_SOON_MS);
}

static void a_run_is_a_job_and_an_array_of_actors(void **state)
{
    struct scene *s = *state;
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml", "env:\n  id: corridor\nactors:\n  step_timeout_s: 20\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=64 --partition=cpu --mem=4G "
                               "--train.lr=0.01 --log.level=debug --run-dir=runs/a "
                               "--sbatch=--constraint=avx2 --actor-sbatch=--partition=spot"),
                     0);
    assert_string_equal(scene_text(s, "launch.out"), "101 102 runs/a\n");
    const char *asked = scene_text(s, "asked");
    scene_assert_holds(asked,
                       "[--begin=now+600][--cpus-per-task=4][--signal=B:USR1@120][--mem=4G]");
    scene_assert_holds(asked, "[--requeue][--open-mode=append]");
    scene_assert_holds(asked, "[--partition=cpu][--constraint=avx2][");
    scene_assert_holds(asked, "/slurm/onic.sbatch][c.yaml][runs/a][--train.lr=0.01]"
                              "[--log.level=debug]\n");
    scene_assert_holds(asked, "[--array=1-64][--dependency=after:101][--mem=2G]");
    scene_assert_holds(asked, "[--partition=cpu][--constraint=avx2][--partition=spot][");
    /* of its options an actor gets what only its machine knows */
    scene_assert_holds(asked, "/slurm/actors.sbatch][runs/a][--actors.step_timeout_s=20]"
                              "[--log.level=debug]\n");
    assert_string_equal(scene_text(s, "runs/a/slurm/job"), "101\n");
    assert_string_equal(scene_text(s, "controlled"), "update JobId=101 StartTime=now\n");
}

/* The reward server runs in the learner's job; an actor asks no model. */
static void a_key_goes_with_the_learner_alone(void **state)
{
    struct scene *s = *state;
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    setenv("JUDGE_API_KEY", "sesame", 1);
    int code = launch(s, "slurm c.yaml --actors=3 --run-dir=runs/a");
    unsetenv("JUDGE_API_KEY");
    assert_int_equal(code, 0);
    assert_string_equal(scene_text(s, "keys"), "101 sesame\n102 none\n");
}

/* What is printed is what is run, also of names that a shell would take apart. */
static void a_dry_run_prints_the_script_and_leaves_no_trace(void **state)
{
    struct scene *s = *state;
    char line[600], path[400];
    struct timespec begin, end;
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --dry-run --run-dir=runs/$(id)%j'"), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long took_ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    assert_true(took_ms < 1000 * SCENE_SLOWNESS); /* it takes 20 */
    scene_assert_holds(scene_text(s, "launch.out"), "[ -n \"$job\" ]");
    snprintf(path, sizeof path, "%s/runs", s->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(line, sizeof line, "PATH=%s/bin:$PATH; bash launch.out", s->dir);
    program_start_shell(&s->b, s->dir, "b", line);
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
    assert_string_equal(program_text(s->b.out), "101 102 runs/$(id)%j'\n");
    scene_assert_holds(scene_text(s, "asked"), "[--output=runs/$(id)%%j'/slurm/learner-%j.log]");
    scene_assert_holds(scene_text(s, "asked"), "/actors.sbatch][runs/$(id)%j']\n");
}

static void a_sweep_is_one_array_of_learners(void **state)
{
    struct scene *s = *state;
    give_slurm(s, SBATCH);
    scene_write(s, "two.yaml", FILE_OF_TWO);
    assert_int_equal(launch(s, "slurm two.yaml --actors=8 --jobs=3"), 0);
    scene_assert_holds(scene_text(s, "launch.out"), "101_0 102 runs/two/lr=0.001-s1\n"
                                                    "101_1 103 runs/two/lr=0.001-s2\n"
                                                    "101_2 104 runs/two/lr=0.002-s1\n"
                                                    "101_3 105 runs/two/lr=0.002-s2\n");
    scene_assert_holds(scene_text(s, "asked"), "[--array=0,1,2,3%3]");
    scene_assert_holds(scene_text(s, "asked"), "[--dependency=after:101_3]");
    scene_assert_holds(scene_text(s, "job100"),
                       "  2) set -- '' runs/two/lr=0.002-s1 --env.id=corridor --annotator.id=rules "
                       "--train.lr=0.002 --seed=1 ;;\n");
    /* the same folder as that of `onic sweep`, which goes on with it */
    assert_int_equal(
        program_run(&s->b, s->dir, "b", "onic", "sweep two.yaml --dry-run", SCENE_SOON_MS), 0);
}

static void what_slurm_refuses_is_said_in_a_sentence(void **state)
{
    struct scene *s = *state;
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    give_slurm(s, REFUSES);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --partition=nope --run-dir=a"), 64);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(scene_text(s, "launch.err"),
                       "Slurm refused: invalid partition specified: nope; "
                       "`sinfo -s` shows the partitions");
    give_slurm(s, NO_CLUSTER);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 64);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(scene_text(s, "launch.err"),
                       "sbatch is here and knows no cluster (resolve_ctls");
    give_slurm(s, TAKES_ONE);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 64);
    scene_assert_holds(scene_text(s, "launch.err"), "MaxArraySize");
    assert_string_equal(scene_text(s, "cancelled"), "7\n"); /* no learner without actors */
    scene_write(s, "file", "");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=file/run"), 73);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(scene_text(s, "launch.err"), "cannot create directory");
    scene_fails(s, "onic", "PATH=/nowhere launch slurm c.yaml --actors=3", 64, "no sbatch here");
}

/* What Slurm's plug-ins say is shown, and does nothing. */
static void what_slurm_says_does_not_act_on_the_terminal(void **state)
{
    struct scene *s = *state;
    char said[300];
    give_slurm(s, SBATCH);
    scene_script(s, "bin/sbatch", "#!/bin/sh\ncat sbatch_said >&2\nexit 1\n");
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    snprintf(said, sizeof said, "sbatch: error: no %s\n", hostile_text);
    scene_write(s, "sbatch_said", said);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 64);
    snprintf(said, sizeof said, "%s", scene_text(s, "launch.err"));
    scene_assert_holds(said, "Slurm refused: no a");
    scene_assert_holds(said, "31md");
    said[strcspn(said, "\n")] = '\0';
    assert_null(hostile_text_in(said));
}

static void a_run_in_the_queue_is_not_submitted_again(void **state)
{
    struct scene *s = *state;
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    give_slurm(s, SBATCH);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    scene_write(s, "queue", "queued 101\n");
    scene_write(s, "a/slurm/learner", "tcp://n1:20000\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 73);
    scene_assert_holds(scene_text(s, "launch.err"), "a is in the queue already, as job 101");
    assert_string_equal(scene_text(s, "a/slurm/learner"), "tcp://n1:20000\n");
}

static bool is_there(const struct scene *s, const char *name)
{
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return lstat(path, &st) == 0;
}

/* As `onic train` says it, and sweeps leave out what is trained. */
static void a_run_at_its_end_is_not_submitted(void **state)
{
    struct scene *s = *state;
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml",
                "run:\n  frames: 3000\nenv:\n  id: corridor\nreward:\n  model: none\n");
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic",
                                 "train c.yaml --run-dir=a --actors.count=1", SCENE_SOON_MS),
                     0);
    for (int dry = 0; dry < 2; dry++) {
        char args[100];
        snprintf(args, sizeof args, "slurm c.yaml --actors=3 --run-dir=a%s",
                 dry ? " --dry-run" : "");
        assert_int_equal(launch(s, args), 0);
        assert_int_equal(program_lines(&s->a), 1);
        scene_assert_holds(
            scene_text(s, "launch.err"),
            "nothing to do: the run in a has reached run.frames=3000 already; it goes on "
            "with --frames=");
        assert_string_equal(scene_text(s, "launch.out"), "");
    }
    assert_false(is_there(s, "asked"));
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a --frames=100000"), 0);
    assert_string_equal(scene_text(s, "launch.out"), "101 102 a\n");
}

/* A run that was launched as job 101 and is done; Slurm has forgotten the job. */
static void give_done_run(struct scene *s)
{
    char link[400];
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    scene_write(s, "a/slurm/learner", "tcp://n1:20000\n");
    scene_write(s, "a/slurm/done", "");
    snprintf(link, sizeof link, "%s/a/slurm/keys", s->dir);
    assert_int_equal(symlink("keys-101", link), 0);
    scene_write(s, "squeue_said", "slurm_load_jobs error: Invalid job id specified\n");
    scene_write(s, "squeue_code", "1\n");
}

static void assert_as_it_was(const struct scene *s)
{
    assert_string_equal(scene_text(s, "a/slurm/job"), "101\n");
    assert_string_equal(scene_text(s, "a/slurm/learner"), "tcp://n1:20000\n");
    assert_true(is_there(s, "a/slurm/done") && is_there(s, "a/slurm/keys"));
}

static void what_slurm_does_not_take_changes_nothing(void **state)
{
    struct scene *s = *state;
    give_done_run(s);
    scene_script(s, "bin/sbatch", REFUSES);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 64);
    assert_as_it_was(s);
    scene_script(s, "bin/sbatch", TAKES_ONE);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 64);
    assert_string_equal(scene_text(s, "cancelled"), "7\n");
    assert_as_it_was(s);
    /* what was taken begins when nothing of an earlier job is left */
    scene_script(s, "bin/sbatch", SBATCH);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    assert_string_equal(scene_text(s, "controlled"),
                        "update JobId=101 StartTime=now\nupdate JobId=103 StartTime=now\n");
    assert_string_equal(scene_text(s, "seen"), "job\n");
    assert_string_equal(scene_text(s, "a/slurm/job"), "103\n");
}

static void all_runs_of_a_sweep_are_asked_for_first(void **state)
{
    struct scene *s = *state;
    give_done_run(s);
    scene_write(s, "a.yaml",
                "options: {env.id: corridor, annotator.id: rules}\nseeds: [1, 2, 3]\n");
    assert_int_equal(launch(s, "slurm a.yaml --actors=2 --run-dir=w"), 0);
    scene_write(s, "w/s1/slurm/learner", "tcp://n1:20000\n");
    scene_remove(s, "asked");
    /* the first is gone, the second is not */
    scene_script(s, "bin/squeue",
                 "#!/bin/sh\ncase \"$*\" in *_1*) echo queued 103_1; exit 0;; esac\n"
                 "echo 'slurm_load_jobs error: Invalid job id specified' >&2\nexit 1\n");
    assert_int_equal(launch(s, "slurm a.yaml --actors=2 --run-dir=w"), 73);
    scene_assert_holds(scene_text(s, "launch.err"), "w/s2 is in the queue already, as job 103_1");
    assert_string_equal(scene_text(s, "w/s1/slurm/learner"), "tcp://n1:20000\n");
    assert_string_equal(scene_text(s, "w/s1/slurm/job"), "103_0\n");
    assert_false(is_there(s, "asked"));
}

static void jobs_that_slurm_does_not_begin_are_named(void **state)
{
    struct scene *s = *state;
    give_slurm(s, SBATCH);
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    scene_write(s, "scontrol_said", "slurm_suspend error: Unable to contact slurm controller\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 75);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(
        scene_text(s, "launch.err"),
        "Slurm has the jobs and begins them in ten minutes only: slurm_suspend error: "
        "Unable to contact slurm controller; at once: scontrol update JobId=101 "
        "StartTime=now\n");
    assert_string_equal(scene_text(s, "launch.out"), "");
    assert_string_equal(scene_text(s, "a/slurm/job"), "101\n"); /* the next launch asks for it */
    assert_false(is_there(s, "cancelled"));
    /* a user's own --begin is when they begin */
    assert_int_equal(
        launch(s, "slurm c.yaml --actors=3 --run-dir=b --learner-sbatch=--begin=20:00"), 0);
    assert_string_equal(scene_text(s, "launch.out"), "103 104 b\n");
    assert_string_equal(scene_text(s, "controlled"), "update JobId=101 StartTime=now\n");
}

/* SQUEUE_STATES=RUNNING hides a job that waits; SBATCH_WAIT waits for one that does not begin. */
static void variables_for_slurm_change_no_question(void **state)
{
    struct scene *s = *state;
    char line[1200];
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    give_slurm(s, SBATCH);
    snprintf(line, sizeof line,
             "SQUEUE_STATES=RUNNING SQUEUE_FORMAT=%%j SCANCEL_USER=x SBATCH_WAIT=1 "
             "SBATCH_ARRAY_INX=1-3 PATH=%s/bin:/usr/bin:/bin launch slurm c.yaml --actors=3 "
             "--run-dir=a",
             s->dir);
    assert_int_equal(program_run(&s->a, s->dir, "launch", "onic", line, SCENE_SOON_MS), 0);
    scene_write(s, "queue", "queued 101\n");
    assert_int_equal(program_run(&s->a, s->dir, "launch", "onic", line, SCENE_SOON_MS), 73);
    scene_assert_holds(scene_text(s, "launch.err"), "a is in the queue already, as job 101");
    assert_string_equal(scene_text(s, "questions"), "-a -h -o queued %i -j 101\n");
}

/* What Slurm did not answer is no "it is gone". */
static void a_question_that_failed_removes_nothing(void **state)
{
    struct scene *s = *state;
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    give_slurm(s, SBATCH);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    scene_write(s, "a/slurm/learner", "tcp://n1:20000\n");
    scene_write(s, "squeue_said", "slurm_load_jobs error: Unable to contact slurm controller\n");
    scene_write(s, "squeue_code", "1\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 75);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(scene_text(s, "launch.err"),
                       "whether a is still in the queue, as job 101, squeue "
                       "does not say: slurm_load_jobs error: Unable to "
                       "contact slurm controller; try again");
    assert_string_equal(scene_text(s, "a/slurm/learner"), "tcp://n1:20000\n");
    assert_string_equal(scene_text(s, "a/slurm/job"), "101\n");
    /* Slurm forgets a job after minutes */
    scene_write(s, "squeue_said", "slurm_load_jobs error: Invalid job id specified\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    assert_string_equal(scene_text(s, "launch.out"), "103 104 a\n");
    assert_string_equal(scene_text(s, "a/slurm/learner"), "");
    /* a warning is no job */
    scene_write(s, "squeue_said", "squeue: warning: the clock is behind\n");
    scene_write(s, "squeue_code", "0\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 0);
    assert_string_equal(scene_text(s, "a/slurm/job"), "105\n");
}

static void what_may_be_left_in_the_queue_is_said(void **state)
{
    struct scene *s = *state;
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    give_slurm(s, TAKES_ONE);
    scene_script(s, "bin/scancel", SCANCEL_FAILS);
    scene_write(s, "scancel_said", "scancel: error: Unable to contact slurm controller\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=a"), 75);
    assert_int_equal(program_lines(&s->a), 1);
    scene_assert_holds(scene_text(s, "launch.err"),
                       "scancel does not take it out: scancel: error: Unable "
                       "to contact slurm controller; when Slurm answers: "
                       "scancel 7\n");
    assert_string_equal(scene_text(s, "a/slurm/job"), "7\n"); /* the next launch asks for it */
    scene_write(s, "scancel_said", "scancel: error: Kill job error on job id 7: Invalid job id\n");
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=b"), 64);
    assert_false(is_there(s, "b/slurm/job"));
    give_slurm(s, NO_CONTROLLER);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=c"), 75);
    scene_assert_holds(scene_text(s, "launch.err"), "Slurm did not answer");
    scene_assert_holds(scene_text(s, "launch.err"), "scontrol ping");
    give_slurm(s, TIMES_OUT);
    assert_int_equal(launch(s, "slurm c.yaml --actors=3 --run-dir=c"), 75);
    scene_assert_holds(scene_text(s, "launch.err"), "`squeue --me` shows whether it took the job");
}

static void what_is_asked_for_wrongly_is_refused(void **state)
{
    struct scene *s = *state;
    scene_write(s, "c.yaml", "env:\n  id: corridor\n");
    scene_write(s, "two.yaml", FILE_OF_TWO);
    scene_fails(s, "onic", "launch", 64, "say what to launch on");
    scene_fails(s, "onic", "launch kubernetes c.yaml", 64, "deploy/kubernetes");
    scene_fails(s, "onic", "launch slurm c.yaml", 64, "--actors=64");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=0", 64, "from 1 to 100000");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --mem=0", 64,
                "without a limit of memory");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --actor-mem=much", 64, "--actor-mem");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --sbatch=avx2", 64, "with its dashes");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --sbatch=--array=1-9", 64,
                "--sbatch=--array=1-9 is not for a launch: --actors=N");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --actor-sbatch=-W", 64, "would wait");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --sbatch=-Mother", 64, "SLURM_CLUSTERS");
    scene_fails(s, "onic", "launch slurm c.yaml --actors=2 --listen=tcp://*:1", 64, "ONIC_PORT");
    scene_fails(s, "onic", "launch slurm nope.yaml --actors=2", 64, "nope.yaml");
    scene_fails(s, "onic", "launch slurm c.yaml two.yaml --actors=2", 64, "give it alone");
    scene_fails(s, "onic", "launch slurm --actors=2 --env.id=corridr", 64, "corridr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_a_job_and_an_array_of_actors, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_key_goes_with_the_learner_alone, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_dry_run_prints_the_script_and_leaves_no_trace,
                                        scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_sweep_is_one_array_of_learners, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(what_slurm_refuses_is_said_in_a_sentence, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(what_slurm_says_does_not_act_on_the_terminal, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_in_the_queue_is_not_submitted_again, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_run_at_its_end_is_not_submitted, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(what_slurm_does_not_take_changes_nothing, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(all_runs_of_a_sweep_are_asked_for_first, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(jobs_that_slurm_does_not_begin_are_named, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(variables_for_slurm_change_no_question, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(a_question_that_failed_removes_nothing, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(what_may_be_left_in_the_queue_is_said, scene_setup,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_for_wrongly_is_refused, scene_setup,
                                        scene_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
