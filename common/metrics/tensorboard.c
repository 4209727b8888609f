/* SPDX-License-Identifier: MIT */
/* tensorboard.c - event files; see tensorboard.h.
 *
 * The messages needed are encoded by hand (proto_put.h): a scalar event has six fields that never
 * change, and generated code would need an object tree per line. Field numbers are those of
 * TensorFlow's event.proto and summary.proto; values that are no scalars: tensorboard_values.c.
 *
 *   Event      { double wall_time = 1; int64 step = 2; string file_version = 3;
 *                Summary summary = 5; SessionLog session_log = 7; }
 *   Summary    { repeated Value value = 1; }
 *   Value      { string tag = 1; float simple_value = 2; }
 *   SessionLog { enum { START = 1, STOP = 2, CHECKPOINT = 3 } status = 1; }
 *
 * Record framing and CRC mask are those of TFRecord. A record goes out in one write, so a
 * reader that follows the file sees whole records or a tail it waits for. */
#define _GNU_SOURCE
#include "common/metrics/tensorboard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_limits.h"
#include "common/base/plain_file.h"
#include "common/base/rotated.h"
#include "common/base/xmalloc.h"
#include "common/metrics/tensorboard_impl.h"

enum {
    ROOM_BYTES = 1 << 16,
    SECONDS_AHEAD = 3600 /* a file that is named after a later time was made by another clock */
};

static void fill_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
        table[i] = crc;
    }
}

static uint32_t crc_with(const uint32_t table[256], const void *data, size_t len)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++)
        crc = table[(crc ^ p[i]) & 0xff] ^ (crc >> 8);
    return ~crc;
}

uint32_t tensorboard_crc32c(const void *data, size_t len)
{
    uint32_t table[256];
    fill_table(table);
    return crc_with(table, data, len);
}

uint32_t tensorboard_mask(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static int write_record(struct tensorboard *t, struct onic_err *err)
{
    uint64_t len = t->event.len;
    uint32_t len_crc = tensorboard_mask(crc_with(t->table, &len, sizeof len));
    uint32_t crc = tensorboard_mask(crc_with(t->table, t->event.data, t->event.len));
    buf_reset(&t->record);
    buf_append(&t->record, &len, sizeof len);
    buf_append(&t->record, &len_crc, sizeof len_crc);
    buf_append(&t->record, t->event.data, t->event.len);
    buf_append(&t->record, &crc, sizeof crc);
    if (t->summary.overflow || t->event.overflow || t->record.overflow)
        return err_set(err, ONIC_ELIMIT, "a TensorBoard event is larger than 1 MiB");
    off_t start = lseek(t->fd, 0, SEEK_END);
    ssize_t n = write(t->fd, t->record.data, t->record.len);
    if (n == (ssize_t)t->record.len)
        return ONIC_OK;
    int code = file_write_code(t->fd, n);
    if (start >= 0 && ftruncate(t->fd, start) != 0) /* half a record would end every reader here */
        code = errno;
    return err_set(err, ONIC_EIO, "the TensorBoard event file cannot be written: %s",
                   file_write_why(code));
}

/* Two records: what TensorBoard expects first of a file, and the start of a session. */
static int write_head(struct tensorboard *t, double now, int64_t step, struct onic_err *err)
{
    static const unsigned char status_start[] = {1 << 3, 1}; /* SessionLog.status = START */
    buf_reset(&t->event);
    proto_put_double(&t->event, 1, now);
    proto_put_bytes(&t->event, 3, "brain.Event:2", 13);
    int rc = write_record(t, err);
    if (rc)
        return rc;
    buf_reset(&t->event);
    proto_put_double(&t->event, 1, now);
    proto_put_tag(&t->event, 2, 0);
    proto_put_varint(&t->event, (uint64_t)step);
    proto_put_bytes(&t->event, 7, status_start, sizeof status_start);
    return write_record(t, err);
}

/* For what an ordinary event takes: nothing is allocated while a run goes on. */
static void tensorboard_make_room(struct tensorboard *t)
{
    static const char zeros[ROOM_BYTES];
    struct buf *const all[] = {&t->summary, &t->event, &t->record, &t->part, &t->value};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        buf_append(all[i], zeros, sizeof zeros);
        buf_reset(all[i]);
    }
}

