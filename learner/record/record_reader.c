/* SPDX-License-Identifier: MIT */
/* record_reader.c - see record_reader.h.
 *
 * A writer that is killed leaves the beginning of a stream: that the bytes end is no damage. Bytes
 * that are there and wrong are: zstd notices some flipped bits, the checksum of a record the
 * others. */
#include "learner/record/record_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"

/* WINDOW_LOG: memory that a file may ask for, 8 MiB; the writer's own is smaller. */
enum { IN_BYTES = 1 << 17, WINDOW_LOG = 23, CHUNK_MIN = 4096, BATCH_MOST = 1 << 20 };

struct record_reader {
    char path[RECORD_PATH_MAX];
    FILE *f;
    ZSTD_DCtx *z;
    char *bytes; /* [IN_BYTES] */
    ZSTD_inBuffer in;
    bool at_end;             /* of the zstd stream */
    char *payload;           /* of the record at hand, NUL behind it */
    struct record_head head; /* and its text: */
    char *config;
    /* the order of records */
    uint64_t version; /* of the last whole update */
    uint32_t waiting; /* trajectories since the last batch */
    bool in_batch, trained, ended, cut;
};

static int reader_damaged(struct record_reader *r, const char *what, struct onic_err *err)
{
    return err_set(err, ONIC_EDAMAGED,
                   "%s is damaged behind update %llu: %s; what comes before it can be repeated",
                   r->path, (unsigned long long)r->version, what);
}

/* Fills [len] bytes; fewer where the stream ends: *got. */
static int record_read_bytes(struct record_reader *r, char *to, size_t len, size_t *got,
                             struct onic_err *err)
{
    ZSTD_outBuffer out = {to, len, 0};
    *got = 0;
    while (out.pos < len && !r->at_end) {
        size_t before = out.pos;
        size_t left = ZSTD_decompressStream(r->z, &out, &r->in);
        if (ZSTD_isError(left))
            return reader_damaged(r, ZSTD_getErrorName(left), err);
        r->at_end = left == 0;
        if (out.pos > before || r->in.pos < r->in.size || r->at_end)
            continue;
        r->in = (ZSTD_inBuffer){r->bytes, fread(r->bytes, 1, IN_BYTES, r->f), 0};
        if (r->in.size == 0 && ferror(r->f))
            return file_unreadable(r->path, errno ? errno : EIO, err);
        if (r->in.size == 0)
            break;
    }
    *got = out.pos;
    return ONIC_OK;
}

/* The payload grows as bytes come: a length alone takes no memory. */
static int read_payload(struct record_reader *r, size_t len, size_t *got, struct onic_err *err)
{
    size_t room = CHUNK_MIN;
    int rc;
    *got = 0;
    free(r->payload);
    r->payload = xmalloc(room + 1);
    for (;;) {
        size_t want = (len < room ? len : room) - *got, n;
        rc = record_read_bytes(r, r->payload + *got, want, &n, err);
        *got += n;
        if (rc || n < want || *got == len)
            break;
        room *= 2;
        r->payload = xrealloc(r->payload, room + 1);
    }
    r->payload[*got] = '\0';
    return rc;
}

/* One record into r->payload. ONIC_ENOTFOUND: the stream ends before it does. */
static int read_record(struct record_reader *r, struct record_prefix *prefix, struct onic_err *err)
{
    size_t got;
    int rc = record_read_bytes(r, (char *)prefix, sizeof *prefix, &got, err);
    if (rc || got < sizeof *prefix)
        return rc ? rc : ONIC_ENOTFOUND;
    if (prefix->len > record_most(prefix->kind))
        return reader_damaged(r, "a record of a kind or length that no run has", err);
    rc = read_payload(r, prefix->len, &got, err);
    if (rc || got < prefix->len)
        return rc ? rc : ONIC_ENOTFOUND;
    if (record_hash(prefix->kind, r->payload, prefix->len) != prefix->xxh3)
        return reader_damaged(r, "the checksum of a record is not that of its bytes", err);
    return ONIC_OK;
}

