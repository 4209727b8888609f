/* links: onic_checkpoint */
/* SPDX-License-Identifier: MIT */
/* fuzz_checkpoint.c - a checkpoint of somebody else.
 *
 * Byte 0: bit 0 clear = the rest is the file as it is. Set: bytes 1-2 are the length of a header's
 * rest (little-endian), which follows behind the words that every checkpoint begins with, then the
 * data; the checksum of the whole is right, or nothing behind it would ever be reached. */
#include "common/base/buf.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/format.h"
#include "tests/fuzz/fuzz.h"

static size_t read_tensors(const struct checkpoint_file *f)
{
    size_t sum = 0;
    uint64_t number;
    struct onic_err err = {0};
    for (int i = 0; i < checkpoint_count(f); i++) {
        const struct checkpoint_tensor *t = checkpoint_at(f, i);
        for (size_t k = 0; k < t->bytes; k++)
            sum += ((const uint8_t *)t->data)[k];
        sum += checkpoint_find(f, t->name) == t;
    }
    fuzz_told(checkpoint_meta_u64(f, "weights_version", &number, &err), &err);
    return sum;
}

static void forge(const uint8_t *data, size_t size, struct buf *out)
{
    size_t header = data[0] | (size_t)data[1] << 8;
    data += 2;
    size -= 2;
    header = header < size ? header : size;
    buf_printf(out, "%8s%s%032d", "", FORMAT_BEFORE, 0);
    buf_append(out, data, header);
    uint64_t length = out->len - FORMAT_LENGTH_BYTES;
    for (int i = 0; i < FORMAT_LENGTH_BYTES; i++)
        out->data[i] = (char)(length >> (8 * i));
    buf_append(out, data + header, size - header);
    char digest[FORMAT_DIGITS + 1];
    format_digest(out->data, out->len, digest);
    memcpy(out->data + FORMAT_DIGEST_AT, digest, FORMAT_DIGITS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint_file *f;
    struct onic_err err = {0};
    struct buf b;
    if (size < 3 || size > FUZZ_INPUT_MAX)
        return 0;
    buf_init(&b, 2 * FUZZ_INPUT_MAX);
    if (data[0] & 1)
        forge(data + 1, size - 1, &b);
    else
        buf_append(&b, data + 1, size - 1);
    int rc = checkpoint_open(&f, fuzz_file(".safetensors", (const uint8_t *)b.data, b.len), &err);
    fuzz_told(rc, &err);
    if (!rc && read_tensors(f) == SIZE_MAX)
        abort();
    checkpoint_close(f);
    buf_release(&b);
    return 0;
}
