/* SPDX-License-Identifier: MIT */
/* test_run_files.c - one short run, and everything that reads it: who may, what of its labels is
 * there, and what its files are. */
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/reading.h"

/* --- who reads it ---------------------------------------------------------------------------- */

/* All that read a run. */
static const char *const reading_commands[] = {
    "eval $run --episodes=1",
    "play $run --episodes=1 --speed=0",
    "labels count $run",
    "labels list $run",
    "labels sources $run",
    "labels export $run",
    "labels verify $run",
    "labels top $run",
    "ledger $run",
    "replay $replay --json",
    "replay $replay --explain=1",
};
enum { READING = sizeof reading_commands / sizeof reading_commands[0] };

/* In front of a command: another user without any right, or a namespace in which the folder cannot
 * be written. */
static const char as_nobody[] = "setpriv --reuid=65534 --regid=65534 --clear-groups";
static const char read_only[] =
    "unshare --mount bash -c 'mount --bind . . && cd . && mount -o remount,ro,bind . && cd $PWD && "
    "exec \"$@\"' -";

/* Skipped where this machine does not let the test become that reader. */
static void need(struct reading *r, const char *reader)
{
    char command[600];
    snprintf(command, sizeof command, "%s $onic --version >out", reader);
    if (in_shell(r, command) != 0) {
        print_message("not possible here: %s\n", reader);
        skip();
    }
}

/* `onic train` starts the other programs too: in a folder that only its owner may enter (/root),
 * nobody else can, and is told so. */
static void need_programs(struct reading *r, const char *reader)
{
    char command[600];
    snprintf(command, sizeof command, "%s test -x ${onic}-actor", reader);
    if (in_shell(r, command) == 0)
        return;
    snprintf(command, sizeof command, "%s $onic train --run-dir=private", reader);
    ends_with(r, command, 77, "onic-actor may not be run by this user (65534)");
    print_message("not possible here: %s, where the programs are\n", reader);
    skip();
}

/* Every reading command tells `reader` what it tells the owner, and leaves nothing behind. */
static void reads_the_same(struct reading *r, const char *reader)
{
    char command[800];
    for (int i = 0; i < READING; i++) {
        snprintf(command, sizeof command,
                 "$onic %s >want && %s $onic %s >got && "
                 "sed -i '/ in [0-9.]* s$/d' want got && cmp want got",
                 reading_commands[i], reader, reading_commands[i]);
        ends_with(r, command, 0, "");
        assert_string_equal(program_text(r->err), "");
    }
    ends_with(r, "! ls run | grep -e -wal -e -shm >&2", 0, "");
}

static void a_run_of_another_user_is_read(void **state)
{
    need(*state, as_nobody);
    reads_the_same(*state, as_nobody);
}

static void a_run_that_cannot_be_written_is_read(void **state)
{
    need(*state, read_only);
    reads_the_same(*state, read_only);
}

/* As a server that is killed leaves it: the newest label is in the write-ahead file alone. The
 * index beside it is lost, as it is in a copy. */
