/* SPDX-License-Identifier: MIT */
/* test_run_damage.c - files of a run that were cut, emptied, edited, removed or taken from another
 * run, against the real programs: nothing is believed, nothing comes back as a default, and one
 * sentence says what to do. The run is trained once; every case harms a copy of it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

static char dir[256];

/* A line of the shell in the folder of the runs; the exit code. */
static int in_shell(const char *line)
{
    char script[1600];
    const char *build = getenv("ONIC_BUILD");
    assert_non_null(build);
    snprintf(script, sizeof script, "cd '%s' && onic='%s/onic' && { %s; } >out 2>&1 </dev/null",
             dir, build, line);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/bin/bash", "bash", "-c", script, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *said(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/out", dir);
    return program_text(path);
}

static void ends_with(const char *line, int code, const char *sentence)
{
    int got = in_shell(line);
    if (got != code || !strstr(said(), sentence))
        fail_msg("%s: exit code %d instead of %d, \"%s\" where \"%s\" was expected", line, got,
                 code, said(), sentence);
}

#define TRAIN                                                                                      \
    "$onic train --env.id=corridor:8 --actors.count=1 --annotator.id=rules --train.lr=0.0005 "

#define LABEL                                                                                      \
    "echo '{\"caption\":\"You sing.\",\"goal\":\"corridor/corridor\",\"prompt_version\":\"0\","    \
    "\"annotator\":\"rules\",\"model\":\"patterns\",\"label\":0}' | $onic labels import "

static int train_twice(void **state)
{
    (void)state;
    temp_dir_create(dir);
    /* a run may be over before its reward server has made a store: then the label makes it */
    return in_shell(TRAIN "--run-dir=run --frames=12000 && " LABEL "run") == 0 &&
                   in_shell(TRAIN "--run-dir=other --frames=20000 && " LABEL "other") == 0
               ? 0
               : -1;
}

static int forget(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

struct harm {
    const char *how;      /* in a copy of the run, named harmed */
    const char *sentence; /* of the refusal */
};

/* The front end and a learner that is started alone refuse it, change nothing, and one more
 * word or the removal of the file lets the run go on. */
static void is_refused_with(int code, const struct harm *h)
{
    char line[900];
    snprintf(line, sizeof line,
             "rm -rf harmed before && cp -r run harmed && cd harmed && { %s; } && cd .. && "
             "cp -r harmed before && $onic train --run-dir=harmed --frames=30000",
             h->how);
    ends_with(line, code, h->sentence);
    assert_null(strstr(said(), "started again"));
    ends_with("diff -r -x lock harmed before", 0, "");
    snprintf(line, sizeof line,
             "${onic}-learner --run-dir=harmed --frames=30000 --listen=ipc://$PWD/l");
    ends_with(line, code, h->sentence);
}

static void is_refused(const struct harm *h)
{
    is_refused_with(64, h);
}

static void a_configuration_that_is_not_whole_is_refused(void **state)
{
    static const struct harm harms[] = {
        {"truncate -s 0 config.yaml", "harmed: config.yaml is empty"},
        {"truncate -s 500 config.yaml", "config.yaml lacks its checksum: it was cut or edited"},
        {"truncate -s 3000 config.yaml", "config.yaml lacks its checksum: it was cut or edited"},
        {"sed -i 's/lr: 0.0005/lr: 0.5/' config.yaml", "config.yaml does not match its checksum"},
        {"sed -i '$d' config.yaml", "config.yaml lacks its checksum"},
        {"echo 'run: {seed: 2}' >config.yaml", "config.yaml lacks its checksum"},
        {"rm config.yaml", "config.yaml is gone, though there are checkpoints"},
        {"rm config.yaml version.txt", "config.yaml is gone, though there are checkpoints"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++)
        is_refused(&harms[i]);
    /* and goes on, with the options that the checkpoint was trained with */
    ends_with("$onic train --run-dir=harmed --frames=30000 --run.config=checkpoint "
              "--annotator.id=rules && grep -q ' lr: 0.0005' harmed/config.yaml && "
              "$onic train --run-dir=harmed --frames=40000",
              0, "resumed");
}

/* Its options fit, so nothing else would say that they are not this run's. */
static void a_configuration_of_another_run_is_refused(void **state)
{
    static const char *const readers[] = {"status harmed", "top harmed --once", "compare harmed",
                                          "labels verify harmed"};
    char line[200];
    (void)state;
    is_refused(&(struct harm){"cp ../other/config.yaml config.yaml",
                              "harmed: config.yaml is of another run than run_id says ("});
    assert_non_null(strstr(said(), "--run.config=edited goes on with what the file says now"));
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        snprintf(line, sizeof line, "$onic %s", readers[i]);
        ends_with(line, 0, "config.yaml is of another run than run_id says (");
    }
    ends_with("cp run/config.yaml harmed && $onic train --run-dir=harmed --frames=30000", 0,
              "resumed checkpoint=");
    ends_with("cp other/config.yaml harmed && "
              "$onic train --run-dir=harmed --frames=40000 --run.config=edited && "
              "$onic train --run-dir=harmed --frames=50000",
              0, "resumed checkpoint=");
    /* as runs were before their configuration said whose it is */
    ends_with(
        "rm -rf harmed && cp -r run harmed && cd harmed && "
        "sed -i '/^# of run/d; $d' config.yaml && mv run_id .. && $onic train --run-dir=. "
        "--frames=30000 && mv ../run_id . && grep -q \"^# of run: $(cat run_id)$\" config.yaml",
        0, "resumed checkpoint=");
}

/* Who only looks is told, too: what the file lacks would be the defaults. */
static void a_configuration_that_is_not_whole_is_said_to_who_reads(void **state)
{
    static const char *const commands[] = {"status harmed", "status harmed --json",
                                           "top harmed --once", "compare harmed",
                                           "labels verify harmed"};
    static const char *const harms[] = {
        "truncate -s 0 config.yaml", "truncate -s 3000 config.yaml",
        "printf '\\0' | dd of=config.yaml bs=1 seek=3000 conv=notrunc status=none"};
    char line[600];
    (void)state;
    for (size_t h = 0; h < sizeof harms / sizeof *harms; h++)
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            snprintf(line, sizeof line,
                     "rm -rf harmed && cp -r run harmed && (cd harmed && %s) && $onic %s", harms[h],
                     commands[i]);
            ends_with(line, 0, " counts as the default");
        }
    ends_with("rm -rf harmed && cp -r run harmed && $onic status harmed", 0, "finished");
    assert_null(strstr(said(), "counts as the default"));
}

