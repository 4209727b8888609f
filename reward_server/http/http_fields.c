/* SPDX-License-Identifier: MIT */
/* http_fields.c - which field of a request a refusal speaks of; see http_text.h.
 *
 * Servers say it in many ways: {"error": {"param": "seed"}}, a validator's list of {"loc": ["body",
 * "seed"]}, "Unknown name \"seed\"", "`temperature` and `top_p` cannot both be specified", "unknown
 * field: seed". All texts of the answer are looked through, except what only repeats the request.
 */
#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "reward_server/http/http_text.h"

enum { DEPTH_MAX = 8 };

struct search {
    const char *const *field;
    int n;
    bool sure;
    unsigned found;
};

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool quotes(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

static bool names(const char *text, const char *field, bool sure)
{
    size_t n = strlen(field);
    for (const char *at = text; (at = strstr(at, field)) != NULL; at += n) {
        char before = at > text ? at[-1] : ' ', after = at[n];
        if (sure ? quotes(before) && quotes(after) : !in_word(before) && !in_word(after))
            return true;
    }
    return false;
}

static void search_text(struct search *s, const char *text, bool whole)
{
    for (int i = 0; i < s->n; i++)
        if (whole ? strcmp(text, s->field[i]) == 0 : names(text, s->field[i], s->sure))
            s->found |= 1u << i;
}

static void search_keys(struct search *s, json_t *object)
{
    const char *key;
    json_t *one;
    json_object_foreach(object, key, one)
    {
        if (json_is_string(one) || json_is_array(one))
            search_text(s, key, true);
    }
}

/* whole: every text below is a name by itself. */
static void search_value(struct search *s, json_t *v, bool whole, int depth)
{
    static const char *const repeated[] = {"input", "body", "request", "url", "ctx"};
    const char *key;
    json_t *one;
    size_t i;
    if (!v || depth > DEPTH_MAX)
        return;
    if (json_is_string(v))
        search_text(s, json_string_value(v), whole);
    json_array_foreach(v, i, one)
    {
        search_value(s, one, whole, depth + 1);
    }
    json_object_foreach(v, key, one)
    {
        bool skip = false, member = strncmp(key, "error", 5) == 0 || strncmp(key, "detail", 6) == 0;
        bool name = strcmp(key, "param") == 0 || strcmp(key, "loc") == 0;
        for (size_t k = 0; k < sizeof repeated / sizeof *repeated; k++)
            skip |= strcmp(key, repeated[k]) == 0;
        if (!skip && member && json_is_object(one)) /* {"errors": {"seed": ["is not permitted"]}} */
            search_keys(s, one);
        if (!skip)
            search_value(s, one, name, depth + 1);
    }
}

unsigned http_refused_fields(const char *body, size_t len, const char *const *field, int n,
                             bool sure)
{
    struct search s = {.field = field, .n = n, .sure = sure};
    json_t *root = json_loadb(body, len, 0, NULL);
    if (root)
        search_value(&s, root, false, 0);
    else
        search_text(&s, body, false);
    json_decref(root);
    return s.found;
}
