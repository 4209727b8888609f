/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_bad_disk.c - disks that are full and checkpoints that are damaged, against the real
 * programs: one clear sentence, the exit code of deploy/interface.md section 3, and nothing lost.
 * */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/failing_call.h"
#include "tests/support/scene.h"

/* --- disk ------------------------------------------------------------------------------------ */

/* A small file system of its own at s->run's parent; skipped where that is not allowed. */
static void mount_small(struct scene *s, const char *size)
{
    char path[400], options[64];
    snprintf(path, sizeof path, "%s/disk", s->dir);
    snprintf(options, sizeof options, "size=%s", size);
    assert_int_equal(mkdir(path, 0700), 0);
    if (mount("none", path, "tmpfs", 0, options) != 0) {
        print_message("a file system cannot be mounted here\n");
        skip();
    }
    snprintf(s->run, sizeof s->run, "%.200s/run", path);
}

static void unmount(struct scene *s)
{
    char path[400];
    snprintf(path, sizeof path, "%s/disk", s->dir);
    umount2(path, MNT_DETACH);
}

static int teardown_disk(void **state)
{
    struct scene *s = *state;
    program_kill(&s->a);
    unmount(s);
    return scene_teardown(state);
}

static void fill_disk(struct scene *s)
{
    char path[400];
    static char block[4096];
    snprintf(path, sizeof path, "%s/disk/ballast", s->dir);
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    setvbuf(f, NULL, _IONBF, 0);
    while (fwrite(block, 1, sizeof block, f) == sizeof block)
        ;
    fclose(f);
}

static void free_disk(struct scene *s)
{
    char path[400];
    snprintf(path, sizeof path, "%s/disk/ballast", s->dir);
    assert_int_equal(unlink(path), 0);
}

static void a_disk_that_is_full_at_the_start_is_73(void **state)
{
    struct scene *s = *state;
    mount_small(s, "64k");
    scene_fails(s, "onic", "train --run-dir=disk/run --annotator.id=rules", 73,
                "there is no room for a run in disk/run, not even for 1 MiB");
}

static void a_file_size_limit_at_the_start_is_73(void **state)
{
    struct scene *s = *state;
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 65536;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int code = program_run(&s->a, s->dir, "a", "onic", "train --run-dir=run --annotator.id=rules",
                           SCENE_LONG_MS);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, 73);
    assert_int_equal(program_lines(&s->a), 1);
    assert_non_null(strstr(program_text(s->a.err), "there is no room for a run in run"));
    assert_non_null(
        strstr(program_text(s->a.err), "files may have 65536 bytes at most (ulimit -f)"));
}

/* Another code would have a supervisor start it again. */
static void a_sweep_without_room_at_the_start_is_73_as_a_run_is(void **state)
{
    struct scene *s = *state;
    program_start_shell(
        &s->a, s->dir, "sweep",
        "echo 'options: {env.id: corridor}' >s.yaml; { bash -c 'ulimit -f 0; exec "
        "\"$ONIC_BUILD\"/onic sweep s.yaml --run-dir=sweep'; echo code $?; } 2>&1 | "
        "cat");
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 0);
    const char *out = program_text(s->a.out);
    if (!strstr(out, "sweep/sweep.json") || !strstr(out, "0 bytes at most (ulimit -f)\n") ||
        !strstr(out, "code 73\n"))
        fail_msg("%s", out);
}

static bool has_checkpoint(void *ctx)
{
    const struct scene *s = ctx;
    char path[400];
    snprintf(path, sizeof path, "%s/checkpoints/LATEST", s->run);
    return access(path, F_OK) == 0;
}

/* Less than a checkpoint, more than what it says of that. The limit is no signal that would have
 * it started again for ever. */
static void a_file_size_limit_while_it_trains_ends_it_as_a_full_disk_does(void **state)
{
    struct scene *s = *state;
    const struct rlimit tight = {300000, 300000};
    program_start(&s->a, s->dir, "a", "onic",
                  "train --env.id=corridor --actors.count=1 --run-dir=run --annotator.id=rules "
                  "--checkpoint.every_s=1 --frames=2000000000 --run.restarts=2");
    assert_true(wait_until(has_checkpoint, s, SCENE_LONG_MS));
    pid_t learner = process_child(s->a.pid, "onic-learner");
    assert_true(learner > 0);
    assert_int_equal(prlimit(learner, RLIMIT_FSIZE, &tight, NULL), 0);
    assert_int_equal(prlimit(s->a.pid, RLIMIT_FSIZE, &tight, NULL), 0); /* of the next ones */
    int code = program_wait(&s->a, 2 * SCENE_LONG_MS);
    const char *said = program_text(s->a.err);
    if ((code != 73 && code != 74) || strstr(said, "signal") ||
        !strstr(said, "File too large; files may have 300000 bytes at most (ulimit -f)"))
        fail_msg("%d: %s", code, said);
}