/* How often config.yaml of the run is opened by a command. Closings are watched as well: events
 * that follow their like are merged. */
static int config_openings(const char *command)
{
    char path[300], events[8192];
    int opened = 0, fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof path, "%s/run/config.yaml", dir);
    assert_true(fd >= 0 && inotify_add_watch(fd, path, IN_OPEN | IN_CLOSE) >= 0);
    ends_with(command, 0, "");
    for (ssize_t n; (n = read(fd, events, sizeof events)) > 0;)
        for (ssize_t at = 0; at < n;) {
            struct inotify_event e;
            memcpy(&e, events + at, sizeof e);
            opened += (e.mask & IN_OPEN) != 0;
            at += (ssize_t)(sizeof e + e.len);
        }
    close(fd);
    return opened;
}

/* What is shown and what is said of it would be of two files, were it replaced in between. */
static void a_configuration_that_is_only_shown_is_read_once(void **state)
{
    (void)state;
    assert_int_equal(config_openings("$onic status run"), 1);
    assert_int_equal(config_openings("$onic top run --once"), 1);
    assert_int_equal(config_openings("$onic compare run"), 1);
    assert_int_equal(config_openings("$onic labels verify run"), 1);
    assert_int_equal(config_openings("$onic labels count run"), 1);
}

/* `onic top` called all of it a run that is still to begin. */
static void numbers_that_cannot_be_read_are_not_missing_ones(void **state)
{
    (void)state;
    ends_with("rm -rf harmed && cp -r run harmed && echo junk >>harmed/metrics.jsonl && "
              "$onic top harmed --once",
              74, "the last line of harmed/metrics.jsonl is damaged");
    ends_with("rm harmed/metrics.jsonl && mkfifo harmed/metrics.jsonl && $onic top harmed --once",
              64, "harmed/metrics.jsonl is a pipe, not a regular file");
    ends_with("rm harmed/metrics.jsonl && $onic top harmed --once", 64,
              "harmed has no numbers yet: metrics.jsonl is written when training has begun");
}

