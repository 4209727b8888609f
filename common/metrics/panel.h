/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_PANEL_H
#define ONIC_COMMON_METRICS_PANEL_H

/* panel.h - the only writer of a terminal that shows a redrawn block below ordinary lines.
 *
 * Lines and block share one stream: a line is printed by erasing the block, writing the line and
 * drawing the block again, so log lines scroll above the panel instead of through it. While there
 * is a block, a line is shortened to the width of the window and loses its date; warnings and
 * errors are coloured, unless NO_COLOR is set. Three modes:
 *   PANEL_TERMINAL  stderr is a terminal: ANSI redraw
 *   PANEL_RELAY     `onic train` owns the terminal: each block is one datagram on the socket that
 *                   ONIC_PANEL=fd:N names
 *   PANEL_OFF       blocks are dropped, lines pass
 * Thread-safe. */

#include <stdbool.h>
#include <stddef.h>

enum panel_mode { PANEL_OFF, PANEL_TERMINAL, PANEL_RELAY };
enum { PANEL_TEXT_MAX = 8192 };

struct panel;

/* Mode of this process's stderr, from the environment and isatty. */
enum panel_mode panel_mode_of_stderr(void);
/* never NULL; fd receives lines and blocks */
struct panel *panel_create(enum panel_mode mode, int fd);
void panel_free(struct panel *p);                   /* erases the block; NULL is allowed */
void panel_show(struct panel *p, const char *text); /* replaces the block; lines end with '\n' */
/* lines with their ends, above the block */
void panel_line(struct panel *p, const char *bytes, size_t len);
void panel_clear(struct panel *p); /* erases the block until the next show */

#endif /* ONIC_COMMON_METRICS_PANEL_H */
