/* SPDX-License-Identifier: MIT */
/* log.c - the line logger; see log.h. */
#include "common/base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log_json.h"
#include "common/base/log_line.h"
#include "common/base/rotated.h"
#include "common/base/shown.h"

enum { REOPEN_EVERY_MS = 1000, PATH_MAX_BYTES = 4096, SENTENCE_MAX = 1 << 16 };

/* Threads log while an actor is given its number: the name in use is never written. */
static char role_names[2][64] = {"onic", "onic"};
static atomic_int role_now;
static atomic_int lost_lines;
static atomic_int max_level = LOG_INFO;
static atomic_int line_format = LOG_TEXT;
static void (*_Atomic line_writer)(void *ctx, const char *line, size_t len);
static void *_Atomic line_writer_ctx;
static char followed_path[PATH_MAX_BYTES]; /* "" = stderr is not followed */
static struct rotated_folder followed_folder = {.fd = -1};
static pthread_mutex_t follow_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t followed_ms;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct log_kv log_kv_int(const char *key, int64_t v)
{
    return (struct log_kv){.key = key, .type = 0, .i = v};
}

struct log_kv log_kv_double(const char *key, double v)
{
    return (struct log_kv){.key = key, .type = 1, .d = v};
}

struct log_kv log_kv_str(const char *key, const char *v)
{
    return (struct log_kv){.key = key, .type = 2, .s = v};
}

void log_set_role(const char *role)
{
    int other = !atomic_load(&role_now);
    snprintf(role_names[other], sizeof role_names[other], "%s", role);
    atomic_store(&role_now, other);
}

enum log_level log_set_level(enum log_level level)
{
    return (enum log_level)atomic_exchange(&max_level, (int)level);
}

void log_set_format(enum log_layout format)
{
    atomic_store(&line_format, (int)format);
}

bool log_is_json(void)
{
    return atomic_load_explicit(&line_format, memory_order_relaxed) == LOG_JSON;
}

void log_set_writer(void (*writer)(void *ctx, const char *line, size_t len), void *ctx)
{
    atomic_store(&line_writer_ctx, ctx);
    atomic_store(&line_writer, writer);
}

void log_follow_file(void)
{
    const char *path = getenv("ONIC_STDERR");
    if (path && path[0] == '/' && strlen(path) < sizeof followed_path &&
        !rotated_away(STDERR_FILENO, path)) {
        memcpy(followed_path, path, strlen(path) + 1);
        rotated_folder_forget(&followed_folder);
        followed_folder = rotated_folder_of(path);
    }
}

