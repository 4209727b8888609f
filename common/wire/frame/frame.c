/* SPDX-License-Identifier: MIT */
/* frame.c - see frame.h.
 *
 * The order of the checks is the point: size, magic, header CRC, version, lengths, body CRC.
 * Nothing behind the header is looked at before the header is known to be what its sender wrote,
 * and nothing is allocated at all. */
#include "common/wire/frame/frame.h"

#include <string.h>

#include "common/wire/frame/crc32c.h"

static const uint8_t magic[4] = {'O', 'N', 'I', 'C'};

static void frame_put(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

void frame_seal(uint8_t *out, const struct frame_head *h, uint32_t body_crc)
{
    memcpy(out, magic, 4);
    out[4] = FRAME_MAJOR;
    out[5] = FRAME_MINOR;
    frame_put(out + 6, h->type, 2);
    memcpy(out + 8, h->run_id, 16);
    frame_put(out + 24, h->actor_id, 4);
    frame_put(out + 28, h->epoch, 4);
    frame_put(out + 32, h->incarnation, 8);
    frame_put(out + 40, h->seq, 8);
    frame_put(out + 48, h->meta_len, 4);
    frame_put(out + 52, h->bulk_len, 4);
    frame_put(out + 56, body_crc, 4);
    frame_put(out + 60, crc32c(0, out, 60), 4);
}

enum frame_bad frame_parse(struct frame *f, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    if (len < FRAME_HEADER)
        return FRAME_BAD_SHORT;
    if (memcmp(p, magic, 4) != 0)
        return FRAME_BAD_MAGIC;
    if (crc32c(0, p, 60) != get(p + 60, 4))
        return FRAME_BAD_HEADER;
    struct frame_head *h = &f->head;
    h->major = p[4];
    h->minor = p[5];
    h->type = (uint16_t)get(p + 6, 2);
    memcpy(h->run_id, p + 8, 16);
    h->actor_id = (uint32_t)get(p + 24, 4);
    h->epoch = (uint32_t)get(p + 28, 4);
    h->incarnation = get(p + 32, 8);
    h->seq = get(p + 40, 8);
    h->meta_len = (uint32_t)get(p + 48, 4);
    h->bulk_len = (uint32_t)get(p + 52, 4);
    f->body_crc = (uint32_t)get(p + 56, 4);
    f->meta = p + FRAME_HEADER;
    f->bulk = f->meta;
    if (h->major != FRAME_MAJOR && h->type != FRAME_REJECT)
        return FRAME_BAD_VERSION;
    if (h->meta_len > FRAME_META_MAX ||
        (uint64_t)FRAME_HEADER + h->meta_len + h->bulk_len != (uint64_t)len)
        return FRAME_BAD_LENGTH;
    f->bulk = f->meta + h->meta_len;
    if (crc32c(0, f->meta, len - FRAME_HEADER) != f->body_crc)
        return FRAME_BAD_CRC;
    return FRAME_FINE;
}

const char *frame_bad_name(enum frame_bad b)
{
    static const char *const names[] = {"fine",
#define XX(name, text) text,
                                        FRAME_BAD_MAP(XX)
#undef XX
    };
    return names[b];
}