static void label_and_die(const char *path)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct label_store *store = NULL;
        struct onic_err err;
        const struct label_identity id = {.annotator = "rules",
                                          .model = "patterns",
                                          .goal = "minigrid/KeyCorridor",
                                          .goal_version = "1",
                                          .parameters = "noise=0"};
        struct label q = {.question = "You die.", .question_len = 8};
        struct label a = {.question = "You die.",
                          .question_len = 8,
                          .state = LABEL_ANSWERED,
                          .confidence = 1,
                          .raw = ""};
        bool done = label_store_open(&store, path, LABEL_STORE_SERVER, &err) == ONIC_OK &&
                    label_store_use(store, &id, &err) == ONIC_OK &&
                    label_store_ask(store, &q, 1, true, &err) >= 0 &&
                    label_store_answer(store, &a, 1, &err) >= 0;
        _exit(done ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The whole of what this run learned is of one source: the model that goes on knows nothing, asks
 * for every caption again, and the run may take another annotator. */
static void what_was_learned_of_a_source_is_learned_anew_without_it(void **state)
{
    struct reading *r = *state;
    ends_with(r, "cp -r run poisoned", 0, "");
    ends_with(r, "$onic labels distrust poisoned llm", 64, "no label of poisoned is of 'llm'");
    ends_with(r,
              "$onic labels sources poisoned | tail -n +2 | grep -q \"^ *$($onic labels count "
              "poisoned)  100.0% .* rules  *patterns$\"",
              0, "");
    ends_with(r, "$onic labels distrust poisoned", 64,
              "name the source: the annotator that answered, or its model, as `onic labels export` "
              "shows them");
    ends_with(r, "! test -e poisoned/checkpoints/DISTRUSTED", 0, "");
    ends_with(
        r,
        "before=$($onic labels count poisoned) && $onic labels distrust poisoned rules >out && "
        "grep -q \"^$before labels and abstentions of rules are set aside\" out && "
        "test $($onic labels count poisoned) = 0 && $onic labels verify poisoned >out && "
        "grep -q \"^$before labels were set aside, being damaged or of a source that is not "
        "trusted, and their questions asked again$\" out",
        0, "");
    ends_with(r,
              "$onic train --run-dir=poisoned --annotator.id=random --frames=90000000 >out 2>&1 & "
              "p=$!; for i in $(seq 600); do test $($onic labels count poisoned) -ge "
              "$($onic labels count run) && break; sleep 0.1; done; kill -INT $p; wait $p && "
              "grep -q 'learns anew' poisoned/log/learner.log && ! $onic labels list poisoned | "
              "tail -n +2 | grep -v random",
              0, "");
    ends_with(r,
              "$onic train --run-dir=poisoned --annotator.id=random --frames=10 >out 2>&1; "
              "test $(grep -c 'learns anew' poisoned/log/learner.log) = 1",
              0, ""); /* once */
    ends_with(r,
              "rm poisoned/checkpoints/DISTRUSTED; $onic train --run-dir=poisoned "
              "--annotator.id=random --frames=90000000 >out 2>&1 & p=$!; for i in $(seq 600); do "
              "test -e poisoned/checkpoints/DISTRUSTED && break; sleep 0.1; done; kill -INT $p; "
              "wait $p && test $(cat poisoned/checkpoints/DISTRUSTED) = 1 && "
              "grep -q 'DISTRUSTED is gone' poisoned/log/learner.log",
              0, "");
    ends_with(r, "rm -rf poisoned", 0, "");
}

static void a_learner_without_actors_says_how_long_it_starves(void **state)
{
    struct reading *r = *state;
    ends_with(r,
              "${onic}-learner --env.id=corridor --listen=ipc://l --reward.model=none "
              "--run-dir=alone --metrics.every_s=1 >out 2>&1 & p=$!; for i in $(seq 300); do grep "
              "-sq '\"perf/starved_s\":[1-9]' alone/metrics.jsonl && break; sleep 0.1; done; "
              "kill -INT $p; wait $p && grep -q '\"perf/starved_s\":[1-9]' alone/metrics.jsonl",
              0, "");
    ends_with(r, "rm -rf alone", 0, "");
}

/* A byte in the middle of the write-ahead file: every label is read all the same. */
static void a_damaged_write_ahead_file_costs_no_label(struct reading *r)
{
    char path[400];
    snprintf(path, sizeof path, "%.200s/killed/labels.sqlite-wal", r->dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 32 + 24 + 3000, SEEK_SET), 0);
    int byte = fgetc(f);
    assert_int_equal(fseek(f, 32 + 24 + 3000, SEEK_SET), 0);
    fputc(byte ^ 2, f);
    fclose(f);
    ends_with(r, "$onic labels verify killed >out", 74, "damaged or incomplete");
    ends_with(r, "grep -q 'pages of its write-ahead file' out", 0, "");
    ends_with(r,
              "test $(( $($onic labels count run) + 1 )) = $($onic labels count killed) && "
              "$onic labels list killed | grep -q 'You die.'",
              0, "");
}