static void an_edited_configuration_needs_a_word(void **state)
{
    (void)state;
    ends_with("rm -rf edited && cp -r run edited && "
              "sed -i 's/lr: 0.0005/lr: 0.0003/' edited/config.yaml && "
              "$onic train --run-dir=edited --frames=30000",
              64, "--run.config=edited goes on with what the file says now, ");
    ends_with("$onic train --run-dir=edited --frames=30000 --run.config=edited && "
              "grep -q ' lr: 0.0003' edited/config.yaml",
              0, "resumed");
    ends_with("rm edited/version.txt && $onic train --run-dir=edited --frames=40000 && "
              "grep -q ' lr: 0.0003' edited/config.yaml && test -s edited/version.txt",
              0, "resumed");
}

/* Its options would go back to those of the life before, had nobody touched them. The files that it
 * was about to replace when it was killed are removed by any start. */
static void an_edit_after_a_life_that_was_killed_needs_a_word_too(void **state)
{
    (void)state;
    is_refused(
        &(struct harm){"{ ${onic}-learner --run-dir=$PWD --frames=30000 --train.lr=0.25 "
                       "--listen=ipc://$PWD/../k & } && "
                       "for i in {1..600}; do grep -q ' lr: 0.25' config.yaml && break; sleep 0.1; "
                       "done && kill -KILL $! && { wait $!; test -e config.yaml.before; } && "
                       "rm -f *.tmp.* && "
                       "sed -i 's/ lr: 0.25/ lr: 0.0003/' config.yaml",
                       "--run.config=edited goes on with what the file says now, "});
    ends_with("$onic train --run-dir=harmed --frames=30000 --run.config=edited && "
              "grep -q ' lr: 0.0003' harmed/config.yaml",
              0, "resumed checkpoint=");
}

static void an_epoch_that_no_life_had_is_refused(void **state)
{
    static const char *const epochs[] = {"0", "-5", "4294967295", "3x"};
    char how[100];
    (void)state;
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        snprintf(how, sizeof how, "echo '%s' >epoch", epochs[i]);
        is_refused(&(struct harm){how, "harmed/epoch holds no number from 1 to 1000000000; remove "
                                       "it, and the newest checkpoint says how many"});
    }
    ends_with("rm harmed/epoch && $onic train --run-dir=harmed --frames=30000 && "
              "test $(cat harmed/epoch) -gt 1",
              0, "the number of this life is unknown or behind that of the newest checkpoint");
    ends_with("echo 1 >harmed/epoch && $onic train --run-dir=harmed --frames=40000 && "
              "test $(cat harmed/epoch) -gt 1001",
              0, "is taken from there epoch_file=1 checkpoint=1001");
}

static void a_checkpoint_of_another_run_is_refused(void **state)
{
    (void)state;
    is_refused(&(struct harm){"cp ../other/checkpoints/ckpt-000000000005.safetensors checkpoints/",
                              "the newest checkpoint, "
                              "harmed/checkpoints/ckpt-000000000005.safetensors, is of another run "
                              "("});
    ends_with("$onic eval harmed --episodes=1", 64, "is of another run (");
    ends_with("rm harmed/checkpoints/ckpt-000000000005.safetensors && "
              "$onic train --run-dir=harmed --frames=30000",
              0, "resumed checkpoint=");
    is_refused(&(struct harm){"cp checkpoints/ckpt-000000000000.safetensors "
                              "checkpoints/ckpt-000000000999.safetensors",
                              "holds update 0, not 999 as it is called"});
    is_refused(&(struct harm){"echo nonsense >run_id", "harmed/run_id holds no run id"});
    ends_with("rm harmed/run_id && $onic train --run-dir=harmed --frames=30000 && "
              "cmp run/run_id harmed/run_id",
              0, "resumed checkpoint=");
}

