/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_LAUNCHER_TERMINAL_H
#define ONIC_DEPLOY_LAUNCHER_TERMINAL_H

/* terminal.h - one picture per step in a terminal, at a pace that keys control. Without a terminal
 * (a pipe, a log) every step is one line and nothing waits. */

#include <stdbool.h>
#include <termios.h>

#include "common/base/buf.h"

struct terminal {
    double speed; /* steps per second; 0 = as fast as possible. Set before terminal_open */
    bool tty, paused, quit, single;
    struct termios saved;
};

void terminal_open(struct terminal *t);
void terminal_close(const struct terminal *t); /* also after an error */
/* Waits for the next step's time and handles keys; returns when a step may be taken or t->quit is
 * set. */
void terminal_pace(struct terminal *t);
/* picture: lines; text: lines about the step. */
void terminal_show(const struct terminal *t, const struct buf *picture, const struct buf *text);

#endif /* ONIC_DEPLOY_LAUNCHER_TERMINAL_H */