static void labels_of_a_killed_server_are_read_without_writing(void **state)
{
    struct reading *r = *state;
    char path[400], command[700], copies[256];
    const char *const readers[] = {as_nobody, read_only, ""};
    need(r, as_nobody);
    need(r, read_only);
    ends_with(r, "cp -r run killed && chmod -R a+rX killed", 0, "");
    temp_dir_create(copies); /* no other process puts its copies there */
    assert_int_equal(chmod(copies, 01777), 0);
    setenv("TMPDIR", copies, 1);
    snprintf(path, sizeof path, "%.200s/killed/labels.sqlite", r->dir);
    label_and_die(path);
    snprintf(command, sizeof command,
             "rm -f killed/*-shm && TMPDIR=$PWD/none %s $onic labels list killed", as_nobody);
    ends_with(r, command, 73, "/none/onic-labels-");
    ends_with(r, command, 73,
              ": it was not closed, its folder cannot be written, and no folder for a copy can be "
              "made as ");
    snprintf(command, sizeof command,
             "mkdir -p small && unshare --mount bash -c 'mount -t tmpfs -o size=8k,mode=1777 none "
             "small && TMPDIR=$PWD/small exec %s \"$@\"' - $onic labels list killed",
             as_nobody);
    ends_with(r, command, 73,
              ": it was not closed, its folder cannot be written, and a copy to read in ");
    ends_with(r, command, 73, " failed: No space left on device; set TMPDIR to a folder with room");
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command,
                 "rm -f killed/*-shm && test -s killed/labels.sqlite-wal && "
                 "test $(( $($onic labels count run) + 1 )) = $(%s $onic labels count killed)",
                 readers[i]);
        ends_with(r, command, 0, "");
        snprintf(command, sizeof command, "%s $onic labels list killed | grep -q 'You die.'",
                 readers[i]);
        ends_with(r, command, 0, "");
    }
    a_damaged_write_ahead_file_costs_no_label(r);
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(copies), 0); /* none is left */
}

/* --- what of the labels is there ------------------------------------------------------------- */

static void change_labels(struct reading *r, const char *run, const char *text)
{
    char path[400];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%.200s/%s/labels.sqlite", r->dir, run);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Each kind of damage that a verification tells apart, in a store of its own. */
static void a_verification_says_what_is_damaged(void **state)
{
    static const struct {
        const char *harm, *line;
    } kinds[] = {
        {"DELETE FROM labels WHERE id = 2", "missing: 1 labels that were given a number"},
        {"UPDATE meta SET value = 1 WHERE name = 'last_id'",
         "damaged: the counter of labels is behind them; the next server mends it"},
        {"UPDATE identities SET goal = 'another'", "damaged: 1 identities of labels"},
        {"INSERT INTO notes(identity, name, value, row_check) VALUES (1, 'x', 'y', 0)",
         "damaged: 1 notes of annotators, which are made anew"},
        {"UPDATE labels SET label = 1 - label WHERE id <= 22", "damaged: 2 more rows"},
    };
    struct reading *r = *state;
    char line[300];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ends_with(r, "rm -rf harmed && cp -r run harmed", 0, "");
        change_labels(r, "harmed", kinds[i].harm);
        ends_with(r, "$onic labels verify harmed >out", 74,
                  " is damaged or incomplete, as said; `onic labels export ");
        snprintf(line, sizeof line, "grep -qx '%s' out || { cat out; false; }", kinds[i].line);
        ends_with(r, line, 0, "");
    }
}

