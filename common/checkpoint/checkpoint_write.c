/* SPDX-License-Identifier: MIT */
/* checkpoint_write.c - the builder: collects tensors in memory, then one safetensors file; see
 * checkpoint.h, FORMAT.md.
 *
 * Numbers come first in the file and bytes behind them, each group in the order of adding: with the
 * header padded to 64 bytes every float is aligned for whoever maps the file. The two groups are
 * two growing blocks, kept by checkpoint_reset, so that a learner that saves every 30 s allocates
 * for the first file only. The header is built last, when all checksums are known; the whole-file
 * checksum is computed with its own digits as zeros and then put in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/checkpoint/format.h"

enum { FIRST_BLOCK = 4096 };

struct entry {
    char name[CHECKPOINT_NAME_MAX];
    enum checkpoint_dtype dtype;
    size_t rows, cols; /* rows 1: a vector */
    size_t offset;     /* in its group */
    size_t bytes;
};

struct meta {
    char key[CHECKPOINT_NAME_MAX];
    char value[CHECKPOINT_VALUE_MAX];
};

struct block {
    char *data;
    size_t len, cap;
};

struct checkpoint {
    struct entry entry[CHECKPOINT_TENSORS_MAX];
    struct meta meta[CHECKPOINT_META_MAX];
    int nentries, nmeta;
    struct block group[2]; /* by enum checkpoint_dtype */
    struct buf header;
    const struct safe_io *io;
    bool too_many;
    char cut[CHECKPOINT_NAME_MAX]; /* the first document that had no room; "" */
    size_t cut_at;                 /* bytes that it may have */
    size_t written;                /* bytes of the last file */
    int given_up;                  /* older ones, for the last file */
};

struct checkpoint *checkpoint_create(void)
{
    struct checkpoint *c = xcalloc(1, sizeof *c);
    buf_init(&c->header, FORMAT_LENGTH_BYTES + CHECKPOINT_HEADER_MAX);
    for (int i = 0; i < 2; i++)
        c->group[i] = (struct block){.data = xmalloc(FIRST_BLOCK), .cap = FIRST_BLOCK};
    return c;
}

void checkpoint_free(struct checkpoint *c)
{
    if (!c)
        return;
    for (int i = 0; i < 2; i++)
        free(c->group[i].data);
    buf_release(&c->header);
    free(c);
}

void checkpoint_reset(struct checkpoint *c)
{
    c->nentries = c->nmeta = 0;
    c->group[0].len = c->group[1].len = 0;
    c->too_many = false;
    c->cut[0] = '\0';
    c->given_up = 0;
}

void checkpoint_use_io(struct checkpoint *c, const struct safe_io *io)
{
    c->io = io;
}

static void checkpoint_write_append(struct block *b, const void *data, size_t bytes)
{
    if (b->len + bytes > b->cap) {
        size_t cap = b->cap + b->cap / 2;
        b->cap = cap > b->len + bytes ? cap : b->len + bytes;
        b->data = xrealloc(b->data, b->cap);
    }
    if (bytes)
        memcpy(b->data + b->len, data, bytes);
    b->len += bytes;
}

static void checkpoint_write_add(struct checkpoint *c, const char *name,
                                 enum checkpoint_dtype dtype, size_t rows, size_t cols,
                                 const void *data, size_t bytes)
{
    ONIC_ASSERT(format_is_name(name));
    for (int i = 0; i < c->nentries; i++)
        ONIC_ASSERT(strcmp(c->entry[i].name, name) != 0);
    if (c->nentries == CHECKPOINT_TENSORS_MAX) {
        c->too_many = true;
        return;
    }
    struct entry *e = &c->entry[c->nentries++];
    *e = (struct entry){
        .dtype = dtype, .rows = rows, .cols = cols, .offset = c->group[dtype].len, .bytes = bytes};
    memcpy(e->name, name, strlen(name) + 1);
    checkpoint_write_append(&c->group[dtype], data, bytes);
}

