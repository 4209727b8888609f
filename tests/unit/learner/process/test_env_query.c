/* SPDX-License-Identifier: MIT */
/* test_env_query.c - what a learner says when onic-actor does not tell it what an environment is.
 * It asks the onic-actor beside its own program: this program is copied beside a script of that
 * name, and asks there. */
#include "learner/process/env_query.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

static char dir[256], self[512];

/* In the copy: exits as a learner would, with its sentence. files: how many it may open, 0 = as
 * before. */
static int ask(const char *files)
{
    char option[] = "--env.max_steps=9", *options[] = {option};
    struct env_description env;
    struct onic_err err = {0};
    struct rlimit was, few;
    if (getrlimit(RLIMIT_NOFILE, &was) != 0)
        return 99;
    few = (struct rlimit){*files == '0' ? was.rlim_cur : (rlim_t)atoi(files), was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    int rc = env_query("corridor", options, 1, &env, &err);
    setrlimit(RLIMIT_NOFILE, &was);
    fprintf(stderr, "%s", err.msg);
    return err_exit_code(rc);
}

static int ask_setup(void **state)
{
    char line[900];
    (void)state;
    temp_dir_create(dir);
    snprintf(line, sizeof line, "cp '%s' %s/learner", self, dir);
    return system(line);
}

static int ask_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* script: of the shell, "" = there is no onic-actor. */
static void fails(const char *script, const char *files, int code, const char *part)
{
    char line[600], path[300], errors[300];
    snprintf(path, sizeof path, "%s/onic-actor", dir);
    snprintf(errors, sizeof errors, "%s/errors", dir);
    if (*script) {
        files_write(path, script);
        assert_int_equal(chmod(path, 0700), 0);
    }
    snprintf(line, sizeof line, "%s/learner %s 2>%s", dir, files, errors);
    int status = system(line);
    const char *text = program_text(errors);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code || !strstr(text, part))
        fail_msg("%x: %s", status, text);
}

static void an_actor_that_is_not_there_is_named(void **state)
{
    (void)state;
    fails("", "0", 64, "the learner asks onic-actor what corridor is: the program onic-actor is");
}

static void what_the_actor_says_is_said(void **state)
{
    (void)state;
    fails("#!/bin/sh\necho first >&2\necho \"onic-actor: no world of $*\" >&2\nexit 64\n", "0", 64,
          "no world of --describe --env.max_steps=9");
    fails("#!/bin/sh\necho 'onic-actor: of another kind' >&2\nexit 78\n", "0", 78,
          "of another kind");
}

static void an_actor_that_breaks_is_named_with_how(void **state)
{
    (void)state;
    fails("#!/bin/sh\necho 'it burns' >&2\nexit 3\n", "0", 74,
          "/onic-actor --describe ended with status 3: it burns");
    fails("#!/bin/sh\nkill -9 $$\n", "0", 74, "/onic-actor --describe ended with status -9: ");
}

static void an_actor_of_another_version_is_named(void **state)
{
    (void)state;
    fails("#!/bin/sh\necho 'colour: blue'\n", "0", 78,
          "/onic-actor is of another version than this learner: the environment's description has");
}

/* Three are open: then none, or one, of the two pipes can be made. */
static void no_pipe_is_told_with_the_reason(void **state)
{
    (void)state;
    const char *said = "no pipe from onic-actor can be made: Too many open files";
    fails("#!/bin/sh\nexit 0\n", "4", 74, said);
    fails("#!/bin/sh\nexit 0\n", "6", 74, said);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return ask(argv[1]);
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return 1;
    self[n] = '\0';
#define ASK(name) cmocka_unit_test_setup_teardown(name, ask_setup, ask_teardown)
    const struct CMUnitTest tests[] = {
        ASK(an_actor_that_is_not_there_is_named),    ASK(what_the_actor_says_is_said),
        ASK(an_actor_that_breaks_is_named_with_how), ASK(an_actor_of_another_version_is_named),
        ASK(no_pipe_is_told_with_the_reason),
    };
#undef ASK
    return cmocka_run_group_tests(tests, NULL, NULL);
}
