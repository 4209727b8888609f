/* SPDX-License-Identifier: MIT */
/* text_pixels.c - see text_pixels.h. */
#include "common/picture/text_pixels.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/columns.h"
#include "common/base/utf8.h"

enum { BRIGHT = 8, PARAMETERS_MAX = 16 };

/* The drawing pen. */
struct pen {
    struct pixels *p;
    const struct text_area *area;
    int row, col;
    int front, back; /* colours; -1: the usual ones */
    bool bold, reverse;
};

/* --- colours --------------------------------------------------------------------------------- */

/* 5;N or 2;R;G;B behind 38 or 48; returns how many parameters these are. */
static int pen_extended(const int *parameter, int n, int *colour)
{
    if (n >= 2 && parameter[0] == 5) {
        *colour = parameter[1] & 0xff;
        return 2;
    }
    if (n >= 4 && parameter[0] == 2) {
        *colour = pixels_nearest(parameter[1] & 0xff, parameter[2] & 0xff, parameter[3] & 0xff);
        return 4;
    }
    return n;
}

static void pen_colours(struct pen *pen, const int *parameter, int n)
{
    for (int i = 0; i < n; i++) {
        int v = parameter[i];
        if (v == 0) {
            pen->front = pen->back = -1;
            pen->bold = pen->reverse = false;
        } else if (v == 1 || v == 22) {
            pen->bold = v == 1;
        } else if (v == 7 || v == 27) {
            pen->reverse = v == 7;
        } else if (v >= 30 && v <= 37) {
            pen->front = v - 30;
        } else if (v >= 40 && v <= 47) {
            pen->back = v - 40;
        } else if (v >= 90 && v <= 97) {
            pen->front = v - 90 + BRIGHT;
        } else if (v >= 100 && v <= 107) {
            pen->back = v - 100 + BRIGHT;
        } else if (v == 39) {
            pen->front = -1;
        } else if (v == 49) {
            pen->back = -1;
        } else if (v == 38 || v == 48) {
            i += pen_extended(parameter + i + 1, n - i - 1, v == 38 ? &pen->front : &pen->back);
        }
    }
}

/* An escape sequence; returns its bytes. CSI ... m are colours, the rest means nothing here. */
static size_t pen_sequence(struct pen *pen, const char *s, size_t len)
{
    int parameter[PARAMETERS_MAX] = {0}, n = 1;
    size_t at = 1;
    if (len < 2 || s[1] != '[')
        return len > 1 && s[1] >= 0x20 ? 2 : 1;
    for (at = 2; at < len && s[at] >= 0x20 && s[at] < 0x40; at++) {
        int *value = &parameter[n - 1];
        if (s[at] >= '0' && s[at] <= '9')
            *value = (*value * 10 + (s[at] - '0')) % 10000;
        else if ((s[at] == ';' || s[at] == ':') && n < PARAMETERS_MAX)
            n++;
    }
    if (at < len && s[at] == 'm' && pen)
        pen_colours(pen, parameter, n);
    return at + (at < len && s[at] >= 0x20);
}

/* --- characters ------------------------------------------------------------------------------ */

static uint32_t character_at(const char *s, size_t bytes)
{
    const unsigned char *u = (const unsigned char *)s;
    uint32_t c = bytes == 1 ? u[0] : bytes == 2 ? u[0] & 0x1f : bytes == 3 ? u[0] & 0x0f : u[0] & 7;
    for (size_t i = 1; i < bytes; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

static const uint8_t *glyph_or_box(uint32_t character)
{
    static const uint8_t box[FONT_HEIGHT] = {0,    0x7e, 0x42, 0x42, 0x42, 0x42, 0x42,
                                             0x42, 0x42, 0x42, 0x7e, 0,    0};
    const uint8_t *glyph = font_glyph(character);
    return glyph ? glyph : box;
}

static void pen_character(struct pen *pen, uint32_t character, int columns)
{
    int plain = TEXT_PIXELS_PLAIN;
    int front = pen->front < 0 ? plain : pen->front, back = pen->back < 0 ? 0 : pen->back;
    if (pen->bold && front < BRIGHT)
        front += BRIGHT;
    if (pen->reverse) {
        int was = front;
        front = back;
        back = was;
    }
    int x = pen->area->x + pen->col * FONT_WIDTH, y = pen->area->y + pen->row * FONT_HEIGHT;
    const uint8_t *glyph = glyph_or_box(character);
    pixels_fill(pen->p, x, y, columns * FONT_WIDTH, FONT_HEIGHT, (uint8_t)back);
    for (int row = 0; row < FONT_HEIGHT; row++)
        for (int i = 0; i < FONT_WIDTH; i++)
            if (glyph[row] >> (FONT_WIDTH - 1 - i) & 1)
                pixels_fill(pen->p, x + i, y + row, 1, 1, (uint8_t)front);
}

/* What is at s: bytes, and columns on the screen (0: nothing to draw). */
static size_t text_pixels_next(struct pen *pen, const char *s, size_t len, int *columns)
{
    size_t bytes;
    *columns = 0;
    if (*s == '\x1b')
        return pen_sequence(pen, s, len);
    *columns = columns_of(s, len, &bytes);
    *columns = *columns < 0 ? 0 : *columns;
    return bytes;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* As many bytes of a line as fit into a row, up to a blank where there is one behind its middle. */
static size_t bytes_of_row(const char *s, size_t len, int cols)
{
    size_t at = 0, blank = 0;
    int used = 0;
    while (at < len) {
        int columns;
        size_t bytes = text_pixels_next(NULL, s + at, len - at, &columns);
        if (used + columns > cols && at > 0)
            return blank > at / 2 ? blank : at;
        used += columns;
        at += bytes;
        if (s[at - 1] == ' ')
            blank = at;
    }
    return len;
}

static void pen_row(struct pen *pen, const char *s, size_t len)
{
    pen->col = 0;
    for (size_t at = 0; at < len;) {
        int columns;
        size_t bytes = text_pixels_next(pen, s + at, len - at, &columns);
        if (columns && pen->col + columns <= pen->area->cols && pen->row < pen->area->rows) {
            pen_character(pen, character_at(s + at, bytes), columns);
            pen->col += columns;
        }
        at += bytes;
    }
    pen->row++;
}

static void pen_line(struct pen *pen, const char *s, size_t len)
{
    size_t at = 0;
    do {
        size_t n = pen->area->fold ? bytes_of_row(s + at, len - at, pen->area->cols) : len;
        pen_row(pen, s + at, n);
        at += n;
    } while (at < len);
}

int text_pixels_draw(struct pixels *p, const struct text_area *area, const char *lines)
{
    struct pen pen = {.p = p, .area = area, .front = -1, .back = -1};
    while (*lines && pen.row < area->rows) {
        size_t len = strcspn(lines, "\n");
        pen_line(&pen, lines, len);
        lines += len + (lines[len] == '\n');
    }
    return pen.row < area->rows ? pen.row : area->rows;
}

void text_pixels_measure(const char *lines, int *rows, int *cols)
{
    *rows = *cols = 0;
    while (*lines) {
        size_t len = strcspn(lines, "\n");
        int width = 0;
        for (size_t at = 0; at < len;) {
            int columns;
            at += text_pixels_next(NULL, lines + at, len - at, &columns);
            width += columns;
        }
        *cols = width > *cols ? width : *cols;
        ++*rows;
        lines += len + (lines[len] == '\n');
    }
}
