/* SPDX-License-Identifier: MIT */
/* screen.c - see screen.h. Widths are counted in columns: a character may be several bytes, and a
 * colour sequence has none. */
#include "deploy/cli/screen.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/base/columns.h"

enum { GLYPH_TEXT, GLYPH_COLOUR, GLYPH_OTHER };

/* The next thing in a line: a character, or a sequence of control characters. */
struct glyph {
    int kind, columns;
    size_t bytes;
};

/* --- characters ------------------------------------------------------------------------------ */

/* CSI 1;31 m is a colour; CSI > 4 m sets what keys send. */
static struct glyph escape_sequence(const char *s, size_t len)
{
    size_t n = 1;
    bool colour = len > 1 && s[1] == '[';
    if (colour) /* parameters, then one final byte */
        for (n = 2; n < len && s[n] >= 0x20 && s[n] < 0x40; n++)
            colour &= strchr("0123456789;:", s[n]) != NULL;
    n += n < len && s[n] >= 0x20;
    colour &= n > 2 && s[n - 1] == 'm';
    return (struct glyph){.kind = colour ? GLYPH_COLOUR : GLYPH_OTHER, .bytes = n};
}

static struct glyph next_glyph(const char *s, size_t len)
{
    size_t n;
    if (*s == '\x1b')
        return escape_sequence(s, len);
    int columns = columns_of(s, len, &n);
    if (columns < 0) /* damaged, or a control */
        return (struct glyph){.kind = GLYPH_OTHER, .bytes = n};
    return (struct glyph){.kind = GLYPH_TEXT, .bytes = n, .columns = columns};
}

/* --- lines ----------------------------------------------------------------------------------- */

static size_t line_length(const char *s)
{
    return strcspn(s, "\n");
}

static const char *line_after(const char *s)
{
    s += line_length(s);
    return *s ? s + 1 : NULL;
}

/* Whether there is a line at s: what ends with a newline has no empty line behind it. */
static bool is_line(const char *s)
{
    return s && *s;
}

static int line_columns(const char *s, size_t len)
{
    int columns = 0;
    for (size_t at = 0; at < len;) {
        struct glyph g = next_glyph(s + at, len - at);
        columns += g.columns;
        at += g.bytes;
    }
    return columns;
}

/* As many bytes of a line as fit into so many columns, up to a blank where there is one. At least
 * one character, or an impossibly narrow window would never come to the end of it. */
static size_t fold_at(const char *s, size_t len, int cols)
{
    size_t at = 0, blank = 0;
    int columns = 0;
    while (at < len) {
        struct glyph g = next_glyph(s + at, len - at);
        if (columns + g.columns > cols && at > 0)
            return blank > at / 2 ? blank : at;
        columns += g.columns;
        at += g.bytes;
        if (s[at - 1] == ' ')
            blank = at;
    }
    return len;
}

static void screen_put_line(const char *s, size_t len, int cols, bool colour, struct buf *out)
{
    int columns = 0;
    bool coloured = false;
    for (size_t at = 0; at < len;) {
        struct glyph g = next_glyph(s + at, len - at);
        if (columns + g.columns > cols)
            break;
        if (g.kind == GLYPH_TEXT || (g.kind == GLYPH_COLOUR && colour))
            buf_append(out, s + at, g.bytes);
        coloured |= g.kind == GLYPH_COLOUR && colour;
        columns += g.columns;
        at += g.bytes;
    }
    if (coloured)
        buf_puts(out, "\x1b[0m");
}

void screen_lines(const char *lines, bool colour, struct buf *out)
{
    for (const char *s = lines; is_line(s); s = line_after(s)) {
        screen_put_line(s, line_length(s), INT_MAX, colour, out);
        buf_puts(out, "\n");
    }
}

/* --- frames ---------------------------------------------------------------------------------- */

struct extent {
    int rows, cols; /* of lines as they are */
    int folded;     /* rows when they are folded to the window */
};

static struct extent screen_measure(const struct screen *s, const char *lines)
{
    struct extent x = {.rows = 0};
    for (const char *l = lines; is_line(l); l = line_after(l)) {
        size_t len = line_length(l), at = 0;
        int columns = line_columns(l, len);
        x.cols = columns > x.cols ? columns : x.cols;
        x.rows++;
        do {
            at += fold_at(l + at, len - at, s->cols);
            x.folded++;
        } while (at < len);
    }
    return x;
}

struct frame {
    const struct screen *s;
    int row; /* the next one, from 0 */
    struct buf *out;
};

/* Erases before it writes: at the end of a full row the cursor stands on its last character. */
static void screen_put_row(struct frame *f, const char *line, size_t len)
{
    buf_puts(f->out, f->row++ ? "\r\n\x1b[K" : "\x1b[H\x1b[K");
    screen_put_line(line, len, f->s->cols, f->s->colour, f->out);
}

static void put_picture(struct frame *f, const char *picture, int rows)
{
    for (const char *l = picture; is_line(l) && rows > 0; l = line_after(l), rows--)
        screen_put_row(f, l, line_length(l));
}

static void put_folded(struct frame *f, const char *text, int rows)
{
    for (const char *l = text; is_line(l); l = line_after(l)) {
        size_t len = line_length(l), at = 0;
        do {
            size_t n = fold_at(l + at, len - at, f->s->cols);
            if (rows-- <= 0)
                return;
            screen_put_row(f, l + at, n);
            at += n;
        } while (at < len);
    }
}

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

static void put_status(const struct screen *s, const struct screen_status *status, const char *note,
                       struct buf *out)
{
    char line[512];
    snprintf(line, sizeof line, "%s%s: %s", status->state, note, status->keys);
    if (line_columns(line, strlen(line)) > s->cols)
        snprintf(line, sizeof line, "%s%s: %s", status->state, note, status->few_keys);
    screen_put_line(line, strlen(line), s->cols, s->colour, out);
}

void screen_frame(const struct screen *s, const char *picture, const char *text,
                  const struct screen_status *status, struct buf *out)
{
    struct frame f = {.s = s, .out = out};
    struct extent p = screen_measure(s, picture), t = screen_measure(s, text);
    char note[64] = "";
    int room = s->rows - (status ? 1 : 0); /* its line is there in any case */
    int wanted = room - t.folded > room * 2 / 3 ? room - t.folded : room * 2 / 3;
    int picture_rows = lesser(p.rows, wanted);
    int text_rows = lesser(t.folded, room - picture_rows);
    bool roomy = picture_rows + text_rows + 2 <= room;
    if (picture_rows < p.rows || text_rows < t.folded || p.cols > s->cols)
        snprintf(note, sizeof note, ", needs %d x %d", p.cols > s->cols ? p.cols : s->cols,
                 p.rows + t.folded + 1);
    buf_puts(out, "\x1b[?7l"); /* a character whose width we misjudge must not wrap either */
    put_picture(&f, picture, picture_rows);
    if (roomy)
        screen_put_row(&f, "", 0);
    put_folded(&f, text, text_rows);
    if (roomy)
        screen_put_row(&f, "", 0);
    if (f.row < s->rows) /* in the last row the cursor would erase its own character */
        buf_puts(out, f.row ? "\r\n\x1b[J" : "\x1b[H\x1b[J");
    if (status)
        put_status(s, status, note, out);
    buf_puts(out, "\x1b[?7h");
}
