/* SPDX-License-Identifier: MIT */
/* test_experiments.c - every sweep of deploy/experiments is one: each command that the head of its
 * file names is asked, dry, which runs it would start; what is kept of runs can be compared. */
#define _GNU_SOURCE
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/scene.h"

enum { LINE_BYTES = 2048 };

/* Whether it says, of the worlds that a file plays in, that this machine lacks their package:
 * whoever has it checks the file. Anything else that is refused is the file's fault. */
static bool lacks_a_package(const char *said)
{
    static const struct {
        const char *begins, *ends;
    } sentences[] = {
        {"NetHack needs ", "libnethack.so, which is missing; "},
        {"the sentence model is not in ", "/deploy/quickstart.sh of a checkout fetches it; "},
        {"the interpreter ", " cannot import gymnasium: pip install "},
        {"the interpreter ", " cannot import numpy: pip install "},
        {"there is no module minigrid for ", ": start onic in its folder"},
    };
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        const char *at = strstr(said, sentences[i].begins);
        if (at && strstr(at, sentences[i].ends))
            return true;
    }
    return false;
}

/* One command as the file says it; program and folder are those of the test. */
static void asks_for_runs(struct scene *s, const char *file, const char *command)
{
    char line[LINE_BYTES + 400];
    int runs = 0;
    snprintf(line, sizeof line, "cd %s && exec %s/onic %s --run-dir=%s/out --dry-run",
             getenv("ONIC_SOURCE"), getenv("ONIC_BUILD"), command, s->dir);
    program_start_shell(&s->a, s->dir, "sweep", line);
    int code = program_wait(&s->a, SCENE_LONG_MS);
    const char *said = program_text(s->a.err);
    if (code == 64 && lacks_a_package(said)) {
        print_message("%s: not checked: %s", file, said);
        return;
    }
    if (code != 0)
        fail_msg("%s: `onic %s` ends with %d: %s", file, command, code, said);
    const char *count = strstr(said, "onic sweep: ");
    if (!count || sscanf(count, "onic sweep: %d run", &runs) != 1 || runs < 1)
        fail_msg("%s: `onic %s` asks for no run: %s", file, command, said);
}

static int check_file(struct scene *s, const char *path)
{
    char line[LINE_BYTES];
    static const char mark[] = "#   build/onic sweep ";
    int commands = 0;
    const char *name = strstr(path, "deploy/experiments/");
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, mark, strlen(mark)) != 0)
            continue;
        if (!strstr(line, name))
            fail_msg("%s names another file: %s", name, line);
        asks_for_runs(s, name, line + strlen("#   build/onic "));
        commands++;
    }
    fclose(f);
    if (!commands)
        fail_msg("%s: its head has no line '#   build/onic sweep %s'", name, name);
    return commands;
}

static void every_sweep_can_be_started(void **state)
{
    struct scene *s = *state;
    char pattern[600];
    glob_t found;
    int commands = 0;
    snprintf(pattern, sizeof pattern, "%s/deploy/experiments/*.yaml", getenv("ONIC_SOURCE"));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        commands += check_file(s, found.gl_pathv[i]);
    globfree(&found);
    assert_true(commands > 10);
}

/* The words of a package, in a sentence about something else, are no excuse. */
static void a_fault_of_a_file_is_no_missing_package(void **state)
{
    struct scene *s = *state;
    static const char *const files[] = {
        "options: {env.id: \"gym:CartPole-v1\", train.lr: fast}\n",
        "options: {env.id: nethack:Score, train.lrr: 1}  # nle, gymnasium: pip install\n",
        "options: {env.nle: nowhere, env.id: nethack:Score, train.rollot: 1}\n",
    };
    char path[400];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/nle-gymnasium.yaml", s->dir);
        files_write(path, files[i]);
        scene_fails(s, "onic", "sweep nle-gymnasium.yaml --dry-run", 64, "nle-gymnasium.yaml:1");
        assert_false(lacks_a_package(program_text(s->a.err)));
    }
}

static void what_is_kept_can_be_compared(void **state)
{
    struct scene *s = *state;
    char pattern[600], args[700];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/deploy/experiments/*/kept", getenv("ONIC_SOURCE"));
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(args, sizeof args, "compare %s --names", found.gl_pathv[i]);
        scene_succeeds(s, args);
        if (strstr(program_text(s->a.err), "left out"))
            fail_msg("%s: %s", found.gl_pathv[i], program_text(s->a.err));
    }
    globfree(&found);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(every_sweep_can_be_started),
        SCENE(a_fault_of_a_file_is_no_missing_package),
        SCENE(what_is_kept_can_be_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
