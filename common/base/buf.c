/* SPDX-License-Identifier: MIT */
/* buf.c - see buf.h. */
#include "common/base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/shown.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"

static char empty[1] = "";

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.data = empty, .max = max_bytes};
}

void buf_release(struct buf *b)
{
    if (b->cap)
        free(b->data);
    *b = (struct buf){.data = empty, .max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->cap)
        b->data[0] = '\0';
}

static int buf_reserve(struct buf *b, size_t extra)
{
    if (extra > b->max || b->len > b->max - extra) {
        b->overflow = true;
        return ONIC_ELIMIT;
    }
    size_t need = b->len + extra + 1;
    if (need > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        if (cap < need)
            cap = need;
        b->data = b->cap ? xrealloc(b->data, cap) : xmalloc(cap);
        b->cap = cap;
    }
    return ONIC_OK;
}

int buf_append(struct buf *b, const void *data, size_t bytes)
{
    int rc = buf_reserve(b, bytes);
    if (rc)
        return rc;
    if (bytes)
        memcpy(b->data + b->len, data, bytes);
    b->len += bytes;
    b->data[b->len] = '\0';
    return ONIC_OK;
}

int buf_puts(struct buf *b, const char *s)
{
    return buf_append(b, s, strlen(s));
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ONIC_ASSERT(n >= 0);
    int rc = buf_reserve(b, (size_t)n);
    if (rc)
        return rc;
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
    return ONIC_OK;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = buf_vprintf(b, fmt, ap);
    va_end(ap);
    return rc;
}

int buf_json_escaped(struct buf *b, const char *text, size_t n)
{
    uint32_t c = n > 1 ? utf8_code(text, n) : (unsigned char)text[0];
    if (c < 0x10000)
        return buf_printf(b, "\\u%04x", (unsigned)c);
    return buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                      (unsigned)(0xdc00 + (c & 0x3ff)));
}

static void put_json_latin_1(struct buf *b, unsigned char c)
{
    if (c == '"' || c == '\\')
        buf_printf(b, "\\%c", c);
    else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad) /* C1: a terminal may read it */
        buf_printf(b, "\\u%04x", c);
    else if (c < 0x80)
        buf_append(b, &c, 1);
    else {
        char utf8[2] = {(char)(0xc0 | (c >> 6)), (char)(0x80 | (c & 0x3f))};
        buf_append(b, utf8, 2);
    }
}

int buf_json_string(struct buf *b, const char *bytes, size_t len)
{
    buf_append(b, "\"", 1);
    for (size_t i = 0; i < len; i++)
        put_json_latin_1(b, (unsigned char)bytes[i]);
    buf_append(b, "\"", 1);
    return b->overflow ? ONIC_ELIMIT : ONIC_OK;
}

int buf_json_utf8(struct buf *b, const char *text)
{
    size_t len = strlen(text), n;
    buf_append(b, "\"", 1);
    for (size_t i = 0; i < len; i += n) {
        bool plain = shown_as_is(text + i, len - i, &n);
        if (n == 1)
            put_json_latin_1(b, (unsigned char)text[i]);
        else if (plain)
            buf_append(b, text + i, n);
        else
            buf_json_escaped(b, text + i, n);
    }
    buf_append(b, "\"", 1);
    return b->overflow ? ONIC_ELIMIT : ONIC_OK;
}

int buf_json_number(struct buf *b, double value, int digits)
{
    if (!isfinite(value))
        return buf_puts(b, "null");
    return buf_printf(b, "%.*g", digits, value);
}

void buf_json_key_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    buf_json_string(b, text, strlen(text));
}

void buf_json_key_utf8(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, ",\"%s\":", key);
    buf_json_utf8(b, text);
}

void buf_json_key_number(struct buf *b, const char *key, double value)
{
    buf_printf(b, ",\"%s\":", key);
    buf_json_number(b, value, 9);
}

void buf_put_thousands(struct buf *b, double v)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", v < 0 ? 0 : v);
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0)
            buf_append(b, ",", 1);
        buf_append(b, &digits[i], 1);
    }
}

void buf_put_duration(struct buf *b, double s)
{
    long t = s > 0 && s < 1e9 ? (long)s : 0;
    if (t >= 3600)
        buf_printf(b, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    else
        buf_printf(b, "%ld:%02ld", t / 60, t % 60);
}
