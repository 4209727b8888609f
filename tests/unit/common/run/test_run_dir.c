/* SPDX-License-Identifier: MIT */
/* test_run_dir.c - names, resuming, refusing, overwriting. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/run_lock.h"
#include "common/run/run_dir.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

#define TRAINED "ckpt-000000000005.safetensors"

static char log_text[16384];

static void keep_log(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    size_t have = strlen(log_text);
    if (have + len < sizeof log_text) {
        memcpy(log_text + have, line, len);
        log_text[have + len] = '\0';
    }
}

static int setup(void **state)
{
    static char dir[300];
    temp_dir_create(dir);
    log_text[0] = '\0';
    log_set_writer(keep_log, NULL);
    *state = dir;
    return 0;
}

static int teardown(void **state)
{
    log_set_writer(NULL, NULL);
    temp_dir_remove(*state);
    return 0;
}

static void set(struct config *c, const char *key, const char *value)
{
    assert_ok(config_set(c, key, value, CONFIG_CLI, key, &err));
}

/* Opens <dir>/run with what is given, writes it and lets go of the lock, as if killed. */
static void begin_life(const char *dir, const struct config *given, struct config *cfg,
                       bool want_resumed)
{
    char run[400];
    int lock = -1;
    bool resumed;
    snprintf(run, sizeof run, "%s/run", dir);
    assert_ok(run_dir_open(run, given, cfg, &lock, &resumed, &err));
    assert_ok(run_dir_write(run, cfg, resumed, &err));
    assert_int_equal(resumed, want_resumed);
    assert_string_equal(cfg->run_dir, run);
    close(lock);
}

static void one_life(const char *dir, const struct config *given, struct config *cfg,
                     bool want_resumed)
{
    begin_life(dir, given, cfg, want_resumed);
    assert_false(run_dir_settle(cfg->run_dir, false));
}

static void the_name_comes_from_file_or_environment_and_seed(void **state)
{
    (void)state;
    struct config c;
    char out[300];
    config_defaults(&c);
    set(&c, "run.seed", "7");
    assert_ok(run_dir_name(&c, out, sizeof out, &err));
    assert_string_equal(out, "runs/minigrid-KeyCorridorS3R3-s7");
    assert_ok(config_read_text(&c, "run: {seed: 3}", 14, "a/b/base.yaml", CONFIG_FILE, &err));
    assert_ok(config_read_text(&c, "env: {id: x}", 12, "deploy/configs/nethack_score.yaml",
                               CONFIG_FILE, &err));
    assert_ok(run_dir_name(&c, out, sizeof out, &err));
    assert_string_equal(out, "runs/nethack_score-s3");
    set(&c, "run.dir", "my/run//");
    assert_ok(run_dir_name(&c, out, sizeof out, &err));
    assert_string_equal(out, "my/run");
    assert_err(run_dir_name(&c, out, 4, &err), ONIC_ECANTCREATE, "shorter --run-dir");
}

/* The command line's words are split at blanks; last: NULL, or a variable of the environment. */
static void assert_named(const char *words, const char *variable, const char *want)
{
    struct config c;
    char text[900], out[300], program[] = "onic", *argv[20] = {program}, *save, *value,
                              name[64] = "";
    int argc = 1;
    const struct config_cli cli = {.who = 'F', .program = "onic train"};
    snprintf(text, sizeof text, "%s", words);
    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    if (variable) {
        snprintf(name, sizeof name, "%s", variable);
        value = strchr(name, '=');
        *value++ = '\0';
        setenv(name, value, 1);
    }
    assert_ok(config_load(&c, argc, argv, &cli, &err));
    if (variable)
        unsetenv(name);
    assert_ok(run_dir_name(&c, out, sizeof out, &err));
    assert_string_equal(out, want);
}

/* What cannot share a run has a directory of its own: reward model, annotator and goal, in this
 * order, where they are not the configuration's. */
