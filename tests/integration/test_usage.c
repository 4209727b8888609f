/* SPDX-License-Identifier: MIT */
/* test_usage.c - what --help says is what a command takes: every option and verb of a usage line is
 * accepted, every option of a command that is no option of a configuration stands in its usage, and
 * deploy/interface.md names the same. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy/encoders/encoder.h"
#include "learner/reward/reward_model.h"
#include "reward_server/annotators/annotator.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { PATIENCE_MS = 60000, NAMES_MAX = 64, NAME_MAX_BYTES = 40, TEXT_BYTES = 1 << 16 };

static const char *const SUBCOMMANDS[] = {"train",  "labels", "reward", "ledger", "config",
                                          "doctor", "env",    "eval",   "play",   "replay",
                                          "bench",  "sweep",  "compare"};
enum { COMMANDS = sizeof SUBCOMMANDS / sizeof *SUBCOMMANDS };
static const char *const OTHERS[] = {"onic-actor", "onic-learner", "onic-reward-server"};

static char dir[256];

struct names {
    int n;
    char name[NAMES_MAX][NAME_MAX_BYTES], value[NAMES_MAX][NAME_MAX_BYTES]; /* "" = a switch */
};

/* --- reading usage lines --------------------------------------------------------------------- */

static bool has(const struct names *set, const char *name)
{
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->name[i], name) == 0)
            return true;
    return false;
}

/* An option of options.def, by its own name or its short one: every command takes those. */
static bool is_general(const char *name)
{
    static const char *const shorts[] = {"frames",        "seed",           "run-dir",
                                         "deterministic", "on-exists",      "listen",
                                         "learner",       "orphan-timeout", "record"};
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (strcmp(shorts[i], name) == 0)
            return true;
    return strchr(name, '.') != NULL;
}

/* The options in a line: --name, --name=VALUE or --name VALUE. */
static void add_options(struct names *set, const char *line)
{
    for (const char *p = strstr(line, "--"); p; p = strstr(p, "--")) {
        p += 2;
        size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz._-");
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        p += n;
        bool value = *p == '=' || (*p == ' ' && isupper((unsigned char)p[1]));
        if (!n || strstr(name, ".key") || has(set, name))
            continue;
        assert_true(set->n < NAMES_MAX);
        snprintf(set->name[set->n], NAME_MAX_BYTES, "%s", name);
        snprintf(set->value[set->n++], NAME_MAX_BYTES, "%.*s",
                 value ? (int)strcspn(p + 1, " ]|)\n") : 0, p + 1);
    }
}

/* Of the lines of --help that begin with "usage:" or stand below such a line. */
static void read_usage(struct names *set, const char *help)
{
    set->n = 0;
    for (const char *line = help; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
        if (strncmp(text, "usage:", 6) == 0 || strncmp(text, "       ", 7) == 0)
            add_options(set, text);
        else
            break;
    }
}

/* --- asking the programs --------------------------------------------------------------------- */

static const char *said(const char *program, const char *args, int code)
{
    static struct program p;
    int rc = program_run(&p, dir, "p", program, args, PATIENCE_MS);
    if (code >= 0 && rc != code)
        fail_msg("%s %s: %d\n%s", program, args, rc, program_text(p.err));
    return program_text(code == 0 ? p.out : p.err);
}

static void usage_of(struct names *set, const char *program, const char *command)
{
    char args[100];
    snprintf(args, sizeof args, "%s --help", command);
    read_usage(set, said(program, args, 0));
}

/* The options are read in order, so the one that cannot be there is named only when those before
 * were taken, with the value or without one as the usage has it. */
static void every_option_of_a_usage_line_is_taken(const char *program, const char *command)
{
    struct names set;
    usage_of(&set, program, command);
    for (int i = 0; i < set.n; i++) {
        char args[200];
        snprintf(args, sizeof args, "%s --%s%s%s --no-such-thing", command, set.name[i],
                 set.value[i][0] ? "=" : "", set.value[i]);
        if (!strstr(said(program, args, 64), "unknown option '--no-such-thing'"))
            fail_msg("%s %s: %s", program, args, said(program, args, 64));
    }
}

static void what_a_usage_line_has_is_taken(void **state)
{
    (void)state;
    for (int i = 0; i < COMMANDS; i++)
        every_option_of_a_usage_line_is_taken("onic", SUBCOMMANDS[i]);
    for (int i = 0; i < 3; i++)
        every_option_of_a_usage_line_is_taken(OTHERS[i], "");
}

