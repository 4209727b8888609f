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
#include <stdint.h>

#include "common/base/buf.h"

enum { TERMINAL_TITLE_MAX = 256, TERMINAL_KEYS_MAX = 64 };

struct terminal {
    /* Set before terminal_open. */
    double speed; /* steps per second; 0 = as fast as possible */
    bool silent;  /* nothing is shown and no key is read: signals alone count */
    bool paced;   /* steps wait for their time without a terminal, too */
    /* Asked once a second, whatever is shown: true ends it like a key. NULL: nothing does. */
    bool (*over)(void *ctx);
    void *over_ctx;
    /* At any time. */
    char title[TERMINAL_TITLE_MAX]; /* first line of the text; "" = none */

    bool tty;  /* pictures are drawn */
    bool quit; /* a key or a signal asked for the end */
    bool keys; /* they are read: not so in the background (under `timeout` in a script) */
    bool paused, single, colour;
    int64_t asked_ms;                    /* `over` was, last */
    bool person;                         /* keys are for terminal_key */
    char prompt[200];                    /* what the person is to do */
    int key[TERMINAL_KEYS_MAX], waiting; /* keys that were not asked for yet */
    struct buf picture, text, out;       /* what is shown; the frame */
};

void terminal_open(struct terminal *t);
void terminal_close(struct terminal *t); /* also after an error, and if it was never opened */
/* Waits for the next step's time and handles keys; returns when a step may be taken or t->quit is
 * set. */
void terminal_pace(struct terminal *t);
/* The same after the last step of an episode, which is to be seen: a second at least, unless steps
 * are taken as fast as possible. */
void terminal_linger(struct terminal *t);
/* Waits so long, or until the end is asked for: terminal or not, paused or not. */
void terminal_wait(struct terminal *t, int ms);
/* From now on keys take actions and do not control the pace; only signals ask for the end. The next
 * key as env.h numbers them; 0 when t->quit is set. prompt: what it is for, shown meanwhile;
 * borrowed until the next call. */
int terminal_key(struct terminal *t, const char *prompt);
/* picture: lines; text: lines about the step. Both are copied. */
void terminal_show(struct terminal *t, const struct buf *picture, const struct buf *text);

/* Whether colours may be written to stdout: a terminal that knows them, and NO_COLOR is not set. */
bool terminal_colour(void);

#endif /* ONIC_DEPLOY_CLI_TERMINAL_H */
