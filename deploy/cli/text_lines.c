/* SPDX-License-Identifier: MIT */
/* text_lines.c - see text_lines.h. */
#include "deploy/cli/text_lines.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"

int text_lines_next(struct text_lines *l, bool *more, struct onic_err *err)
{
    size_t n = 0;
    bool zero = false;
    if (!l->text)
        l->text = xmalloc(l->max + 1);
    int c = getc_unlocked(l->from);
    *more = c != EOF;
    l->number += *more;
    for (; c != '\n' && c != EOF && n <= l->max; c = getc_unlocked(l->from), n++) {
        zero |= c == '\0';
        l->text[n] = (char)c;
    }
    if (ferror(l->from))
        return file_unreadable(l->name, errno, err);
    if (zero)
        return err_set(err, ONIC_ECONFIG, "%s: line %d holds a zero byte", l->name, l->number);
    if (n > l->max)
        return err_set(err, ONIC_ECONFIG, "%s: line %d is longer than %zu bytes", l->name,
                       l->number, l->max);
    l->text[n] = '\0';
    return ONIC_OK;
}

void text_lines_free(struct text_lines *l)
{
    free(l->text);
    l->text = NULL;
}
