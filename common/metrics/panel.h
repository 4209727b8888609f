/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_PANEL_H
#define ONIC_COMMON_METRICS_PANEL_H

/* panel.h - the only writer of a terminal that shows a redrawn block below ordinary lines.
 *
 * Lines and block share one stream: a line is printed by erasing the block, writing the line and
 * drawing the block again, so log lines scroll above the panel instead of through it. Three modes:
 *   PANEL_TERMINAL  stderr is a terminal: ANSI redraw
 *   PANEL_RELAY     stderr is a pipe to `onic train`, which owns the terminal: blocks travel as
 *                   ESC P o n i c ; text ESC \ between ordinary lines (ONIC_PANEL=relay in the
 * environment) PANEL_OFF       blocks are dropped, lines pass Thread-safe. */

#include <stdbool.h>
#include <stddef.h>

enum panel_mode { PANEL_OFF, PANEL_TERMINAL, PANEL_RELAY };

struct panel;

/* Mode of this process's stderr, from isatty and the environment. */
enum panel_mode panel_mode_of_stderr(void);
struct panel *panel_create(enum panel_mode mode, int fd); /* never NULL */
void panel_free(struct panel *p);                         /* erases the block; NULL is allowed */
void panel_show(struct panel *p, const char *text); /* replaces the block; lines end with '\n' */
void panel_line(struct panel *p, const char *bytes, size_t len); /* whole lines, above the block */
void panel_clear(struct panel *p); /* erases the block until the next show */

/* Splits a relayed stream back into lines and blocks and shows both on p. state is the caller's,
 * start it zeroed. */
enum { PANEL_STREAM_MAX = 16384 };
struct panel_stream {
    char pending[PANEL_STREAM_MAX];
    size_t len;
};
/* on_line (may be NULL) receives each whole line including its '\n', for a log copy. */
void panel_feed(struct panel *p, struct panel_stream *s, const char *bytes, size_t len,
                void (*on_line)(void *ctx, const char *line, size_t len), void *ctx);

#endif /* ONIC_COMMON_METRICS_PANEL_H */