/* The second that a file is named after. TensorBoard reads files in the order of their names: one
 * of the same second would come before or after another by its process number, as it happens. */
static long long file_second(const char *dir, double now)
{
    long long second = (long long)now, other;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (sscanf(e->d_name, "events.out.tfevents.%lld.", &other) == 1 && other >= second &&
            other < (long long)now + SECONDS_AHEAD)
            second = other + 1;
    if (d)
        closedir(d);
    return second;
}

int tensorboard_create(struct tensorboard **out, const char *dir, double now, int64_t step,
                       struct onic_err *err)
{
    char host[64] = "host", path[4096];
    gethostname(host, sizeof host - 1);
    int n = snprintf(path, sizeof path, "%s/events.out.tfevents.%lld.%s.%d", dir,
                     file_second(dir, now), host, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(err, ONIC_ECANTCREATE, "the run directory's path is too long");
    int fd = plain_file_open_own(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be created: %s", path,
                       plain_file_why(errno));
    struct tensorboard *t = xcalloc(1, sizeof *t);
    t->fd = fd;
    t->path = xstrdup(path);
    t->folder = rotated_folder_of(path);
    buf_init(&t->summary, RECORD_MAX);
    buf_init(&t->event, RECORD_MAX);
    buf_init(&t->record, RECORD_MAX + 16);
    buf_init(&t->part, RECORD_MAX);
    buf_init(&t->value, RECORD_MAX);
    tensorboard_make_room(t);
    fill_table(t->table);
    int rc = write_head(t, now, step, err);
    if (rc) {
        tensorboard_free(t);
        return rc;
    }
    *out = t;
    return ONIC_OK;
}

void tensorboard_free(struct tensorboard *t)
{
    if (!t)
        return;
    close(t->fd);
    rotated_folder_forget(&t->folder);
    free(t->path);
    buf_release(&t->summary);
    buf_release(&t->event);
    buf_release(&t->record);
    buf_release(&t->part);
    buf_release(&t->value);
    free(t);
}

void tensorboard_begin(struct tensorboard *t, double now, int64_t step)
{
    t->now = now;
    t->step = step;
    buf_reset(&t->summary);
}

void tensorboard_value(struct tensorboard *t, const char *tag, double value)
{
    float v = (float)value;
    if (!isfinite(v))
        return;
    size_t tag_len = strlen(tag);
    size_t varint = tag_len < 128 ? 1 : 2; /* names are far below 16384 bytes */
    proto_put_tag(&t->summary, 1, 2);
    proto_put_varint(&t->summary, 1 + varint + tag_len + 1 + sizeof v);
    proto_put_bytes(&t->summary, 1, tag, tag_len);
    proto_put_tag(&t->summary, 2, 5);
    buf_append(&t->summary, &v, sizeof v);
}

/* Every file needs its head, also one that goes on for a file that was rotated away or emptied. */
static int begin_new_file(struct tensorboard *t, struct onic_err *err)
{
    struct stat st;
    rotated_reopen(t->fd, t->path, &t->folder);
    return fstat(t->fd, &st) == 0 && st.st_size == 0 ? write_head(t, t->now, t->step, err)
                                                     : ONIC_OK;
}

int tensorboard_commit(struct tensorboard *t, struct onic_err *err)
{
    int rc = begin_new_file(t, err);
    if (rc)
        return rc;
    buf_reset(&t->event);
    proto_put_double(&t->event, 1, t->now);
    proto_put_tag(&t->event, 2, 0);
    proto_put_varint(&t->event, (uint64_t)t->step);
    proto_put_bytes(&t->event, 5, t->summary.data, t->summary.len);
    return write_record(t, err);
}
