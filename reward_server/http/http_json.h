/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_HTTP_HTTP_JSON_H
#define ONIC_REWARD_SERVER_HTTP_HTTP_JSON_H

/* http_json.h - JSON of a server, or of a program: what no answer has is not read. */

#include <jansson.h>
#include <stddef.h>

enum { HTTP_JSON_DEPTH = 32 };

/* json_loadb for text that others wrote: NULL also where objects and lists are nested deeper than
 * HTTP_JSON_DEPTH, which e (may be NULL) then says. */
json_t *http_json(const char *text, size_t len, size_t flags, json_error_t *e);

#endif /* ONIC_REWARD_SERVER_HTTP_HTTP_JSON_H */
