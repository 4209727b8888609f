/* SPDX-License-Identifier: MIT */
/* terminal.c - see terminal.h. */
#define _GNU_SOURCE
#include "deploy/launcher/terminal.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"

void terminal_open(struct terminal *t)
{
    t->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (!t->tty)
        return;
    tcgetattr(STDIN_FILENO, &t->saved);
    struct termios raw = t->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    printf("\x1b[?25l\x1b[2J");
}

void terminal_close(const struct terminal *t)
{
    if (!t->tty)
        return;
    tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
    printf("\x1b[?25h\n");
}

static void on_key(struct terminal *t, char key)
{
    if (key == 'q' || key == 3)
        t->quit = true;
    else if (key == ' ')
        t->paused = !t->paused;
    else if (key == 'n')
        t->single = t->paused = true;
    else if (key == '+')
        t->speed = t->speed > 0 ? t->speed * 1.5 : 1;
    else if (key == '-')
        t->speed = t->speed > 0.2 ? t->speed / 1.5 : t->speed;
}

void terminal_pace(struct terminal *t)
{
    if (ferror(stdout)) /* nobody sees the frames; main.c says why */
        t->quit = true;
    if (!t->tty)
        return;
    int64_t due = clock_ms() + (t->speed > 0 ? (int64_t)(1000.0 / t->speed) : 0);
    t->single = false;
    while (!t->quit && !t->single && (t->paused || clock_ms() < due)) {
        int64_t left = due - clock_ms();
        struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&fd, 1, t->paused ? 200 : (int)(left > 0 ? left : 0)) > 0) {
            char key;
            if (read(STDIN_FILENO, &key, 1) == 1)
                on_key(t, key);
            else
                t->quit = true;
        }
    }
}

void terminal_show(const struct terminal *t, const struct buf *picture, const struct buf *text)
{
    if (t->tty) {
        printf("\x1b[H\x1b[J%s\n%s\nspace pause, n one step, + faster, - slower, q quit\n",
               picture->data, text->data);
    } else {
        for (size_t i = 0; i < text->len; i++) /* one line per step */
            putchar(text->data[i] == '\n' ? ' ' : text->data[i]);
        putchar('\n');
    }
    fflush(stdout);
}
