/* SPDX-License-Identifier: MIT */
/* caption_copies.c - see caption_copies.h. */
#include "learner/reward/caption_copies.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

void caption_copies_take(struct caption_copies *c, const char **text, const uint16_t *len, int n)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += len[i];
    if (bytes > c->cap) {
        free(c->bytes);
        c->cap = bytes + bytes / 2;
        c->bytes = xmalloc(c->cap);
    }
    char *to = c->bytes;
    for (int i = 0; i < n; i++) {
        memcpy(to, text[i], len[i]);
        text[i] = to;
        to += len[i];
    }
}

void caption_copies_release(struct caption_copies *c)
{
    free(c->bytes);
    *c = (struct caption_copies){0};
}
