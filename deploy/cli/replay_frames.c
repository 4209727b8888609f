/* SPDX-License-Identifier: MIT */
/* replay_frames.c - see replay_frames.h. */
#include "deploy/cli/replay_frames.h"

#include <string.h>

#include "deploy/cli/picture.h"

enum { FRAME_MAX = 1 << 20 };

void replay_frames_init(struct replay_frames *f)
{
    buf_init(&f->picture, FRAME_MAX);
}

void replay_frames_release(struct replay_frames *f)
{
    buf_release(&f->picture);
}

/* The next line of a text: its length; *text goes behind it. */
static size_t next_line(const char **text)
{
    size_t n = strcspn(*text, "\n");
    *text += n + ((*text)[n] == '\n');
    return n;
}

void replay_frames_start(struct replay_frames *f, const struct env *e, const uint8_t *obs,
                         struct buf *out)
{
    buf_reset(&f->picture);
    picture_draw(e, obs, &f->picture);
    buf_puts(out, ",\"start\":[");
    for (const char *at = f->picture.data; *at;) {
        const char *line = at;
        buf_puts(out, line == f->picture.data ? "" : ",");
        buf_json_string(out, line, next_line(&at));
    }
    buf_puts(out, "]");
}

void replay_frames_next(struct replay_frames *f, const struct env *e, const uint8_t *obs,
                        struct buf *out)
{
    struct buf now, changed;
    int lines = 0;
    buf_init(&now, FRAME_MAX);
    buf_init(&changed, 2 * FRAME_MAX);
    picture_draw(e, obs, &now);
    const char *before = f->picture.data;
    for (const char *at = now.data; *at; lines++) {
        const char *line = at, *old = before;
        size_t n = next_line(&at), m = next_line(&before);
        if (n == m && memcmp(line, old, n) == 0 && *old)
            continue;
        buf_printf(&changed, "%s[%d,", changed.len ? "," : "", lines);
        buf_json_string(&changed, line, n);
        buf_puts(&changed, "]");
    }
    buf_printf(out, ",\"lines\":%d,\"frame\":[", lines);
    buf_append(out, changed.data, changed.len);
    buf_puts(out, "]");
    buf_release(&changed);
    buf_release(&f->picture);
    f->picture = now;
}
