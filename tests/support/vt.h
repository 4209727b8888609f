/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_VT_H
#define ONIC_TESTS_SUPPORT_VT_H

/* vt.h - what a terminal shows of the bytes written to it: as much of one as onic uses, and a count
 * of everything that spoils a picture. Characters beyond ASCII are kept as '?'. */

#include <stdbool.h>
#include <stddef.h>

enum { VT_ROWS_MAX = 100, VT_COLS_MAX = 200 };

struct vt {
    int rows, cols, row, col;
    bool wrap, hidden; /* at the right margin; the cursor */
    /* lines; lines; characters; control characters, sequences */
    int scrolled, wrapped, cut, unknown;
    int colours;       /* sequences */
    char sequence[32]; /* an unfinished one */
    char cell[VT_ROWS_MAX][VT_COLS_MAX + 1];
};

void vt_init(struct vt *v, int rows, int cols);
void vt_write(struct vt *v, const char *data, size_t n);
/* Whether some row holds `part`. */
bool vt_shows(const struct vt *v, const char *part);
/* The last row that is not empty; "" when all are. */
const char *vt_last_row(const struct vt *v);

#endif /* ONIC_TESTS_SUPPORT_VT_H */
