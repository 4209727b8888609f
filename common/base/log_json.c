/* SPDX-License-Identifier: MIT */
/* log_json.c - see log_json.h. An object that was cut in the middle would be no object, so pieces
 * are added whole or not at all. */
#include "common/base/log_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log_line.h"
#include "common/base/shown.h"

/* TAIL_BYTES are kept free for what closes an object. */
enum { TAIL_BYTES = 64, KEY_MAX = 64, ESCAPED_MAX = 12 };

/* As much of the text as fits below `most` bytes; false when that is not all. */
static bool log_json_put_text(struct buf *out, const char *text, size_t most)
{
    size_t len = strlen(text), n, at = 0;
    buf_puts(out, "\"");
    for (; at < len && out->len + ESCAPED_MAX + 2 < most; at += n) {
        bool plain = shown_as_is(text + at, len - at, &n);
        if (plain && (text[at] == '"' || text[at] == '\\'))
            buf_printf(out, "\\%c", text[at]);
        else if (plain)
            buf_append(out, text + at, n);
        else
            buf_json_escaped(out, text + at, n);
    }
    buf_puts(out, "\"");
    return at == len;
}

/* The first keys of an object are its own. */
static bool is_taken(const char *key)
{
    static const char *const own[] = {"time", "level", "role", "msg", "event", "cut"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(key, own[i]) == 0)
            return true;
    return false;
}

static bool log_json_put_pair(struct buf *out, const struct log_kv *v, size_t most)
{
    size_t before = out->len;
    bool whole = true;
    buf_printf(out, ",\"%s%.*s\":", is_taken(v->key) ? "kv_" : "", KEY_MAX, v->key);
    if (v->type == 0)
        buf_printf(out, "%" PRId64, v->i);
    else if (v->type == 1)
        buf_json_number(out, v->d, 9);
    else
        whole = log_json_put_text(out, v->s ? v->s : "", most);
    if (out->len <= most)
        return whole;
    out->len = before;
    out->data[before] = '\0';
    return false;
}

void log_json_object(struct buf *out, const char *stamp, const char *level, const char *role,
                     const char *msg, const struct log_kv *kvs, bool last)
{
    const size_t most = LOG_LINE_MAX - TAIL_BYTES;
    buf_reset(out);
    buf_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"role\":", stamp, level);
    bool whole = log_json_put_text(out, role, most);
    buf_puts(out, ",\"msg\":");
    whole &= log_json_put_text(out, msg, most);
    for (; kvs && kvs->key && whole; kvs++)
        whole = log_json_put_pair(out, kvs, most);
    buf_printf(out, "%s%s}", last ? ",\"event\":\"end\"" : "", whole ? "" : ",\"cut\":true");
}

static void log_json_put_utf8(char out[4], uint32_t code)
{
    memset(out, 0, 4);
    if (code < 0x80) {
        out[0] = (char)code;
    } else if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
    } else {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
    }
}

/* One character of a JSON string of ours; returns the bytes that it took. */
static size_t log_json_take(const char *p, char out[4])
{
    memset(out, 0, 4);
    if (p[0] != '\\' || !p[1]) {
        out[0] = p[0];
        return 1;
    }
    if (p[1] == 'u' && strlen(p) >= 6) {
        char digits[5] = {p[2], p[3], p[4], p[5], 0};
        log_json_put_utf8(out, (uint32_t)strtoul(digits, NULL, 16));
        return 6;
    }
    out[0] = p[1];
    return 2;
}

bool log_json_message(const char *line, char *out, size_t size)
{
    static const char key[] = ",\"msg\":\"";
    const char *p = line[0] == '{' ? strstr(line, key) : NULL;
    size_t n = 0;
    out[0] = '\0';
    if (!p)
        return false;
    for (p += strlen(key); *p && *p != '"';) {
        char one[4];
        p += log_json_take(p, one);
        size_t len = strlen(one);
        if (n + len >= size)
            break;
        memcpy(out + n, one, len);
        n += len;
        out[n] = '\0';
    }
    return true;
}
