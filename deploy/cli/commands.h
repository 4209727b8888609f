/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMMANDS_H
#define ONIC_DEPLOY_CLI_COMMANDS_H

/* commands.h - the sub-commands of `onic`, from commands.def. Each prints its results on stdout,
 * one sentence per failure on stderr, and returns the exit code of deploy/interface.md section 3.
 * Whether the results arrived is asked once, in main.c; a command asks output.h itself where it
 * would go on for nothing. */

#define COMMAND(name, summary) int cmd_##name(int argc, char **argv);
#define COMMAND_AS(name, word, summary) COMMAND(name, summary)
#include "deploy/cli/commands.def"
#undef COMMAND_AS
#undef COMMAND

#include "common/base/err.h"

/* This program as a person calls it, one word of a shell: for commands that are suggested. */
const char *command_program(void);

/* Prints "onic <command>: <sentence>" and returns the exit code for rc; 0 for ONIC_OK and
 * ONIC_ESTOPPED. */
int command_result(const char *command, int rc, const struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_COMMANDS_H */