/* Full, and nothing reserved for checkpoints: somebody else took that, too. With one that is kept
 * there is no older one either whose space would do. */
static void fill_disk_wholly(struct scene *s)
{
    char path[400];
    snprintf(path, sizeof path, "%s/checkpoints/RESERVE", s->run);
    do {
        fill_disk(s);
        unlink(path);
        fill_disk(s);
    } while (access(path, F_OK) == 0);
}

static int newest_version(const struct scene *s)
{
    char path[600];
    struct dirent **names;
    int version = -1;
    snprintf(path, sizeof path, "%s/checkpoints", s->run);
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (strncmp(names[i]->d_name, "ckpt-", 5) == 0 && !strstr(names[i]->d_name, ".tmp."))
            version = atoi(names[i]->d_name + 5);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    return version;
}

struct rise {
    const struct scene *s;
    int above;
};

static bool has_risen(void *ctx)
{
    struct rise *r = ctx;
    return newest_version(r->s) > r->above;
}

/* Nothing can be written, so nothing can be seen in the metrics: the checkpoints tell that it goes
 * on, one in the place of another. */
static void a_full_disk_ends_no_training_and_keeps_checkpoints_possible(void **state)
{
    struct scene *s = *state;
    mount_small(s, "16m");
    scene_train(s, "--run-dir=disk/run --checkpoint.every_s=0.3 --checkpoint.fail_max=3");
    scene_await_metric(s, "checkpoint/written_total", 3);
    fill_disk(s);
    for (int i = 0; i < 6; i++) { /* twice as many as could fail, and more than are kept */
        struct rise r = {s, newest_version(s)};
        assert_true(wait_until(has_risen, &r, SCENE_LONG_MS));
    }
    await_word(s->a.err, "the disk of the run directory is full: training goes on", SCENE_LONG_MS);
    int version = newest_version(s);
    free_disk(s);
    await_word(s->a.err, "the disk of the run directory has room again", SCENE_LONG_MS);
    scene_trains_on(s);
    program_kill(&s->a);
    scene_train(s, "--run-dir=disk/run"); /* and the newest of them is good */
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    assert_null(strstr(program_text(s->a.err), "skipped a damaged checkpoint"));
    assert_true(newest_version(s) >= version);
    scene_drain(&s->a);
}

static void a_disk_that_fills_up_is_said_and_free_again_nothing_is_lost(void **state)
{
    struct scene *s = *state;
    mount_small(s, "16m");
    scene_train(s, "--run-dir=disk/run --checkpoint.keep=1 --checkpoint.every_s=0.3 "
                   "--checkpoint.fail_max=1000");
    scene_await_metric(s, "checkpoint/written_total", 1);
    fill_disk_wholly(s);
    await_word(s->a.err, "a checkpoint was not written; training goes on", SCENE_SOON_MS);
    free_disk(s);
    scene_trains_on(s);
    scene_await_metric(s, "checkpoint/written_total",
                       metrics_last(s->run, "checkpoint/written_total"));
    scene_drain(&s->a);
}

static void a_record_that_cannot_grow_ends_and_the_run_goes_on(void **state)
{
    struct scene *s = *state;
    mount_small(s, "24m");
    scene_train(s, "--run-dir=disk/run --checkpoint.every_s=0.3 --checkpoint.fail_max=1000 "
                   "--record --record.max_mb=16");
    scene_await_metric(s, "checkpoint/written_total", 1);
    fill_disk_wholly(s);
    await_word(s->a.err,
               "the run is not recorded any more and goes on; what there is can be "
               "repeated up to its last whole update",
               SCENE_LONG_MS);
    free_disk(s);
    scene_trains_on(s);
    scene_drain(&s->a);
}