void checkpoint_add_f32(struct checkpoint *c, const char *name, int rows, int cols,
                        const float *data)
{
    ONIC_ASSERT(rows >= 1 && cols >= 0);
    checkpoint_write_add(c, name, CHECKPOINT_F32, (size_t)rows, (size_t)cols, data,
                         (size_t)rows * (size_t)cols * sizeof *data);
}

void checkpoint_add_bytes(struct checkpoint *c, const char *name, const void *data, size_t len)
{
    checkpoint_write_add(c, name, CHECKPOINT_U8, 1, len, data, len);
}

void checkpoint_add_buf(struct checkpoint *c, const char *name, const struct buf *document)
{
    if (document->overflow && !c->cut[0]) {
        snprintf(c->cut, sizeof c->cut, "%s", name);
        c->cut_at = document->max;
    }
    checkpoint_add_bytes(c, name, document->data, document->len);
}

void checkpoint_add_meta(struct checkpoint *c, const char *key, const char *value)
{
    ONIC_ASSERT(format_is_name(key) && strncmp(key, "onic.xxh3", 9) != 0);
    ONIC_ASSERT(strcmp(key, "onic.format") != 0 && strlen(value) < CHECKPOINT_VALUE_MAX);
    for (const char *p = value; *p; p++)
        ONIC_ASSERT(*p >= ' ' && *p <= '~');
    for (int i = 0; i < c->nmeta; i++)
        ONIC_ASSERT(strcmp(c->meta[i].key, key) != 0);
    if (c->nmeta == CHECKPOINT_META_MAX) {
        c->too_many = true;
        return;
    }
    struct meta *m = &c->meta[c->nmeta++];
    memcpy(m->key, key, strlen(key) + 1);
    memcpy(m->value, value, strlen(value) + 1);
}

void checkpoint_add_meta_u64(struct checkpoint *c, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    checkpoint_add_meta(c, key, text);
}

static void put_tensor(struct buf *h, const struct entry *e, size_t base)
{
    buf_printf(h, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", e->name,
               e->dtype == CHECKPOINT_F32 ? "F32" : "U8");
    if (e->rows > 1)
        buf_printf(h, "%zu,", e->rows);
    buf_printf(h, "%zu],\"data_offsets\":[%zu,%zu]}", e->cols, base + e->offset,
               base + e->offset + e->bytes);
}

/* Builds the length, the header and its padding in c->header. */
static int build_header(struct checkpoint *c, struct onic_err *err)
{
    struct buf *h = &c->header;
    static const char zero_length[FORMAT_LENGTH_BYTES] = {0};
    char digest[FORMAT_DIGITS + 1];
    if (c->cut[0])
        return err_set(err, ONIC_ELIMIT,
                       "its part '%s' would be larger than the %zu bytes that it may have", c->cut,
                       c->cut_at);
    buf_reset(h);
    buf_append(h, zero_length, sizeof zero_length);
    buf_printf(h, "%s%032d%s", FORMAT_BEFORE, 0, FORMAT_AFTER);
    for (int i = 0; i < c->nmeta; i++) {
        buf_printf(h, ",\"%s\":", c->meta[i].key);
        buf_json_string(h, c->meta[i].value, strlen(c->meta[i].value));
    }
    for (int i = 0; i < c->nentries; i++) {
        const struct entry *e = &c->entry[i];
        format_digest(c->group[e->dtype].data + e->offset, e->bytes, digest);
        buf_printf(h, ",\"%s%s\":\"%s\"", FORMAT_TENSOR_DIGEST, e->name, digest);
    }
    buf_puts(h, "}");
    for (int dtype = CHECKPOINT_F32; dtype <= CHECKPOINT_U8; dtype++)
        for (int i = 0; i < c->nentries; i++)
            if (c->entry[i].dtype == (enum checkpoint_dtype)dtype)
                put_tensor(h, &c->entry[i], dtype == CHECKPOINT_U8 ? c->group[0].len : 0);
    buf_puts(h, "}");
    while (h->len % FORMAT_ALIGN && !h->overflow)
        buf_puts(h, " ");
    if (h->overflow || c->too_many ||
        h->len + c->group[0].len + c->group[1].len > CHECKPOINT_FILE_MAX)
        return err_set(
            err, ONIC_ELIMIT,
            "the checkpoint has more than %d tensors, %d facts, a header of %d bytes or a "
            "size of %llu bytes",
            CHECKPOINT_TENSORS_MAX, CHECKPOINT_META_MAX, CHECKPOINT_HEADER_MAX,
            (unsigned long long)CHECKPOINT_FILE_MAX);
    uint64_t length = h->len - FORMAT_LENGTH_BYTES;
    for (int i = 0; i < FORMAT_LENGTH_BYTES; i++)
        h->data[i] = (char)(length >> (8 * i) & 0xff);
    return ONIC_OK;
}

