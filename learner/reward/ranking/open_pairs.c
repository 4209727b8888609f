/* SPDX-License-Identifier: MIT */
/* open_pairs.c - see open_pairs.h. */
#include "learner/reward/ranking/open_pairs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum { OPEN_PAIRS_BYTES_MAX = 1 << 30, OPEN_PAIRS_HEAD = sizeof(uint16_t) };

struct open_pairs {
    struct buf all;
    size_t at; /* what is before it was handed out */
};

struct open_pairs *open_pairs_create(void)
{
    struct open_pairs *o = xcalloc(1, sizeof *o);
    buf_init(&o->all, OPEN_PAIRS_BYTES_MAX);
    return o;
}

void open_pairs_free(struct open_pairs *o)
{
    if (!o)
        return;
    buf_release(&o->all);
    free(o);
}

void open_pairs_clear(struct open_pairs *o)
{
    buf_reset(&o->all);
    o->at = 0;
}

void open_pairs_put(struct open_pairs *o, const char *question, size_t len)
{
    char entry[OPEN_PAIRS_HEAD + QUESTION_MAX];
    uint16_t n = (uint16_t)len;
    memcpy(entry, &n, OPEN_PAIRS_HEAD);
    memcpy(entry + OPEN_PAIRS_HEAD, question, len);
    buf_append(&o->all, entry, OPEN_PAIRS_HEAD + len);
}

size_t open_pairs_next(struct open_pairs *o, char out[QUESTION_MAX])
{
    uint16_t n;
    if (o->at >= o->all.len) {
        open_pairs_clear(o);
        return 0;
    }
    memcpy(&n, o->all.data + o->at, OPEN_PAIRS_HEAD);
    memcpy(out, o->all.data + o->at + OPEN_PAIRS_HEAD, n);
    o->at += (size_t)OPEN_PAIRS_HEAD + n;
    return n;
}

size_t open_pairs_bytes(const struct open_pairs *o)
{
    return o->all.len - o->at;
}

void open_pairs_save(const struct open_pairs *o, struct buf *out)
{
    if (open_pairs_bytes(o))
        buf_append(out, o->all.data + o->at, open_pairs_bytes(o));
}

bool open_pairs_load(struct open_pairs *o, const char *p, size_t len)
{
    while (len > 0) {
        uint16_t n;
        struct question q;
        if (len < OPEN_PAIRS_HEAD)
            return false;
        memcpy(&n, p, OPEN_PAIRS_HEAD);
        p += OPEN_PAIRS_HEAD;
        len -= OPEN_PAIRS_HEAD;
        if (n > len || n > QUESTION_MAX || !question_split(p, n, &q) || q.kind != QUESTION_PAIR)
            return false;
        if (o)
            open_pairs_put(o, p, n);
        p += n;
        len -= n;
    }
    return true;
}
