/* links: onic_learner_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_record.c - a segment of a record of somebody else, and the trajectories in it.
 *
 * Byte 0 says what the rest is; what is compressed would never be reached through mutations of the
 * file alone.
 *   bits 0, 2 clear   the file as it is
 *   bit 0             records: a kind (a byte), a length (two bytes, little-endian), their bytes;
 *                     they get the right checksums and are compressed; bit 1: behind a head that
 *                     is well
 *   bit 2 alone       the plain stream, prefixes and checksums as they are, compressed
 *   bit 3             of both: the compressed bytes are changed. In front of the rest stand how
 *                     often (a byte, 15 at most), and each time where (two bytes) and by which xor.
 *                     A record is a block of its own then, or the first change would be the end. */
#include "common/wire/rollout/kept.h"
#include "learner/record/record_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/record_file.h"

enum { TENSORS = 2, CHANGES_MAX = 15, CHANGE_BYTES = 3 };
enum { FORGED = 1, WITH_HEAD = 2, PLAIN = 4, CHANGED = 8 };

static void forge_records(const uint8_t *data, size_t size, bool head, struct buf *plain)
{
    struct record_head h = record_file_head(TENSORS);
    if (head)
        record_file_add(plain, RECORD_HEAD, &h, sizeof h);
    while (size >= 3) {
        size_t len = data[1] | (size_t)data[2] << 8;
        uint32_t kind = data[0];
        data += 3;
        size -= 3;
        len = len < size ? len : size;
        record_file_add(plain, kind, data, len);
        data += len;
        size -= len;
    }
}

/* Bytes of the record at `at`, as its prefix says and as far as there are any. */
static size_t record_bytes(const struct buf *plain, size_t at)
{
    struct record_prefix p;
    size_t left = plain->len - at;
    if (left < sizeof p)
        return left;
    memcpy(&p, plain->data + at, sizeof p);
    return p.len < left - sizeof p ? sizeof p + p.len : left;
}

/* Made once: its tables are half a MiB. */
static ZSTD_CCtx *compressor(void)
{
    static ZSTD_CCtx *z;
    if (!z)
        z = ZSTD_createCCtx();
    ONIC_ASSERT(z);
    ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
    return z;
}

static void *squeeze_whole(const struct buf *plain, size_t *len)
{
    size_t room = ZSTD_compressBound(plain->len);
    void *out = xmalloc(room);
    *len = ZSTD_compressCCtx(compressor(), out, room, plain->data, plain->len, 1);
    ONIC_ASSERT(!ZSTD_isError(*len));
    return out;
}

/* As a writer leaves it: a block ends with a record. */
static void *squeeze_in_blocks(const struct buf *plain, size_t *len)
{
    size_t room = ZSTD_compressBound(plain->len) + 32 * (plain->len / sizeof(struct record_prefix));
    ZSTD_CCtx *z = compressor();
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, 17); /* small tables are quickly made */
    ZSTD_CCtx_setParameter(z, ZSTD_c_hashLog, 12);
    ZSTD_outBuffer out = {xmalloc(room + 64), room + 64, 0};
    for (size_t at = 0, n; at <= plain->len; at += n) {
        bool end = at == plain->len;
        n = end ? 1 : record_bytes(plain, at);
        ZSTD_inBuffer in = {end ? NULL : plain->data + at, end ? 0 : n, 0};
        size_t left = ZSTD_compressStream2(z, &out, &in, end ? ZSTD_e_end : ZSTD_e_flush);
        ONIC_ASSERT(left == 0);
    }
    *len = out.pos;
    return out.dst;
}

static void change_bytes(uint8_t *bytes, size_t len, const uint8_t *change, size_t n)
{
    for (size_t i = 0; i < n; i++, change += CHANGE_BYTES)
        bytes[(change[0] | (size_t)change[1] << 8) % len] ^= change[2];
}

/* The file that byte 0 asks for, for free(). */
static void *make_file(uint8_t how, const uint8_t *data, size_t size, size_t *len)
{
    const uint8_t *change = data + 1;
    size_t changes = 0;
    struct buf plain;
    if (how & CHANGED && size) {
        size_t most = (size - 1) / CHANGE_BYTES;
        changes = data[0] % (CHANGES_MAX + 1);
        changes = changes < most ? changes : most;
        data = change + changes * CHANGE_BYTES;
        size -= 1 + changes * CHANGE_BYTES;
    }
    buf_init(&plain, RECORD_FILE_MAX);
    if (how & FORGED)
        forge_records(data, size, how & WITH_HEAD, &plain);
    else
        buf_append(&plain, data, size);
    void *bytes = how & CHANGED ? squeeze_in_blocks(&plain, len) : squeeze_whole(&plain, len);
    change_bytes(bytes, *len, change, changes);
    buf_release(&plain);
    return bytes;
}

static void read_trajectory(struct kept_frames *frames, const struct record *r)
{
    static const int two[] = {2};
    struct kept_expect expect = {
        .shape = {.T = 2, .obs_bytes = 8, .actions = {.n = 3}, .state_size = 2, .nstats = 1},
        .value_most = 1000};
    struct trajectory *t;
    struct onic_err err = {0};
    obs_spec_add(&expect.obs, "xy", OBS_F32, 1, two);
    int rc = kept_trajectory_read(frames, r->frame, r->len, &expect, &t, &err);
    fuzz_told(rc, &err);
    if (!rc && t->shape.E < 1)
        abort();
    kept_trajectory_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kept_frames *frames;
    struct record_reader *r = NULL;
    struct onic_err err = {0};
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    void *made = NULL;
    size_t len = size - 1;
    if (data[0] & (FORGED | PLAIN))
        made = make_file(data[0], data + 1, size - 1, &len);
    const void *bytes = made ? made : data + 1;
    int rc = record_reader_open(&r, fuzz_file(".rec.zst", bytes, len), &err);
    free(made);
    fuzz_told(rc, &err);
    if (!frames)
        frames = kept_frames_create();
    uint64_t version = rc ? 0 : record_reader_head(r)->version;
    while (!rc) {
        struct record record;
        rc = record_reader_next(r, &record, &err);
        if (rc && rc != ONIC_ENOTFOUND)
            fuzz_told(rc, &err);
        if (!rc && record.kind == RECORD_UPDATE) {
            if (record.update.is.version < version || record.update.is.tensors > TENSORS * 1024)
                abort();
            version = record.update.is.version;
        }
        if (!rc && record.kind == RECORD_TRAJECTORY) {
            read_trajectory(frames, &record);
            free(record.frame);
        }
    }
    record_reader_close(r);
    return 0;
}
