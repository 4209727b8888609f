/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TERMINAL_H
#define ONIC_DEPLOY_CLI_TERMINAL_H

/* terminal.h - one picture per step in a terminal, at a pace that keys control. Without a terminal
 * (a pipe, a log, TERM=dumb) every step is one line and nothing waits.
 *
 * The terminal gets back what it was on every way out: terminal_close, exit, and any signal that
 * ends or suspends the process. SIGINT, SIGTERM and SIGHUP only set `quit`, terminal or not, so
 * that the caller can tidy up; a second one ends the process. What the process inherited as
 * ignored (nohup) stays ignored. One terminal per process, main thread. */

#include <stdbool.h>

#include "common/base/buf.h"

struct terminal {
    double speed; /* steps per second; 0 = as fast as possible. Set before terminal_open */
    bool tty;     /* pictures are drawn */
    bool quit;    /* a key or a signal asked for the end */
    bool keys;    /* they are read: not so in the background (under `timeout` in a script) */
    bool paused, single, colour;
    struct buf picture, text, out; /* what is shown; the frame */
};

void terminal_open(struct terminal *t);
void terminal_close(struct terminal *t); /* also after an error, and if it was never opened */
/* Waits for the next step's time and handles keys; returns when a step may be taken or t->quit is
 * set. */
void terminal_pace(struct terminal *t);
/* The same after the last step of an episode, which is to be seen: a second at least, unless steps
 * are taken as fast as possible. */
void terminal_linger(struct terminal *t);
/* picture: lines; text: lines about the step. Both are copied. */
void terminal_show(struct terminal *t, const struct buf *picture, const struct buf *text);

/* Whether colours may be written to stdout: a terminal that knows them, and NO_COLOR is not set. */
bool terminal_colour(void);

#endif /* ONIC_DEPLOY_CLI_TERMINAL_H */