static void the_name_tells_in_what_a_run_differs_from_its_configuration(void **state)
{
    char first[400], last[400], words[900];
    snprintf(first, sizeof first, "%s/first.yaml", (char *)*state);
    snprintf(last, sizeof last, "%s/last.yaml", (char *)*state);
    files_write(first, "reward: {model: ranking}\nannotator: {id: rules}\n");
    files_write(last, "reward: {model: classifier}\nrun: {seed: 4}\n");
    assert_named("--seed=2", NULL, "runs/minigrid-KeyCorridorS3R3-s2");
    assert_named("--reward.model=none --env.id=corridor", NULL, "runs/corridor-none-s1");
    assert_named("--reward.model=hash", NULL, "runs/minigrid-KeyCorridorS3R3-s1"); /* the default */
    snprintf(words, sizeof words, "%s", first);
    assert_named(words, NULL, "runs/first-s1");
    snprintf(words, sizeof words, "--annotator.id=llm %s", first);
    assert_named(words, NULL, "runs/first-llm-s1");
    snprintf(words, sizeof words, "%s --annotator.id=rules --llm.model=m --train.lr=1", first);
    assert_named(words, NULL, "runs/first-s1");
    assert_named(words, "ONIC_REWARD_MODEL=none", "runs/first-none-s1");
    snprintf(words, sizeof words, "%s --reward.model=ranking", first);
    assert_named(words, "ONIC_REWARD_MODEL=none", "runs/first-s1"); /* the command line's counts */
    /* of several files the last names the run, and together they are the configuration */
    snprintf(words, sizeof words, "%s %s --annotator.goal=KeyCorridor", first, last);
    assert_named(words, NULL, "runs/last-KeyCorridor-s4");
    snprintf(words, sizeof words, "%s %s --reward.model=ranking --annotator.id=random", first,
             last);
    assert_named(words, NULL, "runs/last-ranking-random-s4");
    snprintf(words, sizeof words,
             "%s --annotator.goal=./my/goals/Find:it.v2.yaml --annotator.id=rules", last);
    assert_named(words, NULL, "runs/last-rules-Find-it.v2-s4");
    /* a goal that is called as a reward model or an annotator is told apart from it */
    assert_named("--env.id=corridor --annotator.goal=none", NULL, "runs/corridor-goal-none-s1");
    assert_named("--env.id=corridor --annotator.goal=./my/llm.yaml --reward.model=none", NULL,
                 "runs/corridor-none-goal-llm-s1");
    assert_named("--env.id=corridor --annotator.id=random --annotator.goal=./rules-2.yaml", NULL,
                 "runs/corridor-random-goal-rules-2-s1");
    assert_named("--env.id=corridor --annotator.goal=./goal-none.yaml", NULL,
                 "runs/corridor-goal-goal-none-s1");
    assert_named("--env.id=corridor --annotator.goal=./nones.yaml", NULL, "runs/corridor-nones-s1");
    snprintf(words, sizeof words, "%s --annotator.id=llm --run-dir=mine", last);
    assert_named(words, NULL, "mine");
}

static void a_resumed_run_keeps_its_values_and_given_ones_win(void **state)
{
    struct config given, cfg;
    config_defaults(&given);
    set(&given, "train.lr", "0.25");
    set(&given, "run.frames", "1000");
    one_life(*state, &given, &cfg, false);
    config_defaults(&given);
    set(&given, "run.frames", "2000");
    one_life(*state, &given, &cfg, true);
    assert_close(cfg.train_lr, 0.25, 0, 0);
    assert_int_equal(cfg.run_frames, 2000);
    assert_int_equal(config_origin_of(&cfg, "train.gamma"), CONFIG_DEFAULT);
    assert_non_null(strstr(log_text, "option=\"run.frames\" was=\"1000\" now=\"2000\""));
    assert_null(strstr(log_text, "train.lr"));
    config_defaults(&given);
    one_life(*state, &given, &cfg, true);
    assert_int_equal(cfg.run_frames, 2000); /* the second life was stored too */
}