static int checkpoint_write_reserved(struct checkpoint *c, const char *path, const char *reserve,
                                     bool *full, struct onic_err *err)
{
    int rc = build_header(c, err);
    *full = false;
    if (rc)
        return err_wrap(err, "writing %s", path);
    const void *data[2] = {c->group[0].data, c->group[1].data};
    size_t bytes[2] = {c->group[0].len, c->group[1].len};
    char digest[FORMAT_DIGITS + 1];
    format_digest_blanked(c->header.data, c->header.len, FORMAT_DIGEST_AT, data, bytes, 2, digest);
    memcpy(c->header.data + FORMAT_DIGEST_AT, digest, FORMAT_DIGITS);
    struct safe_part parts[3] = {
        {c->header.data, c->header.len}, {data[0], bytes[0]}, {data[1], bytes[1]}};
    c->written = c->header.len + bytes[0] + bytes[1];
    return safe_replace_reserved(c->io, path, reserve, parts, 3, full, err);
}

int checkpoint_write(struct checkpoint *c, const char *path, struct onic_err *err)
{
    bool full;
    return checkpoint_write_reserved(c, path, NULL, &full, err);
}

bool checkpoint_reserve(const struct checkpoint *c, const char *dir)
{
    char path[CHECKPOINT_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/" CHECKPOINT_RESERVE, dir);
    return n > 0 && (size_t)n < sizeof path && safe_reserve(path, c->written + c->written / 4);
}

int checkpoint_given_up(const struct checkpoint *c)
{
    return c->given_up;
}

int checkpoint_write_version(struct checkpoint *c, const char *dir, uint64_t version,
                             char path[CHECKPOINT_PATH_MAX], struct onic_err *err)
{
    char file[CHECKPOINT_PATH_MAX], hint[CHECKPOINT_PATH_MAX], name[64];
    char reserve[CHECKPOINT_PATH_MAX];
    int n = snprintf(name, sizeof name, "ckpt-%012llu.safetensors\n", (unsigned long long)version);
    int a = snprintf(file, sizeof file, "%s/%.*s", dir, n - 1, name);
    int b = snprintf(hint, sizeof hint, "%s/LATEST", dir);
    if (version > 999999999999u || a >= (int)sizeof file || b >= (int)sizeof hint)
        return err_set(err, ONIC_ELIMIT,
                       "version %llu or the path %.80s is too long for a checkpoint",
                       (unsigned long long)version, dir);
    int r = snprintf(reserve, sizeof reserve, "%s/" CHECKPOINT_RESERVE, dir);
    const char *from = r < (int)sizeof reserve ? reserve : NULL;
    bool full;
    int rc = checkpoint_write_reserved(c, file, from, &full, err);
    for (; rc && full && checkpoint_make_room(dir, version); c->given_up++)
        rc = checkpoint_write_reserved(c, file, from, &full, err);
    if (rc)
        return rc;
    if (path)
        memcpy(path, file, (size_t)a + 1);
    /* No room for some bytes: rather no hint than one that names an older checkpoint. */
    if (safe_replace(c->io, hint, &(struct safe_part){name, (size_t)n}, 1, NULL) != ONIC_OK)
        unlink(hint);
    return ONIC_OK;
}
