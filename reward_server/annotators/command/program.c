/* SPDX-License-Identifier: MIT */
/* program.c - which command lines can be run; see command_impl.h. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/shell.h"
#include "reward_server/annotators/command/command_impl.h"

/* One program with its arguments: nothing that only a shell understands. */
bool command_is_simple(const char *line)
{
    return !strpbrk(line, "|&;<>()$`\\\"'*?[#~\n") && !memchr(line, '=', strcspn(line, " \t")) &&
           strncmp(line, "exec ", 5) != 0;
}

int command_check_program(const char *line, struct onic_err *err)
{
    char word[1024];
    struct stat st;
    if (!*line || *line == ' ')
        return err_set(err, ONIC_ECONFIG,
                       "annotator command needs a program to ask, for example "
                       "--command.run=\"python3 deploy/examples/annotator.py\"");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(line, " \t"), line);
    if (!command_is_simple(line) ||
        (strchr(word, '/') ? shell_is_program(word) : shell_finds(word)))
        return ONIC_OK;
    const char *why = "which is not found: name a program, or its path";
    if (stat(word, &st) == 0 && S_ISDIR(st.st_mode))
        why = "which is a folder: name a program in it";
    else if (strchr(word, '/') && access(word, F_OK) == 0)
        why = "which is no program: make it one (chmod +x), or put its interpreter before it "
              "(python3 FILE)";
    else if (access(word, F_OK) == 0)
        why = "which is a file here but no program that a shell finds: write ./ before it, or its "
              "interpreter (python3 FILE)";
    return err_set(err, ONIC_ECONFIG, "command.run starts with \"%.300s\", %s", word, why);
}
