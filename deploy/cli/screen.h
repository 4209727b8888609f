/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SCREEN_H
#define ONIC_DEPLOY_CLI_SCREEN_H

/* screen.h - one frame of `onic play` and `onic replay`, laid out for a window: never wider or
 * taller than it, so the terminal neither wraps nor scrolls.
 *
 * Pictures come from environments, plug-ins among them: of escape sequences only those for colours
 * pass, and no other control character does. */

#include <stdbool.h>

#include "common/base/buf.h"

struct screen {
    int rows, cols;
    bool colour;
};

/* The last line of the window: how things are, then the keys, in few words where the others do not
 * fit. */
struct screen_status {
    const char *state, *keys, *few_keys;
};

/* status may be NULL: no such line, and nobody is told what does not fit.
 *
 * Appends a frame, from the top left corner of the window to its status line, with the sequences
 * that put it there. picture and text: lines; lines of text are folded where they are too long, as
 * far as there is room. What does not fit is cut, and the status line then says which window would
 * do. */
void screen_frame(const struct screen *s, const char *picture, const char *text,
                  const struct screen_status *status, struct buf *out);

/* Appends lines as they are, for what is no window: colours only with `colour`. */
void screen_lines(const char *lines, bool colour, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_SCREEN_H */