static bool same_file(int a, int b)
{
    struct stat x, y;
    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static void reopen_locked(void)
{
    bool both = same_file(STDERR_FILENO, STDOUT_FILENO);
    if (rotated_reopen(STDERR_FILENO, followed_path, &followed_folder) && both)
        rotated_reopen(STDOUT_FILENO, followed_path, &followed_folder);
}

void log_reopen(void)
{
    if (!followed_path[0])
        return;
    pthread_mutex_lock(&follow_lock);
    reopen_locked();
    pthread_mutex_unlock(&follow_lock);
}

void log_unfollow(void)
{
    pthread_mutex_lock(&follow_lock);
    followed_path[0] = '\0';
    rotated_folder_forget(&followed_folder);
    pthread_mutex_unlock(&follow_lock);
}

static void reopen_now_and_then(void)
{
    if (!followed_path[0] || pthread_mutex_trylock(&follow_lock) != 0)
        return;
    if (log_every_ms(&followed_ms, REOPEN_EVERY_MS))
        reopen_locked();
    pthread_mutex_unlock(&follow_lock);
}

static void put_stamp(char out[LOG_LINE_STAMP + 1])
{
    double wall = clock_wall_s();
    time_t seconds = (time_t)wall;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char date[32];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    unsigned ms = (unsigned)((wall - (double)seconds) * 1000.0) % 1000u;
    snprintf(out, LOG_LINE_STAMP + 1, "%.19s.%03uZ", date, ms);
}

static void log_put_value(struct buf *b, const struct log_kv *v)
{
    if (v->type == 0)
        buf_printf(b, " %s=%" PRId64, v->key, v->i);
    else if (v->type == 1)
        buf_printf(b, " %s=%.6g", v->key, v->d);
    else {
        buf_printf(b, " %s=", v->key);
        const char *s = v->s ? v->s : "";
        buf_json_string(b, s, strlen(s));
    }
}

/* A full disk: there is nowhere to say so but in the first line that it takes again. */
static void log_count_lost(bool written)
{
    if (!written) {
        atomic_fetch_add(&lost_lines, 1);
        return;
    }
    int lost = atomic_exchange(&lost_lines, 0);
    if (lost)
        log_warn("lines of this log could not be written and are lost", kv("lines", lost));
}

/* A whole line, with its newline. */
static void send_line(const struct buf *line)
{
    void (*writer)(void *, const char *, size_t) = atomic_load(&line_writer);
    if (writer) {
        writer(atomic_load(&line_writer_ctx), line->data, line->len);
    } else {
        reopen_now_and_then();
        log_count_lost(write(STDERR_FILENO, line->data, line->len) == (ssize_t)line->len);
    }
}

/* The line is full, in the middle of a text as a rule. It is not cut in the middle of what stands
 * for one character of it. */
static void log_cut_line(struct buf *line)
{
    size_t n = line->len < line->max - 2 ? line->len : line->max - 2;
    for (size_t i = 1; i < 6 && i <= n; i++) /* \u001b */
        if (line->data[n - i] == '\\') {
            n -= i;
            break;
        }
    while (n > 0 && (line->data[n - 1] == '\\' || line->data[n - 1] & 0x80))
        n--;
    line->len = n;
    buf_append(line, "\"\n", 2);
}

void log_format(struct buf *line, const char *word, const char *msg, const struct log_kv *kvs)
{
    char stamp[LOG_LINE_STAMP + 1];
    const char *role = role_names[atomic_load(&role_now)];
    put_stamp(stamp);
    buf_printf(line, "%s %s %s %s", stamp, word, role, msg);
    for (const struct log_kv *v = kvs; v->key; v++)
        log_put_value(line, v);
    shown_clean_line(line->data, line->len);
    if (buf_append(line, "\n", 1))
        log_cut_line(line);
}

void log_write(enum log_level level, const char *msg, const struct log_kv *kvs)
{
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    char stamp[LOG_LINE_STAMP + 1];
    struct buf line;
    buf_init(&line, 2 * LOG_LINE_MAX);
    if (log_is_json()) {
        put_stamp(stamp);
        log_json_object(&line, stamp, level_names[level], role_names[atomic_load(&role_now)], msg,
                        kvs, false);
        buf_append(&line, "\n", 1);
    } else {
        log_format(&line, level_names[level], msg, kvs);
    }
    send_line(&line);
    buf_release(&line);
}

void log_say(enum log_level level, const char *program, const char *fmt, ...)
{
    char stamp[LOG_LINE_STAMP + 1];
    struct buf text, line;
    va_list ap;
    buf_init(&text, SENTENCE_MAX);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (!log_is_json()) {
        shown_printf(stderr, "%s: %s\n", program, text.data);
    } else {
        buf_init(&line, 2 * LOG_LINE_MAX);
        put_stamp(stamp);
        log_json_object(&line, stamp, level_names[level], role_names[atomic_load(&role_now)],
                        text.data, NULL, level == LOG_ERROR);
        buf_append(&line, "\n", 1);
        send_line(&line);
        buf_release(&line);
    }
    buf_release(&text);
}

int log_every_ms(int64_t *state, int64_t interval_ms)
{
    int64_t now = clock_ms();
    if (*state != 0 && now - *state < interval_ms)
        return 0;
    *state = now ? now : 1;
    return 1;
}
