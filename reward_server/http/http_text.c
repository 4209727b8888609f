/* SPDX-License-Identifier: MIT */
/* http_text.c - see http_text.h. */
#define _GNU_SOURCE
#include "reward_server/http/http_text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/shown.h"
#include "common/base/utf8.h"
#include "reward_server/http/http_json.h"

enum { DEPTH_MAX = 6, LIST_MAX = 3, TITLE_MAX = 60 };

struct line {
    char *out;
    size_t size, len;
};

bool http_answered(const struct http_reply *r)
{
    return r->failure == HTTP_FINE && r->status >= 200 && r->status < 300;
}

/* --- text ------------------------------------------------------------------------------------ */

/* Control characters and runs of blanks become one blank; no half character at the end. */
static void line_put(struct line *l, const char *text, size_t len)
{
    for (size_t i = 0; i < len && l->len + 1 < l->size; i++) {
        bool blank = (unsigned char)text[i] <= 32 || text[i] == 127;
        if (!blank)
            l->out[l->len++] = text[i];
        else if (l->len > 0 && l->out[l->len - 1] != ' ')
            l->out[l->len++] = ' ';
    }
    if (l->len + 1 >= l->size)
        l->len = utf8_whole(l->out, l->len);
    l->out[l->len] = '\0';
}

static void line_end(struct line *l)
{
    shown_clean_line(l->out, l->len); /* C1 and what turns the direction of writing, too */
    while (l->len > 0 && l->out[l->len - 1] == ' ')
        l->len--;
    l->out[l->len] = '\0';
}

static void line_puts(struct line *l, const char *text)
{
    line_put(l, text, strlen(text));
}

static bool http_text_put_reason(struct line *l, json_t *v, int depth);

/* A provider's own words inside a router's. */
static bool put_quoted_json(struct line *l, const char *text, int depth)
{
    json_t *inner = *text == '{' ? http_json(text, strlen(text), 0, NULL) : NULL;
    bool any = inner && http_text_put_reason(l, inner, depth + 1);
    json_decref(inner);
    return any;
}

static const char *last_name(const json_t *loc)
{
    const char *name = NULL;
    for (size_t i = 0; i < json_array_size(loc); i++)
        if (json_is_string(json_array_get(loc, i)))
            name = json_string_value(json_array_get(loc, i));
    return name;
}

/* {"seed": ["is not permitted"]} */
static bool put_members(struct line *l, json_t *v, int depth)
{
    size_t begin = l->len;
    for (void *it = json_object_iter(v); it; it = json_object_iter_next(v, it)) {
        json_t *one = json_object_iter_value(it);
        if (!json_is_string(one) && !json_is_array(one))
            continue;
        line_puts(l, l->len > begin ? "; " : "");
        line_puts(l, json_object_iter_key(it));
        line_puts(l, ": ");
        http_text_put_reason(l, one, depth + 1);
    }
    return l->len > begin;
}

static bool put_object(struct line *l, json_t *v, int depth)
{
    static const char *const key[] = {"message", "msg",    "detail", "error", "error_description",
                                      "errors",  "reason", "title",  "code",  "type"};
    const char *where = last_name(json_object_get(v, "loc"));
    const char *raw = json_string_value(json_object_get(json_object_get(v, "metadata"), "raw"));
    bool any = false;
    if (where) {
        char name[64];
        snprintf(name, sizeof name, "%.60s: ", where);
        line_puts(l, name);
    }
    for (size_t i = 0; !any && i < sizeof key / sizeof *key; i++)
        any = http_text_put_reason(l, json_object_get(v, key[i]), depth + 1);
    if (!any && depth > 0)
        any = put_members(l, v, depth);
    if (raw && *raw) {
        line_puts(l, any ? ": " : "");
        if (!put_quoted_json(l, raw, depth))
            line_puts(l, raw);
        any = true;
    }
    return any;
}

static bool http_text_put_reason(struct line *l, json_t *v, int depth)
{
    bool any = false;
    if (!v || depth > DEPTH_MAX)
        return false;
    if (json_is_string(v)) {
        const char *text = json_string_value(v);
        if (!put_quoted_json(l, text, depth))
            line_puts(l, text);
        return *text;
    }
    if (json_is_object(v))
        return put_object(l, v, depth);
    for (size_t i = 0; i < json_array_size(v) && i < LIST_MAX; i++) {
        line_puts(l, any ? "; " : "");
        any |= http_text_put_reason(l, json_array_get(v, i), depth + 1);
    }
    return any;
}

/* --- bodies that are not JSON ---------------------------------------------------------------- */

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

static bool http_text_is_page(const char *text)
{
    return starts_with(text, "<!doctype") || starts_with(text, "<html") ||
           starts_with(text, "<head") || starts_with(text, "<body") || starts_with(text, "<?xml") ||
           starts_with(text, "<!--");
}

