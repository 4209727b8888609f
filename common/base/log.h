/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_LOG_H
#define ONIC_COMMON_BASE_LOG_H

/* log.h - one line per event on stderr: `2026-11-23T19:30:00.123Z info learner batch ready batch=12
 * lag_max=3`.
 *
 * or, with log.format=json, one JSON object per line (log_json.h).
 *
 * Levels: error = a person must act; warn = degraded but going; info = a handful per minute; debug
 * = off. Values are typed by kv() (no format string); text is escaped, so captions cannot inject
 * terminal codes. Thread-safe: a line is one write. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_kv {
    const char *key; /* NULL ends a list */
    int type;        /* 0 int, 1 double, 2 string */
    int64_t i;
    double d;
    const char *s;
};

struct log_kv log_kv_int(const char *key, int64_t v);
struct log_kv log_kv_double(const char *key, double v);
struct log_kv log_kv_str(const char *key, const char *v);
#define kv(key, value)                                                                             \
    _Generic((value), float: log_kv_double, double: log_kv_double, char *: log_kv_str,             \
             const char *: log_kv_str, default: log_kv_int)((key), (value))

void log_set_role(const char *role); /* "learner", "actor 3"; copied */
/* Lines above are dropped; default LOG_INFO. Returns what it was before. */
enum log_level log_set_level(enum log_level level);
enum log_layout { LOG_TEXT, LOG_JSON };
void log_set_format(enum log_layout format);
bool log_is_json(void);
/* Lines go to writer(ctx, ...) instead of stderr, whole and with their newline; NULL restores
 * stderr. Set while a terminal panel is shown; the writer must be thread-safe. */
void log_set_writer(void (*writer)(void *ctx, const char *line, size_t len), void *ctx);
/* At the start of a program whose stderr a supervisor has redirected into the file that
 * ONIC_STDERR names: when that file is rotated away, stderr (and stdout, if it is the same) goes
 * on in a new one. Looked at once a second by lines that are written. Does nothing when stderr is
 * another file. */
void log_follow_file(void);
/* Looks now: for what is written to stderr past the logger, and before an exec, which must find the
 * file as named. */
void log_reopen(void);
/* The file that is written now is the last one: the folder is somebody else's by now. */
void log_unfollow(void);
void log_write(enum log_level level, const char *msg, const struct log_kv *kvs /* key NULL ends */);

/* A whole line with its newline: the time, `word`, the role, msg, the values escaped; always as
 * text. */
void log_format(struct buf *line, const char *word, const char *msg, const struct log_kv *kvs);
/* A sentence for whoever started the program: "<program>: <sentence>", or a line of the log where
 * that is JSON. LOG_ERROR: the last words of the program. */
void log_say(enum log_level level, const char *program, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_FIRST_(msg, ...) msg
#define LOG_REST_(msg, ...) __VA_ARGS__
#define LOG_AT(level, ...)                                                                         \
    log_write((level), LOG_FIRST_(__VA_ARGS__, 0),                                                 \
              (const struct log_kv[]){LOG_REST_(__VA_ARGS__, {.key = NULL})})
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)

/* True at most once per interval_ms for this *state (start it at 0): rate limit for repeated
 * events. */
int log_every_ms(int64_t *state, int64_t interval_ms);

#endif /* ONIC_COMMON_BASE_LOG_H */
