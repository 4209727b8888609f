/* SPDX-License-Identifier: MIT */
/* http_fields.c - which field of a request a refusal speaks of; see http_text.h.
 *
 * Servers say it in many ways: {"error": {"param": "seed"}}, a validator's list of {"loc": ["body",
 * "seed"]}, {"errors": {"$.seed": [...]}}, "Unknown name \"seed\"", "`temperature` and `top_p`
 * cannot both be specified", "unknown field: seed", "Temperature must be 1", "topP is not
 * supported". All texts of the answer are looked through, except what only repeats the request. */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "reward_server/http/http_json.h"
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

/* Bytes of text that are the field, 0 when it does not begin with it: in whatever case, and with
 * "-", a blank or nothing in the place of "_". */
static size_t spelt(const char *text, const char *field)
{
    const char *at = text;
    for (; *field; field++) {
        if (tolower((unsigned char)*at) == tolower((unsigned char)*field))
            at++;
        else if (*field == '_')
            at += *at == '-' || *at == ' ';
        else
            return 0;
    }
    return (size_t)(at - text);
}

static bool names(const char *text, const char *field, bool sure)
{
    for (const char *at = text; *at; at++) {
        size_t n = spelt(at, field);
        char before = at > text ? at[-1] : ' ';
        if (n && (sure ? quotes(before) && quotes(at[n]) : !in_word(before) && !in_word(at[n])))
            return true;
    }
    return false;
}

/* place: the text is where a field stands, and no sentence. */
static void search_text(struct search *s, const char *text, bool place)
{
    for (int i = 0; i < s->n; i++)
        if (names(text, s->field[i], s->sure && !place))
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

/* place: every text below is the place of a field. */
static void search_value(struct search *s, json_t *v, bool place, int depth)
{
    static const char *const repeated[] = {"input", "body", "request", "url", "ctx"};
    const char *key;
    json_t *one;
    size_t i;
    if (!v || depth > DEPTH_MAX)
        return;
    if (json_is_string(v))
        search_text(s, json_string_value(v), place);
    json_array_foreach(v, i, one)
    {
        search_value(s, one, place, depth + 1);
    }
    json_object_foreach(v, key, one)
    {
        bool skip = false, member = strncmp(key, "error", 5) == 0 || strncmp(key, "detail", 6) == 0;
        bool name =
            strcmp(key, "param") == 0 || strcmp(key, "loc") == 0 || strcmp(key, "pointer") == 0;
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
    json_t *root = http_json(body, len, 0, NULL);
    if (root)
        search_value(&s, root, false, 0);
    else
        search_text(&s, body, false);
    json_decref(root);
    return s.found;
}
