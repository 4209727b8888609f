/* SPDX-License-Identifier: MIT */
/* panel.c - a redrawn block at the bottom of a terminal; see panel.h.
 *
 * The block is erased by moving up as many lines as were drawn and clearing to the end of the
 * screen. Lines longer than the terminal is wide would wrap and break that count, so they are cut
 * at the width. Everything of one redraw goes out in one write: half-drawn frames flicker. */
#define _GNU_SOURCE
#include "common/metrics/panel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"

struct panel {
    enum panel_mode mode;
    int fd, relay; /* relay: datagram socket, -1 = none */
    int drawn;     /* lines of the block on the screen */
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

static int columns(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 8 ? w.ws_col : 80;
}

static void put_erase(struct panel *p)
{
    if (p->drawn)
        buf_printf(&p->out, "\033[%dA\r\033[J", p->drawn);
    p->drawn = 0;
}

/* Bytes of the first `width` characters of a UTF-8 line of n bytes. */
static size_t fit(const char *line, size_t n, int width)
{
    size_t i = 0;
    for (int shown = 0; i < n; i++)
        if (((unsigned char)line[i] & 0xc0) != 0x80 && shown++ == width)
            break;
    return i;
}

static void put_block(struct panel *p)
{
    int width = columns(p->fd) - 1;
    for (const char *s = p->text.data; *s;) {
        size_t n = strcspn(s, "\n");
        buf_append(&p->out, s, fit(s, n, width));
        buf_puts(&p->out, "\n");
        p->drawn++;
        s += n + (s[n] == '\n');
    }
}

void panel_show(struct panel *p, const char *text)
{
    pthread_mutex_lock(&p->lock);
    buf_reset(&p->text);
    buf_puts(&p->text, text);
    if (p->mode == PANEL_TERMINAL) {
        put_erase(p);
        put_block(p);
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
    buf_append(&p->out, bytes, len);
    if (block)
        put_block(p);
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
