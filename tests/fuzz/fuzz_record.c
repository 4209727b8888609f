/* links: onic_learner_lib */
/* SPDX-License-Identifier: MIT */
/* fuzz_record.c - a segment of a record of somebody else, and the trajectories in it.
 *
 * Byte 0: bit 0 clear = the rest is the file as it is. Set: records of a kind (a byte), a length
 * (two bytes, little-endian) and their bytes, which get the right checksums and are compressed, or
 * nothing behind them would ever be reached; bit 1: behind a head that is well. */
#include "common/wire/rollout/kept.h"
#include "learner/record/record_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/record_file.h"

enum { TENSORS = 2 };

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

static void read_trajectory(struct kept_frames *frames, const struct record *r)
{
    const struct trajectory_shape shape = {
        .T = 2, .obs_bytes = 8, .actions = {.n = 3}, .state_size = 2, .nstats = 1};
    struct trajectory *t;
    struct onic_err err = {0};
    int rc = kept_trajectory_read(frames, r->frame, r->len, &shape, &t, &err);
    fuzz_told(rc, &err);
    if (!rc && t->shape.E < 1)
        abort();
    kept_trajectory_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_reader *r = NULL;
    struct onic_err err = {0};
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    void *forged = NULL;
    const void *bytes = data + 1;
    size_t len = size - 1;
    if (data[0] & 1) {
        struct buf plain;
        buf_init(&plain, RECORD_FILE_MAX);
        forge_records(data + 1, size - 1, data[0] & 2, &plain);
        bytes = forged = record_file_squeeze(&plain, &len);
        buf_release(&plain);
    }
    int rc = record_reader_open(&r, fuzz_file(".rec.zst", bytes, len), &err);
    free(forged);
    fuzz_told(rc, &err);
    struct kept_frames *frames = kept_frames_create();
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
    kept_frames_free(frames);
    record_reader_close(r);
    return 0;
}
