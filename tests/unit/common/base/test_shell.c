/* SPDX-License-Identifier: MIT */
/* test_shell.c - what a shell makes of a suggested word is the text it was made of. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/base/shell.h"
#include "tests/onic_test.h"

/* printf %s WORD, by this shell. */
static void read_back(const char *shell, const char *word, char *out, size_t size)
{
    char script[4096], command[4200];
    snprintf(script, sizeof script, "/tmp/onic-shell-%d", (int)getpid());
    FILE *f = fopen(script, "w");
    assert_non_null(f);
    fprintf(f, "printf %%s %s\n", word);
    fclose(f);
    snprintf(command, sizeof command, "%s %s", shell, script);
    f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(out, 1, size - 1, f);
    out[n] = '\0';
    assert_int_equal(pclose(f), 0);
    unlink(script);
}

static void assert_survives(const char *shell, const char *text)
{
    char word[1000], back[1000];
    shell_word(text, word, sizeof word);
    assert_null(strchr(word, '\n'));
    read_back(shell, word, back, sizeof back);
    const char *got = text[0] == '-' && strncmp(back, "./", 2) == 0 ? back + 2 : back;
    if (strcmp(got, text) != 0)
        fail_msg("%s made \"%s\" of %s, want \"%s\"", shell, back, word, text);
}

static void paths_of_every_kind_survive_a_shell(void **state)
{
    static const char *const paths[] = {
        "",        "my run",         "it's",     "'",     "''",     "a\"b",
        "$HOME",   "`id`",           "$(id)",    "a;b&c", "~/runs", "*",
        "[ab]?",   "a\\b",           "#x",       "-run",  "--flag", "{a,b}",
        "a|b>c<d", "runs/r\303\244", "\xff\xfe", "!x",    "  ",     "a=b c",
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_survives("sh", paths[i]);
    struct rng r = rng_stream(1, "shell", 0, 0, 0);
    for (int i = 0; i < 30; i++) {
        char text[40];
        int n = 1 + (int)rng_below(&r, 38);
        for (int k = 0; k < n; k++)
            text[k] = (char)(0x20 + rng_below(&r, 0x5f));
        text[n] = '\0';
        assert_survives("sh", text);
    }
}

static void control_characters_stay_on_one_line(void **state)
{
    (void)state;
    if (access("/bin/bash", X_OK) != 0)
        skip();
    assert_survives("bash", "two\nlines");
    assert_survives("bash", "\033[31mred\033[0m 'quoted' \\ \x7f");
}

static void a_plain_word_stays_as_it_is(void **state)
{
    char word[100], small[8];
    (void)state;
    assert_string_equal(shell_word("runs/keycorridor-s1", word, sizeof word),
                        "runs/keycorridor-s1");
    assert_string_equal(shell_word("-run", word, sizeof word), "./-run");
    assert_string_equal(shell_word("my run", word, sizeof word), "'my run'");
    assert_string_equal(shell_word("much too long", small, sizeof small), "...");
}

static void programs_are_found_as_a_shell_does(void **state)
{
    (void)state;
    assert_true(shell_finds("sh"));
    assert_false(shell_finds("no-such-program-of-onic"));
    assert_true(shell_is_program("/bin/sh"));
    assert_false(shell_is_program("/bin"));        /* a folder */
    assert_false(shell_is_program("/etc/passwd")); /* no program */
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    setenv("PATH", "/nowhere::/etc", 1);
    assert_false(shell_finds("sh"));
    assert_false(shell_finds("passwd"));
    unsetenv("PATH");
    assert_true(shell_finds("sh")); /* a shell has one of its own */
    setenv("PATH", path, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_every_kind_survive_a_shell),
        cmocka_unit_test(control_characters_stay_on_one_line),
        cmocka_unit_test(a_plain_word_stays_as_it_is),
        cmocka_unit_test(programs_are_found_as_a_shell_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
