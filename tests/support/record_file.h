/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_RECORD_FILE_H
#define ONIC_TESTS_SUPPORT_RECORD_FILE_H

/* record_file.h - segments of a record made by hand: with the right checksums, whatever they say.
 * Header only: the test support library does not link zstd. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "learner/record/record_format.h"

enum { RECORD_FILE_MAX = 1 << 28 };

static inline void record_file_add(struct buf *plain, uint32_t kind, const void *payload,
                                   size_t len)
{
    struct record_prefix p = {kind, (uint32_t)len, record_hash(kind, payload, len)};
    buf_append(plain, &p, sizeof p);
    buf_append(plain, payload, len);
}

/* Life 1 from version 0, of `tensors` tensors and without options. */
static inline struct record_head record_file_head(uint32_t tensors)
{
    struct record_head h = {.magic = RECORD_MAGIC,
                            .format = RECORD_FORMAT,
                            .epoch = 1,
                            .threads = 1,
                            .tensors = tensors,
                            .onic = "test"};
    record_kernels(h.kernels);
    return h;
}

/* n: of trajectories, which must have been added. */
static inline void record_file_update(struct buf *plain, uint32_t n, uint64_t version,
                                      uint32_t tensors)
{
    struct record_batch b = {.trajectories = n};
    struct record_turn t = {.idle = 1};
    struct record_update u = {.version = version, .tensors = tensors};
    struct buf all;
    record_file_add(plain, RECORD_BATCH, &b, sizeof b);
    record_file_add(plain, RECORD_TURN, &t, sizeof t);
    buf_init(&all, 1 << 20);
    buf_append(&all, &u, sizeof u);
    for (uint64_t i = 0; i < tensors; i++)
        buf_append(&all, &i, sizeof i);
    record_file_add(plain, RECORD_UPDATE, all.data, all.len);
    buf_release(&all);
}

static inline void record_file_end(struct buf *plain)
{
    struct record_batch b = {0};
    record_file_add(plain, RECORD_END, &b, sizeof b);
}

/* Compressed, for free(). */
static inline void *record_file_squeeze(const struct buf *plain, size_t *len)
{
    size_t room = ZSTD_compressBound(plain->len);
    void *out = xmalloc(room);
    *len = ZSTD_compress(out, room, plain->data, plain->len, 1);
    ONIC_ASSERT(!ZSTD_isError(*len));
    return out;
}

static inline void record_file_put(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    ONIC_ASSERT(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0);
}

static inline void record_file_write(const char *path, const struct buf *plain)
{
    size_t len;
    void *bytes = record_file_squeeze(plain, &len);
    record_file_put(path, bytes, len);
    free(bytes);
}

/* The plain stream of a file, as far as it goes. */
static inline void record_file_read(const char *path, struct buf *plain)
{
    char in[4096], out[4096];
    FILE *f = fopen(path, "rb");
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ONIC_ASSERT(f && z);
    for (size_t n; (n = fread(in, 1, sizeof in, f)) > 0;)
        for (ZSTD_inBuffer i = {in, n, 0}; i.pos < i.size;) {
            ZSTD_outBuffer o = {out, sizeof out, 0};
            ONIC_ASSERT(!ZSTD_isError(ZSTD_decompressStream(z, &o, &i)));
            buf_append(plain, out, o.pos);
        }
    for (bool more = true; more;) { /* what is still inside */
        ZSTD_inBuffer i = {NULL, 0, 0};
        ZSTD_outBuffer o = {out, sizeof out, 0};
        ZSTD_decompressStream(z, &o, &i);
        buf_append(plain, out, o.pos);
        more = o.pos == sizeof out;
    }
    ZSTD_freeDCtx(z);
    fclose(f);
}

#endif /* ONIC_TESTS_SUPPORT_RECORD_FILE_H */