/* Alone: below `onic train` its log is on the same disk. */
static void start_learner_alone(struct scene *s, const char *checkpoints)
{
    char args[800];
    snprintf(args, sizeof args,
             "--run-dir=disk/run --listen=ipc://%s/l --env.id=minigrid:KeyCorridorS3R3 "
             "--env.count=8 --train.batch=1024 --reward.model=counts --actors.count=1 "
             "--metrics.every_s=0.2 %s",
             s->dir, checkpoints);
    program_start(&s->a, s->dir, "a", "onic-learner", args);
    snprintf(args, sizeof args, "--learner=ipc://%s/l", s->dir);
    program_start(&s->b, s->dir, "b", "onic-actor", args);
}

/* The counts of new states: each checkpoint is larger than the one before. */
static void what_grows_on_a_full_disk_gets_the_space_of_older_ones(void **state)
{
    struct scene *s = *state;
    mount_small(s, "24m");
    start_learner_alone(s, "--checkpoint.every_s=0.3 --checkpoint.fail_max=3 --checkpoint.keep=5");
    scene_await_metric(s, "checkpoint/written_total", 5);
    fill_disk(s);
    for (int i = 0; i < 4; i++) { /* the reserve alone is enough for one or two */
        struct rise r = {s, newest_version(s)};
        assert_true(wait_until(has_risen, &r, SCENE_LONG_MS));
    }
    await_word(s->a.err,
               "the disk is full: older checkpoints were given up for the space of a new one",
               SCENE_SOON_MS);
    assert_null(strstr(program_text(s->a.err), "a checkpoint was not written"));
    int version = newest_version(s);
    program_kill(&s->a); /* what was written there is all that is left */
    program_kill(&s->b);
    free_disk(s);
    start_learner_alone(s, "");
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    assert_null(strstr(program_text(s->a.err), "skipped a damaged checkpoint"));
    assert_true(newest_version(s) >= version);
    scene_trains_on(s);
    scene_drain(&s->a);
}

static void each_file_that_a_learner_cannot_write_is_named(void **state)
{
    struct scene *s = *state;
    mount_small(s, "16m");
    start_learner_alone(s, "--checkpoint.every_s=3600");
    scene_await_metric(s, "env_steps", 0);
    fill_disk_wholly(s);
    await_word(s->a.err, "the ledger file was not written why=\"cannot ", SCENE_SOON_MS);
    /* of metrics.jsonl or, while its last block has room for a line, of the event file */
    await_word(s->a.err, " metrics were not written why=\"", SCENE_SOON_MS);
    kill(s->a.pid, SIGINT);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 74);
    await_word(s->a.err, "the last metrics were not written why=\"metrics.jsonl ", SCENE_SOON_MS);
    await_word(s->a.err, "the last checkpoint was not written: cannot ", SCENE_SOON_MS);
    assert_int_equal(program_wait(&s->b, SCENE_LONG_MS), 0);
    free_disk(s);
    start_learner_alone(s, "--checkpoint.every_s=3600"); /* from the one that it began with */
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    scene_trains_on(s);
    scene_drain(&s->a);
}

static void a_disk_that_stays_full_ends_the_run_with_74(void **state)
{
    struct scene *s = *state;
    mount_small(s, "16m");
    scene_train(
        s,
        "--run-dir=disk/run --checkpoint.keep=1 --checkpoint.every_s=0.3 --checkpoint.fail_max=3");
    scene_await_metric(s, "checkpoint/written_total", 1);
    scene_await_metric(s, "annot/labels_total", 0); /* what is not there yet is 73 */
    fill_disk_wholly(s);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 74);
    assert_non_null(strstr(program_text(s->a.err), "3 checkpoints in a row could not be written"));
    assert_non_null(strstr(program_text(s->a.err), "because=\"training failed\""));
    double steps = metrics_last(s->run, "env_steps");
    free_disk(s);
    scene_train(s, "--run-dir=disk/run --checkpoint.every_s=0.3"); /* the last good one is there */
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    scene_await_metric(s, "env_steps", steps);
    scene_drain(&s->a);
}

/* --- checkpoints ----------------------------------------------------------------------------- */

enum harm { FLIP, CUT };

/* Damages the newest checkpoints; returns how many there were. */
static int damage(struct scene *s, int newest, enum harm how)
{
    char path[600];
    struct dirent **names;
    snprintf(path, sizeof path, "%s/checkpoints", s->run);
    int n = scandir(path, &names, NULL, alphasort), seen = 0;
    assert_true(n > 0);
    for (int i = n - 1; i >= 0; i--) {
        bool is_one = strncmp(names[i]->d_name, "ckpt-", 5) == 0;
        snprintf(path, sizeof path, "%s/checkpoints/%s", s->run, names[i]->d_name);
        free(names[i]);
        if (!is_one || seen++ >= newest)
            continue;
        if (how == CUT) {
            assert_int_equal(truncate(path, 5000), 0);
            continue;
        }
        FILE *f = fopen(path, "r+e");
        assert_non_null(f);
        fseek(f, 70000, SEEK_SET);
        int c = fgetc(f);
        fseek(f, 70000, SEEK_SET);
        fputc(c ^ 0x10, f);
        fclose(f);
    }
    free(names);
    return seen;
}

