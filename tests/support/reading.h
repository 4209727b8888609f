/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_READING_H
#define ONIC_TESTS_SUPPORT_READING_H

/* reading.h - a short run, trained once for all tests of a program, which leave it as it was, and
 * commands that read it. */

struct reading {
    char dir[256];     /* holds the run as "run" */
    char replay[400];  /* a kept episode of it, relative to dir */
    char err[400];     /* what the last command said on stderr */
    char command[900]; /* the last command */
};

/* Of the group of tests; *state is a struct reading. */
int reading_setup(void **state);
int reading_teardown(void **state);

/* A shell command in the folder of the run, $onic being the program, $run the run and $replay its
 * kept episode; the exit code, or 128 + the signal that ended it. */
int in_shell(struct reading *r, const char *command);
/* It ends with that code, and its stderr holds the sentence. */
void ends_with(struct reading *r, const char *command, int code, const char *sentence);

#endif /* ONIC_TESTS_SUPPORT_READING_H */