static void every_life_leaves_its_version_and_machine(void **state)
{
    struct config given, cfg;
    char text[4096], run[400], model[CPU_MODEL_MAX], end[CPU_MODEL_MAX + 60];
    config_defaults(&given);
    one_life(*state, &given, &cfg, false);
    one_life(*state, &given, &cfg, true);
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    assert_ok(run_dir_read(run, "version.txt", text, sizeof text, &err));
    cpu_model(model);
    snprintf(end, sizeof end, "), %d cores of %s\n", cpu_usable(), model);
    int lines = 0;
    for (const char *p = text; (p = strstr(p, "Z onic 0.")) != NULL; p++, lines++)
        assert_int_equal(strncmp(strchr(p, ')'), end, strlen(end)), 0);
    assert_int_equal(lines, 2);
    assert_err(run_dir_read(run, "nothing", text, sizeof text, &err), ONIC_ENOTFOUND,
               "nothing does not exist");
    assert_err(run_dir_read(run, "config.yaml", text, 10, &err), ONIC_EIO, "larger than 9 bytes");
    struct ledger none;
    assert_err(run_dir_ledger(run, &none, &err), ONIC_ENOTFOUND, "the ledger of ");
    assert_err(run_dir_ledger(run, &none, &err), ONIC_ENOTFOUND, "/ledger.json does not exist");
}

static void an_existing_run_may_be_refused(void **state)
{
    struct config given, cfg;
    int lock;
    bool resumed;
    config_defaults(&given);
    set(&given, "run.on_exists", "fail");
    assert_err(run_dir_open(*state, &given, &cfg, &lock, &resumed, &err), ONIC_ECANTCREATE,
               " exists and --on-exists=fail was given; give another --run-dir");
}

/* A disk of its own below the checkpoints, which nobody removes while it is there. */
static void what_cannot_be_overwritten_is_named(void **state)
{
    struct config given, cfg;
    char disk[500], want[700];
    int lock;
    bool resumed;
    config_defaults(&given);
    one_life(*state, &given, &cfg, false);
    snprintf(disk, sizeof disk, "%s/run/checkpoints/disk", (char *)*state);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", disk, "tmpfs", 0, NULL) != 0) {
        print_message("a file system cannot be mounted here\n");
        skip();
    }
    set(&given, "run.on_exists", "overwrite");
    snprintf(disk, sizeof disk, "%s/run", (char *)*state);
    assert_ok(run_dir_open(disk, &given, &cfg, &lock, &resumed, &err));
    snprintf(want, sizeof want, "%s/checkpoints cannot be removed: Device or resource busy", disk);
    assert_err(run_dir_write(disk, &cfg, resumed, &err), ONIC_ECANTCREATE, want);
    close(lock);
    snprintf(disk, sizeof disk, "%s/run/checkpoints/disk", (char *)*state);
    assert_int_equal(umount(disk), 0);
}

static void overwriting_empties_a_run_but_nothing_else(void **state)
{
    struct config given, cfg;
    char path[500];
    int lock;
    bool resumed;
    config_defaults(&given);
    one_life(*state, &given, &cfg, false);
    snprintf(path, sizeof path, "%s/run/checkpoints/x", (char *)*state);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    char notes[500];
    snprintf(notes, sizeof notes, "%s/run/notes.txt", (char *)*state);
    f = fopen(notes, "w");
    assert_non_null(f);
    fclose(f);
    set(&given, "run.on_exists", "overwrite");
    one_life(*state, &given, &cfg, false);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(notes, F_OK), 0); /* a person's file stays */
    /* a folder with somebody's data is not a run */
    snprintf(path, sizeof path, "%s/data", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    char file[600];
    snprintf(file, sizeof file, "%s/checkpoints", path);
    assert_int_equal(mkdir(file, 0700), 0);
    snprintf(file, sizeof file, "%s/checkpoints/mine", path);
    files_write(file, "");
    assert_err(run_dir_open(path, &given, &cfg, &lock, &resumed, &err), ONIC_ECANTCREATE,
               "is not a run and is not overwritten");
    assert_int_equal(access(file, F_OK), 0);
    if (lock >= 0)
        close(lock);
}

/* What is refused after the run was opened, and before it is written, loses nothing; nor does what
 * was opened and never written keep the next one from beginning. */