static void labels_that_are_damaged_or_gone_are_said(void **state)
{
    struct reading *r = *state;
    ends_with(r, "$onic labels verify run >out && grep -q 'match their checks' out", 0, "");
    ends_with(r, "cp -r run damaged", 0, "");
    change_labels(r, "damaged", "UPDATE labels SET label = 1 - label WHERE id = 1");
    ends_with(r, "$onic labels verify damaged >out", 74, "damaged or incomplete");
    ends_with(r, "grep -q '^damaged: row [0-9a-f]* (label 1)$' out", 0, "");
    ends_with(r, "$onic labels export damaged >some", 74,
              "1 rows that do not match their checks are left out");
    ends_with(r, "$onic labels list damaged >some", 74, "`onic labels verify damaged/labels");
    ends_with(r,
              "test $(( $($onic labels export damaged 2>/dev/null | wc -l) + 1 )) = "
              "$($onic labels export run | wc -l)",
              0, "");
    ends_with(r, "cp -r run gone", 0, "");
    change_labels(r, "gone",
                  "DELETE FROM labels WHERE id > 1; UPDATE meta SET value = 1 WHERE name = "
                  "'last_id'");
    ends_with(r, "$onic labels verify gone >out", 74, "damaged or incomplete");
    ends_with(r, "grep -q '^missing: the newest checkpoint of gone has heard of labels' out", 0,
              "");
    ends_with(r, "$onic labels verify gone/labels.sqlite >out", 0, ""); /* by itself it is whole */
    ends_with(
        r,
        "$onic train --run-dir=gone --annotator.id=rules --frames=90000000 >out 2>&1 & p=$!; "
        "for i in $(seq 600); do grep -q 'no longer in the label store' out && break; "
        "sleep 0.1; done; kill -INT $p; wait $p && grep -q 'no longer in the label store' out",
        0, "");
    ends_with(r, "$onic labels import gone - </dev/null", 0, "0 lines read, 0 labels added");
    change_labels(r, "gone",
                  "DELETE FROM labels; UPDATE meta SET value = 0 WHERE name = 'last_id'");
    ends_with(r, "$onic labels verify gone/labels.sqlite >out", 64,
              "label store gone/labels.sqlite is empty: there was nothing to verify");
    ends_with(r, "rm -f gone/labels.sqlite* && $onic labels verify gone >out", 74,
              "label store gone/labels.sqlite is gone or empty, and its labels with it");
    ends_with(r, "grep -q '^missing: .* heard of labels .* the store ends at 0$' out", 0, "");
    ends_with(r, ": >gone/labels.sqlite && $onic labels verify gone >out", 74, "is gone or empty");
    ends_with(r, "rm -rf gone/checkpoints && $onic labels verify gone >out", 64, /* of no labels */
              "gone/labels.sqlite is empty: there is no label store yet");
    ends_with(r, "rm -rf damaged gone", 0, "");
}

static void assert_not_blamed(struct reading *r)
{
    static const char *const words[] = {"damaged", "remove", "overwrite", "move the file"};
    const char *said = program_text(r->err);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(said, words[i]))
            fail_msg("%s: %s", r->command, said);
}

/* Nothing is wrong with the run: neither is it called damaged nor shall anything be deleted. */
static void what_may_not_be_read_is_said_and_nothing_else(void **state)
{
    struct reading *r = *state;
    char command[700];
    need(r, as_nobody);
    static const char *const others[] = {"replay private", "config private/config.yaml",
                                         "reward eval private"};
    ends_with(r, "cp -r run private && touch private/reward.safetensors && chmod -R go= private/*",
              0, "");
    for (int i = 0; i < READING; i++) {
        snprintf(command, sizeof command, "run=private; replay=${replay/run/private}; %s $onic %s",
                 as_nobody, reading_commands[i]);
        ends_with(r, command, 77, "Permission denied");
        assert_not_blamed(r);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        snprintf(command, sizeof command, "%s $onic %s", as_nobody, others[i]);
        ends_with(r, command, 77, "cannot be read: Permission denied for user 65534");
    }
    ends_with(r, "rm -rf private", 0, "");
}

/* Such a path was "no run directory, and no address of a page", or a mistake in a file. */
static void what_lies_in_a_folder_that_is_shut_is_said_to_be_so(void **state)
{
    static const char *const commands[] = {"top shut/run --once", "sweep shut/s.yaml",
                                           "status shut/run", "compare shut/run"};
    struct reading *r = *state;
    char command[700];
    need(r, as_nobody);
    ends_with(r,
              "mkdir shut && cp -r run shut && echo 'options: {env.id: corridor}' >shut/s.yaml && "
              "chmod 700 shut",
              0, "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        snprintf(command, sizeof command, "%s $onic %s", as_nobody, commands[i]);
        ends_with(r, command, 77, "cannot be read: Permission denied for user 65534");
    }
    snprintf(command, sizeof command, "%s $onic healthcheck shut/run", as_nobody);
    ends_with(r, command, 1, "shut/run cannot be read: Permission denied for user 65534");
    ends_with(r, "rm -r shut", 0, "");
}

