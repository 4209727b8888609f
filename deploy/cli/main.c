/* SPDX-License-Identifier: MIT */
/* main.c - `onic`, the front end: finds the sub-command in commands.def and runs it. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/output.h"
#include "common/base/process.h"
#include "common/base/secrets.h"
#include "common/base/shell.h"
#include "common/base/shown.h"
#include "common/config/config.h"
#include "common/config/options.h"
#include "common/nn/blas.h"
#include "deploy/cli/commands.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND_AS(name, word, summary) {word, summary, cmd_##name},
#define COMMAND(name, summary) COMMAND_AS(name, #name, summary)
#include "deploy/cli/commands.def"
#undef COMMAND
#undef COMMAND_AS
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static char called_as[4096] = "onic";

const char *command_program(void)
{
    return called_as;
}

int command_result(const char *command, int rc, const struct onic_err *err)
{
    if (!rc || rc == ONIC_ESTOPPED)
        return 0;
    char name[64];
    snprintf(name, sizeof name, "onic %.40s", command);
    log_say(LOG_ERROR, name, "%s", err->msg);
    return err_exit_code(rc);
}

static void print_help(FILE *to)
{
    fprintf(to, "usage: onic COMMAND [ARGUMENTS] [--section.key=value ...]\n"
                "Trains agents with reinforcement learning and language feedback.\n\ncommands:\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].summary);
    fprintf(
        to,
        "\n`onic COMMAND --help` explains a command. `onic train` alone trains an agent in about a "
        "minute.\n");
}

static int cli_unknown(const char *word)
{
    const char *near = NULL;
    int best = 3;
    for (int i = 0; i < COMMANDS; i++) {
        int d = option_distance(word, commands[i].name);
        if (d < best) {
            best = d;
            near = commands[i].name;
        }
    }
    if (near)
        shown_printf(stderr, "onic: unknown command '%.40s', did you mean '%s'?\n", word, near);
    else
        shown_printf(stderr, "onic: unknown command '%.40s'; `onic --help` lists the commands\n",
                     word);
    return 64;
}

/* Whether a command asks a model, or starts what does. The others play with plug-ins and libraries,
 * and start programs of others, none of which a key of the environment concerns. */
static bool asks_or_starts(const char *command)
{
    static const char *const those[] = {"train", "sweep", "launch", "doctor", "labels", "bench"};
    for (size_t i = 0; i < sizeof those / sizeof *those; i++)
        if (strcmp(command, those[i]) == 0)
            return true;
    return false;
}

static int run_command(int argc, char **argv)
{
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0) {
        struct buf out;
        buf_init(&out, 4096);
        config_version(&out);
        fputs(out.data, stdout);
        buf_release(&out);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0) {
            if (!asks_or_starts(word))
                secrets_forget();
            return commands[i].run(argc - 1, argv + 1);
        }
    if (strncmp(word, "--help=", 7) == 0) {
        shown_printf(stderr, "onic: options are of a command: `onic train %.60s`\n", word);
        return 64;
    }
    return cli_unknown(word);
}

int main(int argc, char **argv)
{
    process_start();
    blas_choose_kernels(argv);
    if (argc > 0 && argv[0][0])
        shell_word(argv[0], called_as, sizeof called_as);
    log_set_role("onic");
    if (argc < 2) {
        print_help(stderr);
        return 64;
    }
    char name[64];
    snprintf(name, sizeof name, "onic %.40s", argv[1]);
    int code = run_command(argc, argv);
    return output_end(argv[1][0] == '-' ? "onic" : name, code);
}