static bool is_events(const char *text)
{
    return starts_with(text, "data:") || starts_with(text, "event:") || starts_with(text, ": ") ||
           starts_with(text, "id:") || starts_with(text, "retry:");
}

static void put_page(struct line *l, int status, const char *text, const char *url_option)
{
    char tail[TITLE_MAX + 80];
    const char *title = strcasestr(text, "<title"), *end;
    line_puts(l, "the server answered a web page, not JSON");
    if (status < 500) { /* else a proxy says so of a server that is not well */
        snprintf(tail, sizeof tail, ": is %.40s right?", url_option);
        line_puts(l, tail);
    }
    title = title ? strchr(title, '>') : NULL;
    end = title ? strcasestr(title, "</title") : NULL;
    if (!end || end - title < 2)
        return;
    int n = (int)(end - title - 1);
    snprintf(tail, sizeof tail, " (\"%.*s\")", n < TITLE_MAX ? n : TITLE_MAX, title + 1);
    line_puts(l, tail);
}

/* The reason of the first event that holds one. */
static bool put_event(struct line *l, const char *text)
{
    const char *data = strstr(text, "data:");
    data = data ? data + strlen("data:") : NULL;
    size_t n = data ? strcspn(data, "\r\n") : 0;
    json_t *one = data ? http_json(data, n, 0, NULL) : NULL;
    json_t *error = json_object_get(one, "error");
    bool any = http_text_put_reason(l, error ? error : json_object_get(one, "detail"), 0);
    json_decref(one);
    return any;
}

void http_error_text(int status, const char *body, size_t len, const char *url_option, char *out,
                     size_t size)
{
    struct line l = {.out = out, .size = size};
    const char *text = body + strspn(body, " \t\r\n");
    out[0] = '\0';
    json_t *root = http_json(body, len, JSON_DECODE_ANY, NULL);
    if (root)
        http_text_put_reason(&l, root, 0);
    else if (http_text_is_page(text))
        put_page(&l, status, text, url_option);
    else if (is_events(text) && !put_event(&l, text))
        line_puts(&l, "the server answered a stream of events, not JSON: it ignores "
                      "\"stream\": false");
    else if (!is_events(text) && *text != '{' && *text != '[')
        line_puts(&l, text);
    line_end(&l);
    json_decref(root);
}

bool http_reason_is_bare(const char *reason)
{
    enum { SHORT = 32 };
    return strlen(reason) < SHORT &&
           (!*reason || strcasestr(reason, "not found") || strcasestr(reason, "not allowed") ||
            strcasestr(reason, "bad request") || strcasestr(reason, "forbidden"));
}

/* --- keys ------------------------------------------------------------------------------------ */

static const char mask[] = "***";
enum { SHORTEST = sizeof mask }; /* a shorter one would be found in words */

/* Bytes at the start of text that are the key, as it is or as JSON may write it ("\\/" for "/"). */
static size_t http_text_key_at(const char *text, size_t len, const char *key)
{
    size_t i = 0;
    for (const char *k = key; *k; k++, i++) {
        if (i + 1 < len && text[i] == '\\' && text[i + 1] == *k && strchr("/\"\\", *k))
            i++;
        else if (i >= len || text[i] != *k)
            return 0;
    }
    return i;
}

static size_t http_text_hide(char *text, size_t len, const char *key)
{
    size_t to = 0;
    for (size_t i = 0, n; i < len;) {
        if ((n = http_text_key_at(text + i, len - i, key)) == 0) {
            text[to++] = text[i++];
            continue;
        }
        memcpy(text + to, mask, sizeof mask - 1);
        to += sizeof mask - 1;
        i += n;
    }
    return to;
}

void http_hide_key(char *text, const char *key)
{
    if (strlen(key) >= SHORTEST)
        text[http_text_hide(text, strlen(text), key)] = '\0';
}

/* What is written where a server wants no key, "EMPTY", "not-needed" or "12345". */
static bool http_text_is_word(const char *key)
{
    enum { WORD_MAX = 15 };
    size_t n = strlen(key), letters = 0, digits = 0;
    for (size_t i = 0; i < n; i++) {
        letters += isalpha((unsigned char)key[i]) || key[i] == '_' || key[i] == '-';
        digits += (size_t)(isdigit((unsigned char)key[i]) != 0);
    }
    return n <= WORD_MAX && (letters == n || digits == n);
}

size_t http_hide_key_in_body(char *body, size_t len, const char *key)
{
    if (len == 0 || strlen(key) < SHORTEST || http_text_is_word(key))
        return len;
    len = http_text_hide(body, len, key);
    body[len] = '\0';
    return len;
}