/* An older checkpoint that could be read is not taken instead: it would be a silent roll-back. */
static void a_newest_checkpoint_that_may_not_be_read_is_not_passed_over(void **state)
{
    struct reading *r = *state;
    char command[700];
    need(r, as_nobody);
    ends_with(r, "cp -r run private", 0, "");
    ends_with(r,
              "chown -R 65534 private && chmod -R u+rw private && cd private/checkpoints && "
              "newest=$(ls ckpt-* | tail -n 1) && chown 0 $newest && chmod 600 $newest",
              0, "");
    snprintf(command, sizeof command, "%s $onic eval private", as_nobody);
    ends_with(r, command, 77, "Permission denied");
    assert_not_blamed(r);
    need_programs(r, as_nobody);
    snprintf(command, sizeof command, "%s $onic train --run-dir=private --annotator.id=rules",
             as_nobody);
    ends_with(r, command, 77, "private/checkpoints/ckpt-");
    assert_not_blamed(r);
}

static void a_run_that_may_not_be_written_is_73(void **state)
{
    struct reading *r = *state;
    char command[700];
    need(r, as_nobody);
    snprintf(command, sizeof command, "%s $onic train --run-dir=run", as_nobody);
    ends_with(r, command, 73, "run/lock cannot be created: Permission denied");
    snprintf(command, sizeof command,
             "$onic labels export run labels.jsonl && "
             "%s $onic labels import run labels.jsonl",
             as_nobody);
    ends_with(r, command, 73, "run/labels.sqlite: Permission denied");
    assert_not_blamed(r);
}

/* It would be made, and neither go on nor be removed. */
static void a_umask_that_locks_its_user_out_is_refused(void **state)
{
    struct reading *r = *state;
    char command[900];
    need(r, as_nobody);
    need_programs(r, as_nobody);
    ends_with(r, "mkdir -p open && chmod 777 open && echo 'options: {env.id: corridor}' >s.yaml", 0,
              "");
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s bash -c \"umask 0777; exec $onic %s\"", as_nobody,
                 i ? "sweep s.yaml --run-dir=open/s" : "train --env.id=corridor --run-dir=open/r");
        ends_with(r, command, 73,
                  "the umask 0777 would take the rights of every new file from this user");
    }
    ends_with(r, "rmdir open", 0, ""); /* nothing was made in it */
}

static void every_file_of_a_run_has_the_mode_that_the_umask_leaves(void **state)
{
    struct reading *r = *state;
    ends_with(r,
              "umask 007 && $onic train --run-dir=ours --annotator.id=rules --frames=20000 "
              "--replay.every_episodes=5 >out 2>&1",
              0, "");
    ends_with(r,
              "test $(find ours -type f | wc -l) -gt 10 && "
              "! find ours -type f ! -name '*.key' ! -perm 660 | grep . >&2",
              0, "");
    ends_with(r,
              "test $(find ours -type f -name '*.key' | wc -l) -ge 2 && "
              "! find ours -type f -name '*.key' ! -perm 600 | grep . >&2",
              0, "");
    ends_with(r, "! find ours -type d ! -perm 770 | grep . >&2", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_another_user_is_read),
        cmocka_unit_test(a_run_that_cannot_be_written_is_read),
        cmocka_unit_test(labels_of_a_killed_server_are_read_without_writing),
        cmocka_unit_test(a_verification_says_what_is_damaged),
        cmocka_unit_test(labels_that_are_damaged_or_gone_are_said),
        cmocka_unit_test(a_learner_without_actors_says_how_long_it_starves),
        cmocka_unit_test(what_was_learned_of_a_source_is_learned_anew_without_it),
        cmocka_unit_test(what_may_not_be_read_is_said_and_nothing_else),
        cmocka_unit_test(what_lies_in_a_folder_that_is_shut_is_said_to_be_so),
        cmocka_unit_test(a_newest_checkpoint_that_may_not_be_read_is_not_passed_over),
        cmocka_unit_test(a_run_that_may_not_be_written_is_73),
        cmocka_unit_test(a_umask_that_locks_its_user_out_is_refused),
        cmocka_unit_test(every_file_of_a_run_has_the_mode_that_the_umask_leaves),
    };
    return cmocka_run_group_tests(tests, reading_setup, reading_teardown);
}
