/* SPDX-License-Identifier: MIT */
/* jsonl.c - metrics.jsonl: one object per line, flat keys (deploy/interface.md section 6).
 *
 * A line is one append, so a process that dies leaves at most one torn line, the last; the next
 * life cuts it off. A line that could not be written whole (disk full) is taken back at once for
 * the same reason. A file that was rotated away is opened anew. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file_limits.h"
#include "common/base/plain_file.h"
#include "common/base/rotated.h"
#include "common/metrics/registry.h"

/* Cuts bytes behind the last newline. */
static int cut_torn_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END), end = size;
    char tail[4096];
    while (end > 0) {
        size_t n = end < (off_t)sizeof tail ? (size_t)end : sizeof tail;
        if (pread(fd, tail, n, end - (off_t)n) != (ssize_t)n)
            return -1;
        char *newline = memrchr(tail, '\n', n);
        off_t keep = newline ? end - (off_t)n + (newline - tail) + 1 : 0;
        if (newline)
            return keep == size ? 0 : ftruncate(fd, keep);
        end -= (off_t)n;
    }
    return size <= 0 ? (int)size : ftruncate(fd, 0);
}

int metrics_jsonl_open(const char *run_dir, char path[METRICS_PATH_MAX], int *fd,
                       struct onic_err *err)
{
    int n = snprintf(path, METRICS_PATH_MAX, "%s/metrics.jsonl", run_dir);
    if (n < 0 || n >= METRICS_PATH_MAX)
        return err_set(err, ONIC_ECANTCREATE, "the run directory's path is too long");
    *fd = plain_file_open_own(path, O_RDWR | O_CREAT | O_APPEND, 0666);
    if (*fd < 0 || cut_torn_line(*fd) != 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be opened for writing: %s", path,
                       plain_file_why(errno));
    return ONIC_OK;
}

static void jsonl_put_number(struct buf *b, const char *name, double v)
{
    buf_append(b, ",", 1);
    buf_json_string(b, name, strlen(name));
    buf_append(b, ":", 1);
    /* Whole numbers in full: counters pass 10^9 and must not be rounded to nine digits. */
    if (isfinite(v) && v == floor(v) && fabs(v) < 1e15)
        buf_printf(b, "%.0f", v);
    else
        buf_json_number(b, v, 9);
}

void metrics_jsonl_line(struct metrics *m, double now, const int *exit_code)
{
    struct buf *b = &m->line;
    buf_reset(b);
    buf_printf(b, "{\"time\":%.3f,\"wall_s\":%.3f", now, metrics_wall_s(m));
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->count; i++)
        jsonl_put_number(b, m->items[i].name, metric_value(&m->items[i]));
    if (m->waiting[0])
        buf_json_key_text(b, "waiting_for", m->waiting);
    if (m->annotator[0])
        buf_json_key_text(b, "annot/waiting_for", m->annotator);
    pthread_mutex_unlock(&m->lock);
    if (exit_code)
        buf_printf(b, ",\"event\":\"end\",\"exit\":%d", *exit_code);
    buf_puts(b, "}\n");
}

int metrics_jsonl_write(struct metrics *m, struct onic_err *err)
{
    if (m->line.overflow)
        return err_set(err, ONIC_ELIMIT, "a line of metrics.jsonl is longer than 256 KiB");
    rotated_reopen(m->jsonl, m->jsonl_path, &m->jsonl_folder);
    off_t start = lseek(m->jsonl, 0, SEEK_END);
    ssize_t n = write(m->jsonl, m->line.data, m->line.len);
    if (n == (ssize_t)m->line.len)
        return ONIC_OK;
    int code = file_write_code(m->jsonl, n);
    if (n > 0 && start >= 0 && ftruncate(m->jsonl, start) != 0)
        code = errno;
    return err_set(err, ONIC_EIO, "metrics.jsonl cannot be written: %s", file_write_why(code));
}