/* Else it is trained anew from its first update, or from an older one, and nobody is told. */
static void checkpoints_that_are_gone_are_missed(void **state)
{
    static const struct harm harms[] = {
        {"rm -r checkpoints && mkdir checkpoints",
         "harmed/checkpoints holds no checkpoint, though "},
        {"rm checkpoints/ckpt-*", "holds no checkpoint, though LATEST names ckpt-0000000000"},
        {"rm checkpoints/* run_id epoch", " trajectories were trained on (ledger.json): put the "
                                          "newest one back"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++)
        is_refused_with(74, &harms[i]);
    ends_with("$onic eval harmed --episodes=1", 74, "holds no checkpoint, though ");
    ends_with(TRAIN "--run-dir=harmed --frames=4000 --on-exists=overwrite", 0, "produced = ");
    ends_with("rm -r harmed && cp -r run harmed && cd harmed/checkpoints && "
              "rm $(cat LATEST) && cd ../.. && $onic train --run-dir=harmed --frames=30000",
              0, "skipped a damaged checkpoint file=\"ckpt-");
    assert_non_null(strstr(said(), "it is gone, though LATEST names it"));
}

/* It was tried again five times a second, for ever. */
static void a_part_whose_log_cannot_be_opened_ends_the_run(void **state)
{
    (void)state;
    ends_with("rm -rf harmed && cp -r run harmed && rm harmed/log/learner.log && "
              "mkdir harmed/log/learner.log && "
              "timeout 120 $onic train --run-dir=harmed --frames=30000 --run.restarts=2",
              74, "log/learner.log cannot be opened: Is a directory");
}

/* Whoever reads a run of somebody else waits for nobody and reads no device to its end. */
static void pipes_and_devices_under_names_of_files_are_named(void **state)
{
    static const char *const harms[] = {"mkfifo", "ln -s /dev/zero"};
    static const struct {
        const char *file, *command, *sentence;
        int code;
    } rows[] = {
        {"config.yaml", "status harmed", "config.yaml is a", 64},
        {"config.yaml", "train --run-dir=harmed", "config.yaml is a", 64},
        {"metrics.jsonl", "compare harmed", "metrics.jsonl is a", 64},
        {"ledger.json", "ledger harmed", "ledger.json is a", 64},
        {"run_id", "train --run-dir=harmed", "run_id is a", 64},
        {"lock", "status harmed", "harmed", 0},
        {"metrics.jsonl", "status harmed", "metrics.jsonl is a", 64},
        {"metrics.jsonl", "train --run-dir=harmed --frames=30000 --run.restarts=1",
         "it is no regular file", 73},
        {"log/learner.log", "train --run-dir=harmed --frames=30000 --run.restarts=1",
         "it is no regular file", 74},
        {"log/actor-0.log", "train --run-dir=harmed --frames=30000 --run.restarts=1",
         "it is no regular file", 74},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        char line[400];
        snprintf(line, sizeof line,
                 "rm -rf harmed && cp -r run harmed && rm harmed/%s && %s harmed/%s && $onic %s",
                 rows[i / 2].file, harms[i % 2], rows[i / 2].file, rows[i / 2].command);
        ends_with(line, rows[i / 2].code, rows[i / 2].sentence);
    }
}

/* Each was somebody else's link, no episode at all, or a run that goes on. */
static void what_stands_in_place_of_a_file_is_said_as_it_is(void **state)
{
    static const struct {
        const char *harm, *command, *sentence;
        int code;
    } rows[] = {
        {"rm config.yaml && ln -s config.yaml config.yaml", "status harmed",
         "harmed/config.yaml is a link that leads back to itself, not a file", 64},
        {"rm run_id && ln -s run_id run_id", "train --run-dir=harmed --frames=30000",
         "harmed/run_id is a link that leads back to itself, not a file", 64},
        {"rm metrics.jsonl && ln -s metrics.jsonl metrics.jsonl",
         "train --run-dir=harmed --frames=30000",
         "metrics.jsonl cannot be opened for writing: the link there leads back to itself", 73},
        {"rm -r replays && ln -s replays replays", "replay harmed",
         "harmed/replays is a link that leads back to itself, not a file", 64},
        {"rm -r replays && ln -s replays replays", "train --run-dir=harmed",
         "the folder harmed/replays cannot be made: the link there leads back to itself", 73},
        {"rm -r replays && echo x >replays", "replay harmed",
         "harmed/replays is a text file, not a folder of kept episodes", 64},
        {"rm -r replays", "replay harmed", "harmed keeps no episode yet", 64},
        {"ln -sf $PWD/other lock", "train --run-dir=harmed",
         "harmed/lock cannot be created: a link is in its place", 73},
        {"echo x >record", "replay-run harmed",
         "harmed/record is a text file, not the folder of a record", 64},
        {"rm -r checkpoints && ln -s checkpoints checkpoints", "status harmed",
         "stopped, it was drained, and it cannot go on: harmed/checkpoints is a link that leads ",
         0},
        {"rm checkpoints/ckpt-*", "status harmed",
         "and it cannot go on: harmed/checkpoints holds no checkpoint, though LATEST names", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[400];
        snprintf(line, sizeof line,
                 "rm -rf harmed && cp -r run harmed && (cd harmed && %s) && $onic %s", rows[i].harm,
                 rows[i].command);
        ends_with(line, rows[i].code, rows[i].sentence);
    }
}

/* In a folder that others may write, they could have this user's other files written over, or read
 * what they cannot. */
static void links_that_other_users_made_are_not_followed(void **state)
{
    static const char *const files[] = {"metrics.jsonl", "log/learner.log", "log/reward-server.log",
                                        "labels.sqlite"};
    static const char train[] = "$onic train --run-dir=linked --run.restarts=1";
    char line[900];
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root to make a link another user's\n");
        skip();
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(line, sizeof line,
                 "rm -rf linked && cp -r run linked && cp other/labels.sqlite precious && "
                 "cp precious victim && rm linked/%s && ln -s $PWD/victim linked/%s && "
                 "chown -h 65534 linked/%s && ! %s --frames=1000000000 && cmp precious victim",
                 files[i], files[i], files[i], train);
        ends_with(line, 0, "another user made a link there");
    }
    snprintf(line, sizeof line,
             "rm -rf linked && cp -r run linked && echo precious >victim && rm linked/version.txt "
             "&& ln -s $PWD/victim linked/version.txt && chown -h 65534 linked/version.txt && %s "
             "--frames=30000 && "
             "! grep precious linked/version.txt",
             train);
    ends_with(line, 0, "resuming");
}

/* Folders as well: old checkpoints of what such a link leads to would be removed as the run's own.
 * A link of root's, or of whoever trains, may lead to another disk. */
static void folders_that_other_users_put_elsewhere_are_refused(void **state)
{
    static const char *const folders[] = {"checkpoints", "log", "replays", "record", "actors"};
    static const char train[] = "$onic train --run-dir=linked --frames=30000 --record";
    char line[900];
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root to make a link another user's\n");
        skip();
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(line, sizeof line,
                 "rm -rf linked victim as_it_was && cp -r run linked && mkdir -p linked/%s && "
                 "mv linked/%s victim && cp -r victim as_it_was && ln -s ../victim linked/%s && "
                 "chown -h 65534 linked/%s && ! %s && diff -r as_it_was victim",
                 folders[i], folders[i], folders[i], folders[i], train);
        ends_with(line, 0, "another user made a link there");
        snprintf(line, sizeof line, "chown -h 0 linked/%s && %s", folders[i], train);
        ends_with(line, 0, "resumed checkpoint=");
    }
}