static void a_run_is_emptied_when_the_new_one_is_written(void **state)
{
    struct config given, cfg;
    char run[400], old[500];
    int lock;
    bool resumed;
    config_defaults(&given);
    set(&given, "run.on_exists", "overwrite");
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    assert_ok(run_dir_open(run, &given, &cfg, &lock, &resumed, &err));
    close(lock);
    one_life(*state, &given, &cfg, false);
    snprintf(old, sizeof old, "%s/checkpoints/old", run);
    files_write(old, "");
    assert_ok(run_dir_open(run, &given, &cfg, &lock, &resumed, &err));
    close(lock);
    assert_false(resumed);
    assert_int_equal(access(old, F_OK), 0);
    config_defaults(&given); /* the stored run.on_exists is no wish of this life */
    one_life(*state, &given, &cfg, true);
    assert_int_equal(access(old, F_OK), 0);
    set(&given, "run.on_exists", "overwrite");
    one_life(*state, &given, &cfg, false);
    assert_int_equal(access(old, F_OK), -1);
}

/* The first command had a slip that only a child process could see. */
static void a_new_run_that_was_refused_begins_again_whatever_is_wanted(void **state)
{
    static const char *const wanted[] = {"resume", "fail", "overwrite"};
    struct config given, cfg;
    char run[400], kept[500];
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    snprintf(kept, sizeof kept, "%s/config.yaml.refused", run);
    for (int i = 0; i < 3; i++) {
        config_defaults(&given);
        set(&given, "run.frames", "1000");
        begin_life(*state, &given, &cfg, false);
        assert_true(run_dir_settle(run, true));
        assert_int_equal(access(kept, F_OK), 0);
        config_defaults(&given);
        set(&given, "run.on_exists", wanted[i]);
        begin_life(*state, &given, &cfg, false);
        assert_int_not_equal(cfg.run_frames, 1000);
        assert_int_equal(access(kept, F_OK), -1);
        assert_true(run_dir_settle(run, true));
    }
}

static void checkpoint(const char *dir, const char *name)
{
    char path[500], line[100];
    snprintf(path, sizeof path, "%s/run/checkpoints/%s", dir, name);
    files_write(path, "");
    snprintf(path, sizeof path, "%s/run/checkpoints/LATEST", dir);
    snprintf(line, sizeof line, "%s\n", name);
    files_write(path, line);
}