/* Options that one command has are tried on the others. */
static void what_is_taken_stands_in_the_usage(void **state)
{
    (void)state;
    static struct names of[COMMANDS], all;
    for (int i = 0; i < COMMANDS; i++) {
        usage_of(&of[i], "onic", SUBCOMMANDS[i]);
        for (int k = 0; k < of[i].n; k++)
            if (!has(&all, of[i].name[k]) && !is_general(of[i].name[k]))
                snprintf(all.name[all.n++], NAME_MAX_BYTES, "%s", of[i].name[k]);
    }
    assert_true(all.n > 10);
    for (int i = 0; i < COMMANDS; i++)
        for (int k = 0; k < all.n; k++) {
            char args[200], unknown[80];
            snprintf(args, sizeof args, "%s --%s=1 --no-such-thing", SUBCOMMANDS[i], all.name[k]);
            snprintf(unknown, sizeof unknown, "unknown option '--%s'", all.name[k]);
            bool taken = !strstr(said("onic", args, 64), unknown);
            if (taken != has(&of[i], all.name[k]))
                fail_msg("onic %s: --%s is %s, its usage %s it", SUBCOMMANDS[i], all.name[k],
                         taken ? "taken" : "unknown", taken ? "lacks" : "has");
        }
}

static void verbs_of_usage_lines_are_known(void **state)
{
    (void)state;
    const char *const verb[] = {"labels count",    "labels list",  "labels export",
                                "labels import",   "labels top",   "labels collect",
                                "labels annotate", "reward train", "reward eval",
                                "env describe",    "env trace",    "env list"};
    for (size_t i = 0; i < sizeof verb / sizeof *verb; i++) {
        char args[100], line[100];
        snprintf(args, sizeof args, "%.*s --help", (int)strcspn(verb[i], " "), verb[i]);
        snprintf(line, sizeof line, "onic %s", verb[i]);
        if (!strstr(said("onic", args, 0), line))
            fail_msg("`onic %s` does not name `%s`", args, line);
        snprintf(args, sizeof args, "%s nowhere", verb[i]);
        const char *why = said("onic", args, -1);
        if (strstr(why, "' is not "))
            fail_msg("onic %s: %s", args, why);
    }
}

/* --- the page -------------------------------------------------------------------------------- */

static void the_page_names_what_the_commands_name(void **state)
{
    (void)state;
    char path[600], line[512];
    snprintf(path, sizeof path, "%s/deploy/interface.md", getenv("ONIC_SOURCE"));
    static struct names page[COMMANDS];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        for (int i = 0; i < COMMANDS; i++) {
            size_t n = strlen(SUBCOMMANDS[i]);
            if (strncmp(line, "onic ", 5) == 0 && strncmp(line + 5, SUBCOMMANDS[i], n) == 0 &&
                line[5 + n] == ' ')
                add_options(&page[i], line);
        }
    fclose(f);
    for (int i = 0; i < COMMANDS; i++) {
        struct names usage;
        usage_of(&usage, "onic", SUBCOMMANDS[i]);
        for (int k = 0; k < usage.n; k++)
            if (!has(&page[i], usage.name[k]))
                fail_msg("deploy/interface.md lacks onic %s --%s", SUBCOMMANDS[i], usage.name[k]);
        for (int k = 0; k < page[i].n; k++)
            if (!has(&usage, page[i].name[k]))
                fail_msg("the usage of onic %s lacks --%s", SUBCOMMANDS[i], page[i].name[k]);
    }
}

static void lists(const char *help, const char *name)
{
    if (!strstr(help, name))
        fail_msg("'%s' is not named in:\n%s", name, help);
}

/* What an option may be is said by name; a new plug-in is added to its line in
 * common/config/options.def. */
static void help_names_what_can_be_chosen(void **state)
{
    (void)state;
    const char *help = said("onic", "train --help=reward.model", 0);
    for (int i = 0; i < reward_model_count(); i++)
        lists(help, reward_model_at(i)->name);
    help = said("onic", "train --help=annotator.id", 0);
    for (int i = 0; annotator_at(i); i++)
        lists(help, annotator_at(i)->id);
    help = said("onic", "train --help=policy.net", 0);
    for (int i = 0; encoder_at(i); i++)
        lists(help, encoder_at(i)->id);
    assert_non_null(strstr(said("onic", "train --help=nonsense", 64), "--help=nonsense"));
}

/* Where a command has defaults of its own, --help shows these. */
static void defaults_of_a_command_are_those_it_goes_by(void **state)
{
    (void)state;
    const char *help = said("onic", "reward --help=all", 0);
    assert_non_null(strstr(help, "[1e-05]"));
    assert_non_null(strstr(help, "[1024]"));
    assert_null(strstr(help, "[256]"));
    assert_non_null(strstr(said("onic", "eval --help", 0), "[1000003]"));
    const char *measured = said("onic", "eval --random --env.id=corridor --episodes=1 --json=-", 0);
    assert_non_null(strstr(measured, "\"seed\":1000003"));
    assert_non_null(strstr(said("onic", "play --help", 0), "[2000003]"));
}

int main(void)
{
    temp_dir_create(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_usage_line_has_is_taken),
        cmocka_unit_test(what_is_taken_stands_in_the_usage),
        cmocka_unit_test(verbs_of_usage_lines_are_known),
        cmocka_unit_test(the_page_names_what_the_commands_name),
        cmocka_unit_test(help_names_what_can_be_chosen),
        cmocka_unit_test(defaults_of_a_command_are_those_it_goes_by),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