/* The whole of it, too: what is overwritten would be whatever run of this user they choose. */
static void a_run_directory_that_others_put_elsewhere_is_refused(void **state)
{
    static const char *const names[] = {"linked", "linked/", "$PWD/linked//"};
    char line[900];
    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: needs root to make a link another user's\n");
        skip();
    }
    ends_with("rm -rf linked victim && cp -r run victim && ln -s victim linked && "
              "chown -h 65534 linked",
              0, "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(line, sizeof line,
                 "$onic train --run-dir=%s --on-exists=overwrite --frames=4000; code=$?; "
                 "diff -r -x lock run victim && (exit $code)",
                 names[i]);
        ends_with(line, 73, "linked is not used: another user made a link there");
    }
    ends_with("$onic status linked", 0, "finished"); /* who only looks may */
    ends_with("chown -h 0 linked && $onic train --run-dir=linked/ --frames=30000", 0,
              "resumed checkpoint=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_that_is_not_whole_is_refused),
        cmocka_unit_test(a_configuration_of_another_run_is_refused),
        cmocka_unit_test(a_configuration_that_is_not_whole_is_said_to_who_reads),
        cmocka_unit_test(a_configuration_that_is_only_shown_is_read_once),
        cmocka_unit_test(numbers_that_cannot_be_read_are_not_missing_ones),
        cmocka_unit_test(an_edited_configuration_needs_a_word),
        cmocka_unit_test(an_edit_after_a_life_that_was_killed_needs_a_word_too),
        cmocka_unit_test(an_epoch_that_no_life_had_is_refused),
        cmocka_unit_test(a_checkpoint_of_another_run_is_refused),
        cmocka_unit_test(checkpoints_that_are_gone_are_missed),
        cmocka_unit_test(a_part_whose_log_cannot_be_opened_ends_the_run),
        cmocka_unit_test(pipes_and_devices_under_names_of_files_are_named),
        cmocka_unit_test(what_stands_in_place_of_a_file_is_said_as_it_is),
        cmocka_unit_test(links_that_other_users_made_are_not_followed),
        cmocka_unit_test(folders_that_other_users_put_elsewhere_are_refused),
        cmocka_unit_test(a_run_directory_that_others_put_elsewhere_is_refused),
    };
    return cmocka_run_group_tests(tests, train_twice, forget);
}
