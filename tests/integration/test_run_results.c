/* SPDX-License-Identifier: MIT */
/* test_run_results.c - where the results of commands go that read a run, and what is no run, no
 * file, or no configuration. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/reading.h"

/* --- results --------------------------------------------------------------------------------- */

/* All that print results, with little and with much to say. */
static const char *const printing[] = {
    "--help",
    "--version",
    "train --help",
    "config",
    "doctor",
    "doctor --json",
    "env list",
    "env list --json=-",
    "env describe corridor:8",
    "env trace corridor:8 --seed=1 --actions=actions",
    "labels count run",
    "labels list run",
    "labels export run",
    "labels export run -",
    "labels verify run",
    "labels top run",
    "labels top run --json",
    "ledger run",
    "ledger run --json",
    "eval run --episodes=1",
    "eval run --episodes=1 --json=-",
    "eval run --episodes=1 --csv=-",
    "eval --random --env.id=corridor:8 --episodes=1 --json -",
    "play run --episodes=1 --speed=0",
    "replay $replay --speed=0",
    "replay $replay --json",
    "replay $replay --explain=1",
    "replay $replay --explain=1 --json",
};
enum { PRINTING = sizeof printing / sizeof printing[0] };

static void a_result_that_does_not_fit_on_the_device_is_74(void **state)
{
    struct reading *r = *state;
    char command[300];
    for (int i = 0; i < PRINTING; i++) {
        snprintf(command, sizeof command, "$onic %s >/dev/full", printing[i]);
        ends_with(r, command, 74, "standard output could not be written");
    }
    ends_with(r, "$onic config >&-", 0, ""); /* closed on purpose: nobody wants it */
    ends_with(r, "$onic play run --episodes=1000000 --speed=0 >/dev/full", 74, "");
    snprintf(command, sizeof command, "'%s/onic-actor' --help >/dev/full", getenv("ONIC_BUILD"));
    ends_with(r, command, 74, "standard output could not be written");
    snprintf(command, sizeof command, "'%s/onic-actor' --describe --env.id=corridor:8 >/dev/full",
             getenv("ONIC_BUILD"));
    ends_with(r, command, 74, "standard output could not be written");
}

/* A command that failed keeps its own exit code and sentence. */
static void a_failure_is_not_covered_by_the_lost_output(void **state)
{
    struct reading *r = *state;
    ends_with(r, "$onic eval nowhere --json=- >/dev/full", 64, "there is no run nowhere");
    assert_null(strstr(program_text(r->err), "standard output"));
}

/* `| head`: by SIGPIPE, and where the caller ignores that, without it. */
static void a_reader_that_leaves_is_no_failure(void **state)
{
    struct reading *r = *state;
    char command[400];
    for (int i = 0; i < PRINTING; i++) {
        snprintf(command, sizeof command,
                 "$onic %s | true; test ${PIPESTATUS[0]} = 141 -o "
                 "${PIPESTATUS[0]} = 0",
                 printing[i]);
        assert_int_equal(in_shell(r, command), 0);
        snprintf(command, sizeof command, "trap '' PIPE; $onic %s | true; exit ${PIPESTATUS[0]}",
                 printing[i]);
        if (in_shell(r, command) != 0 || strstr(program_text(r->err), "standard output"))
            fail_msg("%s: %s", command, program_text(r->err));
    }
}

static void a_result_file_is_tried_before_the_work_and_kept_until_there_is_a_result(void **state)
{
    struct reading *r = *state;
    ends_with(r, "$onic eval run --episodes=10000000 --json=nowhere/x", 73,
              "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic eval run --episodes=10000000 --csv=nowhere/x", 73,
              "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic bench --json=nowhere/x", 73, "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic labels export run nowhere/x", 73, "nowhere/x cannot be written: No such");
    ends_with(r, "$onic eval run --episodes=1 --json=/dev/full", 74,
              "/dev/full could not be written: No space left");
    ends_with(r, "$onic eval run --episodes=1 --csv=/dev/full", 74,
              "/dev/full could not be written: No space left");
    ends_with(r, "$onic labels export run /dev/full", 74, "/dev/full could not be written");
    /* A longer result of before is replaced whole, and only when there is another. */
    ends_with(r, "seq 100000 >kept; $onic eval nowhere --json=kept; test $(wc -l <kept) = 100000",
              0, "there is no run");
    ends_with(
        r,
        "$onic eval run --episodes=1 --json=kept >out && $onic eval run --episodes=1 --json=- "
        ">want && cmp kept want",
        0, "");
    ends_with(r,
              "$onic eval run --episodes=1 --json=>(cat >through) >out; wait $!; cmp through want",
              0, "");
}

/* --- the wrong file -------------------------------------------------------------------------- */

