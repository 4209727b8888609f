/* SPDX-License-Identifier: MIT */
/* recent_captions.c - see recent_captions.h. State, little-endian: u64 offered, u64 kept, then per
 * slot u16 length, caption. */
#include "learner/reward/ranking/recent_captions.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/data/question.h"

enum { RECENT_HEAD = 2 * 8 };

struct recent_captions {
    uint64_t offered, kept;
    struct {
        uint16_t len;
        char text[QUESTION_CAPTION_MAX];
    } slot[RECENT_CAPTIONS];
};

static uint64_t recent_held(const struct recent_captions *r)
{
    return r->kept < RECENT_CAPTIONS ? r->kept : RECENT_CAPTIONS;
}

struct recent_captions *recent_captions_create(void)
{
    return xcalloc(1, sizeof(struct recent_captions));
}

void recent_captions_free(struct recent_captions *r)
{
    free(r);
}

void recent_captions_put(struct recent_captions *r, const char *caption, size_t len)
{
    /* The multiples of the golden ratio: a fixed stride would always meet the same environments. */
    if (r->offered++ * 0x9e3779b97f4a7c15 > UINT64_MAX / RECENT_EVERY)
        return;
    len = len < QUESTION_CAPTION_MAX ? len : QUESTION_CAPTION_MAX;
    size_t at = (size_t)(r->kept++ % RECENT_CAPTIONS);
    r->slot[at].len = (uint16_t)len;
    memcpy(r->slot[at].text, caption, len);
}

int recent_captions_all(const struct recent_captions *r, const char **text, uint16_t *len)
{
    for (uint64_t i = 0; i < recent_held(r); i++) {
        text[i] = r->slot[i].text;
        len[i] = r->slot[i].len;
    }
    return (int)recent_held(r);
}

void recent_captions_save(const struct recent_captions *r, struct buf *out)
{
    buf_append(out, &r->offered, 8);
    buf_append(out, &r->kept, 8);
    for (uint64_t i = 0; i < recent_held(r); i++) {
        buf_append(out, &r->slot[i].len, 2);
        buf_append(out, r->slot[i].text, r->slot[i].len);
    }
}

static bool read_recent(struct recent_captions *r, const char *p, size_t len)
{
    memcpy(&r->offered, p, 8);
    memcpy(&r->kept, p + 8, 8);
    p += RECENT_HEAD;
    len -= RECENT_HEAD;
    for (uint64_t i = 0; i < recent_held(r); i++) {
        uint16_t n = 0;
        if (len >= 2)
            memcpy(&n, p, 2);
        if (n == 0 || n > QUESTION_CAPTION_MAX || n > len - 2)
            return false;
        r->slot[i].len = n;
        memcpy(r->slot[i].text, p + 2, n);
        p += 2 + n;
        len -= 2 + (size_t)n;
    }
    return len == 0;
}

bool recent_captions_load(struct recent_captions *r, const char *p, size_t len)
{
    bool fine = len >= RECENT_HEAD && read_recent(r, p, len);
    if (!fine)
        memset(r, 0, sizeof *r);
    return fine;
}
