/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_BUF_H
#define ONIC_COMMON_BASE_BUF_H

/* buf.h - growable bytes with a mandatory maximum.
 *
 * data is always followed by a NUL that len does not count, so text can be used as a C string. An
 * append that would pass max_bytes leaves the contents alone, sets `overflow` and returns
 * ONIC_ELIMIT; callers that build a document may check `overflow` once at the end. Single-threaded.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* owned; "" when empty */
    size_t len, cap, max;
    bool overflow;
};

void buf_init(struct buf *b, size_t max_bytes); /* cannot fail */
void buf_release(struct buf *b); /* frees the contents; the struct may be init-ed again */
void buf_reset(struct buf *b);   /* len = 0, keeps memory */

int buf_append(struct buf *b, const void *data, size_t bytes);
int buf_puts(struct buf *b, const char *s);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* JSON string including quotes; bytes >= 0x80 are read as Latin-1 and written as UTF-8. What would
 * act on a terminal, or is not seen there (shown.h), is escaped. */
int buf_json_string(struct buf *b, const char *bytes, size_t len);
/* The same of what people write, names and paths: UTF-8 stays as it is. A byte that is part of no
 * character of it is read as Latin-1. */
int buf_json_utf8(struct buf *b, const char *text);
/* A character of UTF-8, or a byte that is none, as the escape of a JSON string. */
int buf_json_escaped(struct buf *b, const char *text, size_t n);
/* A JSON number with `digits` significant digits; null when not finite. */
int buf_json_number(struct buf *b, double value, int digits);

/* One more member of a JSON object, with its comma: ,"key":"text" and ,"key":value */
void buf_json_key_text(struct buf *b, const char *key, const char *text);
void buf_json_key_utf8(struct buf *b, const char *key, const char *text);
void buf_json_key_number(struct buf *b, const char *key, double value); /* 9 digits */
/* For people: 1234567 as "1,234,567" (below 0 as 0); seconds as "1:02:03" or "2:03". */
void buf_put_thousands(struct buf *b, double v);
void buf_put_duration(struct buf *b, double s);

#endif /* ONIC_COMMON_BASE_BUF_H */