/* --- the head -------------------------------------------------------------------------------- */

static bool is_text(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return n < size;
}

static bool head_is_sane(const struct record_head *h)
{
    return h->version < (uint64_t)1 << 62 && h->threads >= 1 && h->threads <= 256 &&
           h->flags <= (RECORD_FORGOT | RECORD_UNLABELLED) && h->tensors >= 1 &&
           h->tensors <= CHECKPOINT_TENSORS_MAX && is_text(h->kernels, sizeof h->kernels) &&
           is_text(h->onic, sizeof h->onic);
}

static int record_read_head(struct record_reader *r, struct onic_err *err)
{
    struct record_prefix prefix;
    struct record_head *h = &r->head;
    int rc = read_record(r, &prefix, err);
    if (rc == ONIC_ENOTFOUND || (!rc && prefix.len < sizeof h->magic + sizeof h->format))
        return err_set(err, ONIC_ENOTFOUND, "%s ends before its head does", r->path);
    if (rc)
        return rc;
    memcpy(h, r->payload, prefix.len < sizeof *h ? prefix.len : sizeof *h);
    if (prefix.kind != RECORD_HEAD || memcmp(h->magic, RECORD_MAGIC, sizeof h->magic) != 0)
        return err_set(err, ONIC_ECONFIG, "%s is no record of a run", r->path);
    if (h->format > RECORD_FORMAT)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "%s is of format %u, which a newer onic wrote; this one reads up to %d: use "
                       "that one",
                       r->path, h->format, RECORD_FORMAT);
    if (prefix.len < sizeof *h || prefix.len - sizeof *h != h->config_len || !head_is_sane(h))
        return err_set(err, ONIC_EDAMAGED, "%s is damaged: its head makes no sense", r->path);
    r->version = h->version;
    r->config = xmalloc((size_t)h->config_len + 1);
    memcpy(r->config, r->payload + sizeof *h, (size_t)h->config_len + 1);
    return ONIC_OK;
}

int record_reader_open(struct record_reader **out, const char *path, struct onic_err *err)
{
    *out = NULL;
    struct record_reader *r = xcalloc(1, sizeof *r);
    snprintf(r->path, sizeof r->path, "%s", path);
    r->bytes = xmalloc(IN_BYTES);
    r->z = ZSTD_createDCtx();
    ONIC_ASSERT(r->z);
    ZSTD_DCtx_setParameter(r->z, ZSTD_d_windowLogMax, WINDOW_LOG);
    r->f = plain_file_read(path, false);
    int rc = r->f ? ONIC_OK : file_unreadable(path, errno, err);
    if (!rc) {
        r->in = (ZSTD_inBuffer){r->bytes, fread(r->bytes, 1, IN_BYTES, r->f), 0};
        static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};
        if (r->in.size == 0)
            rc = err_set(err, ONIC_ENOTFOUND, "%s is empty", path);
        else if (r->in.size < sizeof magic || memcmp(r->bytes, magic, sizeof magic) != 0)
            rc = err_set(err, ONIC_ECONFIG, "%s is no record of a run", path);
    }
    if (!rc)
        rc = record_read_head(r, err);
    if (rc)
        record_reader_close(r);
    else
        *out = r;
    return rc;
}

void record_reader_close(struct record_reader *r)
{
    if (!r)
        return;
    if (r->f)
        fclose(r->f);
    ZSTD_freeDCtx(r->z);
    free(r->bytes);
    free(r->payload);
    free(r->config);
    free(r);
}

const struct record_head *record_reader_head(const struct record_reader *r)
{
    return &r->head;
}

const char *record_reader_config(const struct record_reader *r)
{
    return r->config;
}

bool record_reader_is_cut(const struct record_reader *r)
{
    return r->cut;
}

/* --- the others ------------------------------------------------------------------------------ */

/* Why it cannot stand here; NULL: it can. What the label says is held against the kind of the run's
 * questions, which only whoever repeats it knows (label_fault). */
