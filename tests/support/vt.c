/* SPDX-License-Identifier: MIT */
/* vt.c - see vt.h. */
#include "tests/support/vt.h"

#include <stdlib.h>
#include <string.h>

static void erase(struct vt *v, int row, int from)
{
    memset(v->cell[row] + from, ' ', (size_t)(v->cols - from));
}

void vt_init(struct vt *v, int rows, int cols)
{
    *v = (struct vt){.rows = rows, .cols = cols, .wrap = true};
    for (int r = 0; r < rows; r++)
        erase(v, r, 0);
}

static void new_line(struct vt *v)
{
    if (++v->row < v->rows)
        return;
    v->row = v->rows - 1;
    v->scrolled++;
    memmove(v->cell[0], v->cell[1], sizeof v->cell[0] * (size_t)(v->rows - 1));
    erase(v, v->row, 0);
}

static void put_char(struct vt *v, char c)
{
    if (v->col == v->cols && v->wrap) {
        v->wrapped++;
        v->col = 0;
        new_line(v);
    } else if (v->col == v->cols) {
        v->cut++;
        v->col--;
    }
    v->cell[v->row][v->col++] = c;
}

/* Where erasing begins: at the end of a full row, with its last character. */
static int here(const struct vt *v)
{
    return v->col < v->cols ? v->col : v->cols - 1;
}

static void do_sequence(struct vt *v, const char *s)
{
    char end = s[strlen(s) - 1];
    if (strcmp(s, "\x1b[H") == 0)
        v->row = v->col = 0;
    else if (strcmp(s, "\x1b[K") == 0)
        erase(v, v->row, here(v));
    else if (strcmp(s, "\x1b[J") == 0 || strcmp(s, "\x1b[2J") == 0)
        for (int r = s[2] == 'J' ? v->row : 0; r < v->rows; r++)
            erase(v, r, s[2] == 'J' && r == v->row ? here(v) : 0);
    else if (strncmp(s, "\x1b[?7", 4) == 0 && strlen(s) == 5)
        v->wrap = end == 'h';
    else if (strncmp(s, "\x1b[?25", 5) == 0 && strlen(s) == 6)
        v->hidden = end == 'l';
    else if (end == 'A') /* up, to the first row at most */
        v->row -= atoi(s + 2) < v->row ? atoi(s + 2) : v->row;
    else if (end == 'm')
        v->colours++;
    else
        v->unknown++;
}

static void put_byte(struct vt *v, char c)
{
    size_t n = strlen(v->sequence);
    if (n || c == '\x1b') {
        bool full = n == sizeof v->sequence - 2;
        v->sequence[n] = c;
        v->sequence[n + 1] = '\0';
        if (full || (n == 1 && c != '[') || (n > 1 && c >= 0x40)) {
            do_sequence(v, v->sequence);
            memset(v->sequence, 0, sizeof v->sequence);
        }
    } else if (c == '\r') {
        v->col = 0;
    } else if (c == '\n') {
        new_line(v);
    } else if ((unsigned char)c >= 0xc0) {
        put_char(v, '?');
    } else if (c >= ' ' && c < 0x7f) {
        put_char(v, c);
    } else if ((unsigned char)c < 0x80) {
        v->unknown++;
    }
}

void vt_write(struct vt *v, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_byte(v, data[i]);
}

bool vt_shows(const struct vt *v, const char *part)
{
    for (int r = 0; r < v->rows; r++)
        if (strstr(v->cell[r], part))
            return true;
    return false;
}

const char *vt_last_row(const struct vt *v)
{
    for (int r = v->rows - 1; r >= 0; r--)
        if (strspn(v->cell[r], " ") < (size_t)v->cols)
            return v->cell[r];
    return "";
}
