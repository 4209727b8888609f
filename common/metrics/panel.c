/* SPDX-License-Identifier: MIT */
/* panel.c - a redrawn block at the bottom of a terminal; see panel.h.
 *
 * The block is erased by moving up as many rows as it takes and clearing to the end of the screen.
 * A line wider than the window would wrap and break that count, so block and lines are cut at its
 * width, in columns and not in bytes. Where the window has become narrower since the block was
 * drawn, a terminal has folded its lines (those that cut them instead lose a line or two above the
 * block). Everything of one redraw goes out in one write: half-drawn frames flicker. */
#define _GNU_SOURCE
#include "common/metrics/panel.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/columns.h"
#include "common/base/log_line.h"
#include "common/base/xmalloc.h"

enum { LINES_MAX = 64, LINE_BYTES_MAX = 4096 };

struct panel {
    enum panel_mode mode;
    int fd, relay; /* relay: datagram socket, -1 = none */
    bool colour;
    int drawn;            /* lines of the block on the screen */
    int width[LINES_MAX]; /* of each, in columns */
    struct buf text, out;
    pthread_mutex_t lock;
};

/* N of ONIC_PANEL=fd:N when that is an open socket, else -1. */
static int relay_socket(void)
{
    const char *env = getenv("ONIC_PANEL");
    struct stat st;
    if (!env || strncmp(env, "fd:", 3) != 0)
        return -1;
    int fd = (int)strtol(env + 3, NULL, 10);
    return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? fd : -1;
}

enum panel_mode panel_mode_of_stderr(void)
{
    if (relay_socket() >= 0)
        return PANEL_RELAY;
    const char *term = getenv("TERM");
    if (isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0))
        return PANEL_TERMINAL;
    return PANEL_OFF;
}

struct panel *panel_create(enum panel_mode mode, int fd)
{
    struct panel *p = xcalloc(1, sizeof *p);
    p->mode = mode;
    p->fd = fd;
    p->relay = mode == PANEL_RELAY ? relay_socket() : -1;
    const char *plain = getenv("NO_COLOR");
    p->colour = mode == PANEL_TERMINAL && !(plain && plain[0]);
    buf_init(&p->text, PANEL_TEXT_MAX);
    buf_init(&p->out, 1 << 17);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void send_out(struct panel *p)
{
    size_t done = 0;
    while (done < p->out.len) {
        ssize_t n = write(p->fd, p->out.data + done, p->out.len - done);
        if (n <= 0)
            break; /* nowhere to report a failing stderr */
        done += (size_t)n;
    }
    buf_reset(&p->out);
}

static struct winsize panel_window(int fd)
{
    struct winsize w = {0};
    ioctl(fd, TIOCGWINSZ, &w);
    w.ws_col = w.ws_col > 8 ? w.ws_col : 80;
    w.ws_row = w.ws_row > 1 ? w.ws_row : 24;
    return w;
}

static void put_erase(struct panel *p)
{
    int rows = 0, columns = panel_window(p->fd).ws_col;
    for (int i = 0; i < p->drawn; i++)
        rows += p->width[i] > columns ? (p->width[i] + columns - 1) / columns : 1;
    if (rows)
        buf_printf(&p->out, "\033[%dA\r\033[J", rows);
    p->drawn = 0;
}

/* As many lines as the window has room for above its last row. */
static void panel_put_block(struct panel *p)
{
    struct winsize w = panel_window(p->fd);
    for (const char *s = p->text.data; *s && p->drawn < LINES_MAX && p->drawn < w.ws_row - 1;) {
        size_t n = strcspn(s, "\n");
        p->width[p->drawn++] = columns_put(&p->out, s, n, w.ws_col - 1);
        buf_puts(&p->out, "\n");
        s += n + (s[n] == '\n');
    }
}

/* "2026-11-23T19:30:00.123Z warn ..." without date and fractions; returns its length. */
static size_t without_date(const char *line, size_t n, char out[LINE_BYTES_MAX])
{
    size_t rest = n - LOG_LINE_STAMP, clock = strlen("19:30:00");
    rest = rest < LINE_BYTES_MAX - clock ? rest : LINE_BYTES_MAX - clock;
    memcpy(out, line + LOG_LINE_DATE, clock);
    memcpy(out + clock, line + LOG_LINE_STAMP, rest);
    return clock + rest;
}

/* One line; above a block it is shortened to the width of the window. All of it is in the log
 * files. */
static void panel_put_line(struct panel *p, const char *line, size_t n, bool whole)
{
    char level = log_line_level(line, n), text[LINE_BYTES_MAX];
    bool coloured = p->colour && (level == 'e' || level == 'w');
    if (coloured)
        buf_puts(&p->out, level == 'e' ? "\033[31m" : "\033[33m");
    if (!whole && level != '?') {
        n = without_date(line, n, text);
        line = text;
    }
    if (whole)
        buf_append(&p->out, line, n);
    else
        columns_put(&p->out, line, n, panel_window(p->fd).ws_col - 1);
    buf_puts(&p->out, coloured ? "\033[0m\n" : "\n");
}

static void put_lines(struct panel *p, const char *bytes, size_t len, bool whole)
{
    for (size_t at = 0; at < len;) {
        const char *end = memchr(bytes + at, '\n', len - at);
        size_t n = end ? (size_t)(end - bytes) - at : len - at;
        panel_put_line(p, bytes + at, n, whole);
        at += n + 1;
    }
}

void panel_show(struct panel *p, const char *text)
{
    pthread_mutex_lock(&p->lock);
    buf_reset(&p->text);
    buf_puts(&p->text, text);
    if (p->mode == PANEL_TERMINAL) {
        put_erase(p);
        panel_put_block(p);
    } else if (p->mode == PANEL_RELAY) {
        /* Never waits and never kills: a panel that nobody reads is only a picture less. */
        if (send(p->relay, p->text.data, p->text.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            p->drawn = 0;
    }
    send_out(p);
    pthread_mutex_unlock(&p->lock);
}

void panel_line(struct panel *p, const char *bytes, size_t len)
{
    pthread_mutex_lock(&p->lock);
    bool block = p->mode == PANEL_TERMINAL && p->drawn;
    if (block)
        put_erase(p);
    if (p->mode == PANEL_TERMINAL)
        put_lines(p, bytes, len, !block);
    else
        buf_append(&p->out, bytes, len);
    if (block)
        panel_put_block(p);
    send_out(p);
    pthread_mutex_unlock(&p->lock);
}

void panel_clear(struct panel *p)
{
    panel_show(p, "");
}

void panel_free(struct panel *p)
{
    if (!p)
        return;
    if (p->mode == PANEL_TERMINAL)
        panel_clear(p);
    buf_release(&p->text);
    buf_release(&p->out);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