static const char *record_take_label(struct record_reader *r, size_t len, struct record *out)
{
    struct record_label *l = &out->label.is;
    if (len < sizeof *l)
        return "a label is cut";
    memcpy(l, r->payload, sizeof *l);
    out->label.question = r->payload + sizeof *l;
    bool fits = len > sizeof *l && l->question_len == len - sizeof *l;
    return fits && memchr(l->source, '\0', sizeof l->source) ? NULL : "a label makes no sense";
}

static const char *take_trajectory(struct record_reader *r, size_t len, struct record *out)
{
    if (r->in_batch || r->waiting == BATCH_MOST)
        return "a trajectory that belongs to no batch";
    out->frame = r->payload;
    out->len = len;
    r->payload = NULL;
    r->waiting++;
    return NULL;
}

static const char *take_batch(struct record_reader *r, size_t len, struct record *out)
{
    if (len != sizeof out->batch)
        return "a batch is cut";
    memcpy(&out->batch, r->payload, sizeof out->batch);
    if (r->in_batch || out->batch.trajectories == 0 || out->batch.trajectories != r->waiting)
        return "a batch is not of the trajectories before it";
    r->in_batch = true;
    r->trained = false;
    r->waiting = 0;
    return NULL;
}

static const char *take_turn(struct record_reader *r, size_t len, struct record *out)
{
    struct record_turn *t = &out->turn;
    if (len != sizeof *t || !r->in_batch || r->trained)
        return "training of the reward model where there is none";
    memcpy(t, r->payload, sizeof *t);
    r->trained = true;
    return t->beside > 1 || t->idle > 1 || t->steps > INT32_MAX ? "training makes no sense" : NULL;
}

static const char *take_update(struct record_reader *r, size_t len, struct record *out)
{
    struct record_update *u = &out->update.is;
    if (len < sizeof *u || !r->in_batch || !r->trained)
        return "an update without a batch";
    memcpy(u, r->payload, sizeof *u);
    out->update.hash = (const uint64_t *)(const void *)(r->payload + sizeof *u);
    if (u->tensors != r->head.tensors || len - sizeof *u != u->tensors * sizeof(uint64_t) ||
        u->version < r->version || u->flags > (RECORD_FORGOT | RECORD_UNLABELLED))
        return "an update makes no sense";
    r->in_batch = false;
    r->version = u->version;
    return NULL;
}

static const char *take_record(struct record_reader *r, const struct record_prefix *prefix,
                               struct record *out)
{
    out->kind = (enum record_kind)prefix->kind;
    switch (out->kind) {
    case RECORD_TRAJECTORY:
        return take_trajectory(r, prefix->len, out);
    case RECORD_LABEL:
        return record_take_label(r, prefix->len, out);
    case RECORD_DRAWN:
        return prefix->len ? "a drawn question makes no sense" : NULL;
    case RECORD_BATCH:
        return take_batch(r, prefix->len, out);
    case RECORD_TURN:
        return take_turn(r, prefix->len, out);
    case RECORD_UPDATE:
    case RECORD_ROLL_BACK:
        return take_update(r, prefix->len, out);
    case RECORD_END:
        r->ended = true;
        return prefix->len == sizeof out->batch ? NULL : "its end makes no sense";
    case RECORD_HEAD:
        break;
    }
    return prefix->kind == RECORD_HEAD ? "a second head" : "a record of a kind that no run has";
}

int record_reader_next(struct record_reader *r, struct record *out, struct onic_err *err)
{
    struct record_prefix prefix;
    memset(out, 0, sizeof *out);
    if (r->ended || r->cut)
        return ONIC_ENOTFOUND;
    int rc = read_record(r, &prefix, err);
    r->cut = rc == ONIC_ENOTFOUND;
    if (rc)
        return rc;
    const char *why = take_record(r, &prefix, out);
    if (why)
        return reader_damaged(r, why, err);
    return r->ended ? ONIC_ENOTFOUND : ONIC_OK;
}
