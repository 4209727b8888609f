/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_PTY_H
#define ONIC_TESTS_SUPPORT_PTY_H

/* pty.h - a program in a terminal of its own: a pseudo-terminal, its settings, and what it shows.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "tests/support/vt.h"

enum { PTY_BYTES_MAX = 1 << 20 };

struct pty {
    pid_t pid;     /* leader of the terminal's session and foreground group */
    int fd, other; /* other: our own end of the program's side, so that nothing hangs up */
    struct termios before;
    struct vt vt;
    char bytes[PTY_BYTES_MAX]; /* everything written, the first of it */
    size_t len;
    const char *want;
};

/* Runs a line of /bin/sh, which finds the programs in $ONIC_BUILD, in folder `dir`. */
void pty_start(struct pty *p, int rows, int cols, const char *dir, const char *line);
/* Takes in what was written since. */
void pty_read(struct pty *p);
/* What a person types. */
void pty_type(struct pty *p, const char *keys);
/* A window of another size, and its signal to the foreground. */
void pty_resize(struct pty *p, int rows, int cols);
/* Until the window shows `part`; fails the test when it does not. */
void pty_await(struct pty *p, const char *part);
/* Waits for the end: exit code or -signal. */
int pty_end(struct pty *p);
/* Whether the settings are those from before, and the cursor is seen. */
bool pty_is_restored(const struct pty *p);
void pty_close(struct pty *p); /* kills what still runs */

#endif /* ONIC_TESTS_SUPPORT_PTY_H */
