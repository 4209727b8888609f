/* SPDX-License-Identifier: MIT */
/* http_json.c - see http_json.h. Jansson's reader calls itself for each level, and so does what
 * looks for a reason in what was read. */
#include "reward_server/http/http_json.h"

#include <stdbool.h>
#include <stdio.h>

static bool is_nested_deeper(const char *text, size_t len, int most)
{
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        if (depth > most)
            return true;
    }
    return false;
}

json_t *http_json(const char *text, size_t len, size_t flags, json_error_t *e)
{
    if (!is_nested_deeper(text, len, HTTP_JSON_DEPTH))
        return json_loadb(text, len, flags, e);
    if (e) {
        *e = (json_error_t){.line = 1};
        snprintf(e->text, sizeof e->text, "nested more than %d levels deep", HTTP_JSON_DEPTH);
    }
    return NULL;
}
