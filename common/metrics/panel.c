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
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"

static const char block_start[] = "\033Ponic;";
static const char block_end[] = "\033\\";

struct panel {
    enum panel_mode mode;
    int fd;
    int drawn; /* lines of the block on the screen */
    struct buf text, out;
    pthread_mutex_t lock;
};

enum panel_mode panel_mode_of_stderr(void)
{
    const char *relay = getenv("ONIC_PANEL");
    if (relay && strcmp(relay, "relay") == 0)
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
    buf_init(&p->text, PANEL_STREAM_MAX / 2);
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
        buf_puts(&p->out, block_start);
        buf_puts(&p->out, p->text.data);
        buf_puts(&p->out, block_end);
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

/* Handles what is complete in s->pending and returns the bytes used; 0 = wait for more. */
static size_t take_one(struct panel *p, struct panel_stream *s,
                       void (*on_line)(void *, const char *, size_t), void *ctx)
{
    enum { START = sizeof block_start - 1, END = sizeof block_end - 1 };
    size_t n = s->len < START ? s->len : START;
    if (n && memcmp(s->pending, block_start, n) == 0) {
        char *end = n == START ? memmem(s->pending + START, s->len - START, block_end, END) : NULL;
        if (end) {
            *end = '\0';
            panel_show(p, s->pending + START);
            return (size_t)(end - s->pending) + END;
        }
        return s->len == PANEL_STREAM_MAX - 1 ? s->len : 0; /* an endless block is dropped */
    }
    char *newline = memchr(s->pending, '\n', s->len);
    char *block = memmem(s->pending, s->len, block_start, START);
    if (newline && (!block || newline < block)) {
        size_t used = (size_t)(newline - s->pending) + 1;
        panel_line(p, s->pending, used);
        if (on_line)
            on_line(ctx, s->pending, used);
        return used;
    }
    if (block || s->len == PANEL_STREAM_MAX - 1) { /* an unfinished line: end it ourselves */
        size_t used = block ? (size_t)(block - s->pending) : s->len;
        panel_line(p, s->pending, used);
        panel_line(p, "\n", 1);
        if (on_line) {
            on_line(ctx, s->pending, used);
            on_line(ctx, "\n", 1);
        }
        return used;
    }
    return 0;
}

void panel_feed(struct panel *p, struct panel_stream *s, const char *bytes, size_t len,
                void (*on_line)(void *ctx, const char *line, size_t len), void *ctx)
{
    while (len) {
        size_t room = PANEL_STREAM_MAX - 1 - s->len, n = len < room ? len : room;
        memcpy(s->pending + s->len, bytes, n);
        s->len += n;
        bytes += n;
        len -= n;
        for (size_t used; s->len && (used = take_one(p, s, on_line, ctx)) > 0;) {
            memmove(s->pending, s->pending + used, s->len - used);
            s->len -= used;
        }
    }
}