static bool exists(const char *dir, const char *name)
{
    char path[500];
    snprintf(path, sizeof path, "%s/run/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void the_first_checkpoint_goes_with_the_options_that_were_refused(void **state)
{
    struct config given, cfg;
    char run[400];
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    config_defaults(&given);
    one_life(*state, &given, &cfg, false);
    checkpoint(*state, RUN_DIR_UNTRAINED);
    assert_false(run_dir_trained(run));
    assert_true(run_dir_settle(run, true));
    assert_false(exists(*state, "checkpoints/LATEST"));
    assert_false(exists(*state, "checkpoints/" RUN_DIR_UNTRAINED));
    one_life(*state, &given, &cfg, false);
    checkpoint(*state, TRAINED);
    assert_true(run_dir_trained(run));
    assert_false(run_dir_settle(run, true)); /* something was trained with it: it stays */
    assert_true(exists(*state, "config.yaml") && exists(*state, "checkpoints/" TRAINED));
    char latest[500];
    snprintf(latest, sizeof latest, "%s/checkpoints/LATEST", run);
    assert_int_equal(unlink(latest), 0); /* a hint, and no more */
    assert_true(run_dir_trained(run));
    assert_false(run_dir_settle(run, true));
}

/* A run of 1000 frames that was trained, and a life with 2000 on top. */
static void two_lives(const char *dir)
{
    struct config given, cfg;
    config_defaults(&given);
    set(&given, "run.frames", "1000");
    set(&given, "run.on_exists", "overwrite");
    one_life(dir, &given, &cfg, false);
    checkpoint(dir, TRAINED);
    config_defaults(&given);
    set(&given, "run.frames", "2000");
    begin_life(dir, &given, &cfg, true);
}

static int64_t stored_frames(const char *dir)
{
    struct config cfg;
    char run[400];
    snprintf(run, sizeof run, "%s/run", dir);
    assert_ok(run_dir_config(run, &cfg, &err));
    return cfg.run_frames;
}

static void a_refused_life_leaves_the_options_of_the_one_before(void **state)
{
    char run[400];
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    two_lives(*state);
    assert_int_equal(stored_frames(*state), 2000);
    assert_true(run_dir_settle(run, true));
    assert_int_equal(stored_frames(*state), 1000);
    assert_false(exists(*state, "config.yaml.before") || exists(*state, "config.yaml.refused"));
    two_lives(*state); /* ended well, or was refused after it had trained */
    assert_false(run_dir_settle(run, false));
    assert_int_equal(stored_frames(*state), 2000);
    assert_false(exists(*state, "config.yaml.before"));
    two_lives(*state);
    checkpoint(*state, "ckpt-000000000009.safetensors");
    assert_false(run_dir_settle(run, true));
    assert_int_equal(stored_frames(*state), 2000);
}

/* Nobody settles a life whose processes were killed: the next one does, before it resumes. */
static void the_options_of_a_killed_life_stay_only_if_it_trained(void **state)
{
    struct config given, cfg;
    config_defaults(&given);
    two_lives(*state);
    one_life(*state, &given, &cfg, true);
    assert_int_equal(cfg.run_frames, 1000);
    assert_non_null(strstr(log_text, "killed before it trained"));
    two_lives(*state);
    checkpoint(*state, "ckpt-000000000009.safetensors");
    one_life(*state, &given, &cfg, true);
    assert_int_equal(cfg.run_frames, 2000);
}

/* A process whose parent holds the lock is in the middle of such a life. */
static void a_part_of_a_life_settles_nothing(void **state)
{
    struct config given, cfg;
    char run[400], number[16];
    int lock = -1, same = -1;
    bool resumed;
    two_lives(*state);
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    assert_ok(run_lock_take(run, &lock, &err));
    snprintf(number, sizeof number, "%d", lock);
    setenv("ONIC_HELD_LOCK", number, 1);
    config_defaults(&given);
    assert_ok(run_dir_open(run, &given, &cfg, &same, &resumed, &err));
    unsetenv("ONIC_HELD_LOCK");
    assert_int_equal(cfg.run_frames, 2000);
    close(lock);
}

static void a_run_in_use_is_refused_by_name(void **state)
{
    struct config given, cfg;
    int lock, second;
    bool resumed;
    char run[400];
    config_defaults(&given);
    snprintf(run, sizeof run, "%s/run", (char *)*state);
    assert_ok(run_dir_open(run, &given, &cfg, &lock, &resumed, &err));
    assert_err(run_dir_open(run, &given, &cfg, &second, &resumed, &err), ONIC_ECANTCREATE,
               "is in use by process");
    assert_err(run_dir_open(run, &given, &cfg, &second, &resumed, &err), ONIC_ECANTCREATE,
               "; stop that run or give another --run-dir");
    close(lock);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct config given, cfg;
    int lock;
    bool resumed;
    config_defaults(&given);
    assert_err(run_dir_open("/proc/nothing/run", &given, &cfg, &lock, &resumed, &err),
               ONIC_ECANTCREATE, "the folder /proc/nothing cannot be created");
    assert_err(run_dir_open("/dev/null/run", &given, &cfg, &lock, &resumed, &err), ONIC_ECANTCREATE,
               "/dev/null");
}

int main(void)
{
    unsetenv("ONIC_HELD_LOCK");
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_comes_from_file_or_environment_and_seed),
        IN_DIR(the_name_tells_in_what_a_run_differs_from_its_configuration),
        IN_DIR(a_resumed_run_keeps_its_values_and_given_ones_win),
        IN_DIR(every_life_leaves_its_version_and_machine),
        IN_DIR(an_existing_run_may_be_refused),
        IN_DIR(what_cannot_be_overwritten_is_named),
        IN_DIR(overwriting_empties_a_run_but_nothing_else),
        IN_DIR(a_run_is_emptied_when_the_new_one_is_written),
        IN_DIR(a_new_run_that_was_refused_begins_again_whatever_is_wanted),
        IN_DIR(the_first_checkpoint_goes_with_the_options_that_were_refused),
        IN_DIR(a_refused_life_leaves_the_options_of_the_one_before),
        IN_DIR(the_options_of_a_killed_life_stay_only_if_it_trained),
        IN_DIR(a_part_of_a_life_settles_nothing),
        IN_DIR(a_run_in_use_is_refused_by_name),
        IN_DIR(a_place_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