static void another_kind_of_file_is_named(void **state)
{
    struct reading *r = *state;
    static const char *const checkpoint_commands[] = {"eval", "play", "labels top"};
    static const struct {
        const char *file, *kind;
    } files[] = {{"config.yaml", "a YAML file"},
                 {"run/labels.sqlite", "an SQLite database"},
                 {"$replay", "JSON text"},
                 {"run/metrics.jsonl", "JSON text"},
                 {"run/log/learner.log", "a text file"},
                 {"run/checkpoints/LATEST", "a text file"},
                 {"$(ls run/events.out.tfevents.* | tail -n 1)", "a TensorBoard event file"},
                 {"$onic", "a program"},
                 {"u16.yaml.gz", "a compressed file"},
                 {"pipe", "a pipe"}};
    char command[300], sentence[200];
    ends_with(r,
              "cp run/config.yaml . && gzip -c config.yaml >u16.yaml.gz && mkfifo pipe && "
              "cp run/checkpoints/ckpt-0*.safetensors . && checkpoint=$(ls ckpt-* | tail -n 1) && "
              "mv $checkpoint checkpoint",
              0, "");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (int c = 0; c < 3; c++) {
            snprintf(command, sizeof command, "$onic %s %s", checkpoint_commands[c], files[i].file);
            snprintf(sentence, sizeof sentence, " is %s, not a run directory or a checkpoint",
                     files[i].kind);
            ends_with(r, command, 64, sentence);
        }
        snprintf(command, sizeof command, "$onic ledger %s", files[i].file);
        snprintf(sentence, sizeof sentence, " is %s, not a run directory", files[i].kind);
        ends_with(r, command, 64, sentence);
        snprintf(command, sizeof command, "$onic reward eval %s", files[i].file);
        snprintf(sentence, sizeof sentence, " is %s, not a folder of", files[i].kind);
        ends_with(r, command, 64, sentence);
        if (strcmp(files[i].kind, "an SQLite database") == 0)
            continue;
        snprintf(command, sizeof command, "$onic labels count %s", files[i].file);
        snprintf(sentence, sizeof sentence, " is %s, not a label store", files[i].kind);
        ends_with(r, command, 64, sentence);
    }
    ends_with(r, "$onic eval checkpoint --episodes=1 >out", 0, ""); /* its name does not matter */
    ends_with(r, "$onic labels list checkpoint", 64, "is a safetensors file, not a label store");
    ends_with(r, "$onic eval run/replays", 64,
              "is a folder, not a run directory: it has no checkp");
    ends_with(r, "$onic eval run/checkpoints", 64, "holds the checkpoints of a run: give the run");
    ends_with(r, "$onic ledger .", 64, "ledger.json does not exist");
    ends_with(r, "$onic train run", 64, "goes on with --run-dir=run");
    ends_with(r, "$onic config run/labels.sqlite", 64, "is an SQLite database, not a YAML file");
    ends_with(r, "$onic config checkpoint", 64, "is a safetensors file, not a YAML file");
    ends_with(r, "$onic config run/replays", 64, "run/replays cannot be read: Is a dir");
    ends_with(r, "$onic labels import copied.sqlite run/labels.sqlite", 64, "there is no run");
    ends_with(r, "$onic labels import run run/labels.sqlite", 64,
              "run/labels.sqlite is an SQLite database, not JSON lines of `onic labels export`");
    ends_with(r, "$onic labels import run config.yaml", 64,
              "config.yaml is a YAML file, not JSON l");
    ends_with(r, "$onic labels import run run/replays", 64, "run/replays is a folder, not JSON");
    ends_with(r, "$onic replay pipe --json", 64, "pipe is a pipe, not a kept episode");
    ends_with(r,
              "printf '\\377\\376{\\0}\\0\\n\\0' >wide.jsonl; $onic labels import run wide.jsonl",
              64, "wide.jsonl is UTF-16 text; save it as UTF-8");
    ends_with(r, "$onic env trace corridor:8 --actions=run", 74, "cannot be read: Is a directory");
    ends_with(r, "truncate -s 9 checkpoint; $onic eval checkpoint", 74,
              "checkpoint is damaged: it");
}

/* --- configurations that are no files -------------------------------------------------------- */

/* The first line of `onic config` names the run directory. */
static void config_is_named(struct reading *r, const char *command, const char *want)
{
    char script[600];
    snprintf(script, sizeof script,
             "%s >resolved && head -n 1 resolved && grep -q 'seed: 5 ' resolved "
             "&& test \"$(head -n 1 resolved)\" = '# run directory: %s'",
             command, want);
    ends_with(r, script, 0, "");
}

static void a_pipe_is_a_configuration_but_no_name(void **state)
{
    struct reading *r = *state;
    static const char by_environment[] = "runs/minigrid-KeyCorridorS3R3-s5";
    ends_with(r, "echo 'run: {seed: 5}' >five.yaml; mkfifo five", 0, "");
    config_is_named(r, "$onic config five.yaml", "runs/five-s5");
    config_is_named(r, "$onic config <(cat five.yaml)", by_environment);
    config_is_named(r, "$onic config /dev/stdin <five.yaml", by_environment);
    config_is_named(r, "$onic config - <five.yaml", by_environment);
    config_is_named(r, "cat five.yaml | $onic config -", by_environment);
    config_is_named(r, "cat five.yaml >five & $onic config five", by_environment);
    config_is_named(r, "$onic config five.yaml <(echo 'train: {epochs: 2}')", "runs/five-s5");
    config_is_named(r, "$onic config <(cat five.yaml) --env.id=corridor:8", "runs/corridor-8-s5");
    ends_with(r, "echo 'run: {sed: 5}' | $onic config -", 64, "standard input:1: unknown option");
    ends_with(r, "iconv -t UTF-16 five.yaml | $onic config -", 64, "standard input is UTF-16 text");
    ends_with(r,
              "$onic train <(cat five.yaml) --annotator.id=rules --frames=3000 >out 2>&1 && "
              "test -s runs/minigrid-KeyCorridorS3R3-rules-s5/checkpoints/LATEST",
              0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_that_does_not_fit_on_the_device_is_74),
        cmocka_unit_test(a_failure_is_not_covered_by_the_lost_output),
        cmocka_unit_test(a_reader_that_leaves_is_no_failure),
        cmocka_unit_test(another_kind_of_file_is_named),
        cmocka_unit_test(a_pipe_is_a_configuration_but_no_name),
        cmocka_unit_test(a_result_file_is_tried_before_the_work_and_kept_until_there_is_a_result),
    };
    return cmocka_run_group_tests(tests, reading_setup, reading_teardown);
}