static void a_damaged_checkpoint_is_skipped_and_all_damaged_is_74(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--checkpoint.every_s=0.3 --frames=1000000000");
    scene_await_metric(s, "checkpoint/written_total", 3);
    scene_drain(&s->a);
    assert_true(damage(s, 1, FLIP) >= 2);
    scene_train(s, "");
    await_word(s->a.err, "skipped a damaged checkpoint", SCENE_SOON_MS);
    await_word(s->a.err, "its checksum does not match its bytes", SCENE_SOON_MS);
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    scene_drain(&s->a);
    scene_ledger_is_balanced(s);
    damage(s, 100, CUT);
    scene_fails(s, "onic", "train --run-dir=run", 74, "the run cannot be resumed");
    scene_fails_within(s, "onic-learner", "--run-dir=run --listen=ipc://x", 74,
                       "the run cannot be resumed", 8);
}

/* The disk does not give it the newest checkpoint, once. */
static void fails_to_read(struct scene *s, const char *command, const char *part)
{
    char line[2600], mark[400];
    snprintf(mark, sizeof mark, "%s/struck", s->dir);
    snprintf(line, sizeof line, "%s exec $ONIC_BUILD/%s",
             failing_call("read", 1, "EIO", "/checkpoints/ckpt-", mark), command);
    program_start_shell(&s->a, s->dir, "a", line);
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 74);
    scene_assert_holds(program_text(s->a.err), part);
    scene_assert_holds(program_text(s->a.err),
                       "safetensors: Input/output error; this may pass, so no older one is taken "
                       "instead: try again, and rename or remove the file");
}

static void a_checkpoint_that_cannot_be_read_now_is_74_and_not_passed_over(void **state)
{
    struct scene *s = *state;
    char resumed[64];
    scene_train(s, "--checkpoint.every_s=0.3 --frames=1000000000");
    scene_await_metric(s, "checkpoint/written_total", 3);
    scene_await_metric(s, "annot/labels_total", 0); /* the store that is looked through is there */
    scene_drain(&s->a);
    snprintf(resumed, sizeof resumed, "ckpt-%012d.safetensors", newest_version(s));
    fails_to_read(s, "onic-learner --run-dir=run --listen=ipc://x",
                  "the run cannot be resumed: cannot read run/checkpoints/ckpt-");
    assert_null(strstr(program_text(s->a.err), "damaged"));
    fails_to_read(s, "onic labels verify run", "cannot read run/checkpoints/ckpt-");
    scene_train(s, "");
    await_word(s->a.err, "resumed checkpoint=", SCENE_SOON_MS);
    scene_assert_holds(program_text(s->a.err), resumed);
    assert_null(strstr(program_text(s->a.err), "skipped"));
    scene_drain(&s->a);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
#define DISK(name) cmocka_unit_test_setup_teardown(name, scene_setup, teardown_disk)
    const struct CMUnitTest tests[] = {
        DISK(a_disk_that_is_full_at_the_start_is_73),
        SCENE(a_file_size_limit_at_the_start_is_73),
        SCENE(a_sweep_without_room_at_the_start_is_73_as_a_run_is),
        SCENE(a_file_size_limit_while_it_trains_ends_it_as_a_full_disk_does),
        DISK(a_full_disk_ends_no_training_and_keeps_checkpoints_possible),
        DISK(a_disk_that_fills_up_is_said_and_free_again_nothing_is_lost),
        DISK(a_record_that_cannot_grow_ends_and_the_run_goes_on),
        DISK(what_grows_on_a_full_disk_gets_the_space_of_older_ones),
        DISK(each_file_that_a_learner_cannot_write_is_named),
        DISK(a_disk_that_stays_full_ends_the_run_with_74),
        SCENE(a_damaged_checkpoint_is_skipped_and_all_damaged_is_74),
        SCENE(a_checkpoint_that_cannot_be_read_now_is_74_and_not_passed_over),
    };
    /* Mounts are this process's own and vanish with it. */
    if (unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
