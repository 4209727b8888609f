/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_memory.c - want of memory is called want of memory: whichever allocation fails while a
 * program reads its files, it does not call a good file a bad one, nor pass over a checkpoint. */
#define _GNU_SOURCE
#include <unistd.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"
#include "tests/support/failing_call.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

enum { SOON_MS = 60000 };

/* Allocation n of `onic` with these words fails. False: it made fewer. */
static bool fails_at(const char *words, int n, int *code, const char **text)
{
    static struct program p;
    char line[2200];
    const char *mark = files_in("struck");
    snprintf(line, sizeof line, "%s exec $ONIC_BUILD/onic %s",
             failing_call("malloc", n, "ENOMEM", "", mark), words);
    program_start_shell(&p, files_folder(), "p", line);
    *code = program_wait(&p, SOON_MS);
    *text = program_text(p.err);
    return access(mark, F_OK) == 0;
}

static void a_good_yaml_file_is_never_called_bad(void **state)
{
    (void)state;
    char words[700], path[600];
    int struck = 0, code;
    const char *text;
    snprintf(path, sizeof path, "%s", files_in("good.yaml"));
    files_write(path, "train:\n  lr: 0.001\n  batch: 512\nrun:\n  seed: 3\n");
    snprintf(words, sizeof words, "config %s", path);
    for (int n = 1; fails_at(words, n, &code, &text); n += 1 + n / 40) {
        struck++;
        if (strstr(text, "YAML") || strstr(text, "good.yaml:")) {
            print_error("allocation %d, exit code %d: %s\n", n, code, text);
            fail();
        }
    }
    assert_true(struck > 20);
}

static void a_good_checkpoint_is_never_passed_over(void **state)
{
    (void)state;
    char words[700], run[500];
    int struck = 0, code;
    const char *text;
    struct program p = {0};
    snprintf(run, sizeof run, "%s/run", files_folder());
    snprintf(words, sizeof words,
             "train --run-dir=%s --frames=4096 --env.count=4 --annotator.id=rules "
             "--metrics.tensorboard=false",
             run);
    assert_int_equal(program_run(&p, files_folder(), "train", "onic", words, SOON_MS), 0);
    snprintf(words, sizeof words, "eval %s --episodes=1 --env.max_steps=4", run);
    for (int n = 1; fails_at(words, n, &code, &text); n += 1 + n / 8) {
        struck++;
        if (strstr(text, "damaged") || strstr(text, "not JSON") || strstr(text, "checksum")) {
            print_error("allocation %d, exit code %d: %s\n", n, code, text);
            fail();
        }
    }
    assert_true(struck > 20);
}

int main(void)
{
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_good_yaml_file_is_never_called_bad),
        IN_FOLDER(a_good_checkpoint_is_never_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
