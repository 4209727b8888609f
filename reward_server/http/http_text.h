/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_HTTP_HTTP_TEXT_H
#define ONIC_REWARD_SERVER_HTTP_HTTP_TEXT_H

/* http_text.h - what a server says, for people: the reason of a refusal in whatever shape it comes,
 * and what a body is that should have been JSON. No I/O. */

#include <stdbool.h>
#include <stddef.h>

#include "reward_server/http/http_client.h"

/* A whole answer with a status from 200 to 299; whether it is one is for its body to show. */
bool http_answered(const struct http_reply *reply);

/* The reason that a body gives, as one printable line; "" when it gives none. Read are "message",
 * "detail" and "error", as text, objects or lists (also a validator's {"loc", "msg"}), events and
 * plain text. A web page is named as one; where the status says that nothing else is there, the
 * sentence asks for the option that holds the address. */
void http_error_text(int status, const char *body, size_t len, const char *url_option, char *out,
                     size_t size);
/* True for a reason that says no more than the status does: "Not Found". */
bool http_reason_is_bare(const char *reason);
/* Which of n fields of a request a refusal names: bit set of 1 << index. sure: only where it is
 * meant without doubt ("param", the place of a validator's complaint, a name in quotes), not where
 * the name is a word of a sentence. */
unsigned http_refused_fields(const char *body, size_t len, const char *const *field, int n,
                             bool sure);
/* A server may quote the key it got: text with it replaced by "***". */
void http_hide_key(char *text, const char *key);
/* The same of an answer's len bytes, before anybody reads them: its new length, a NUL after it. A
 * key that is a word or a number ("EMPTY" and the like, for servers that want none) stays: it may
 * be one of the answer, or a part of one. */
size_t http_hide_key_in_body(char *body, size_t len, const char *key);

/* True when `served`, as an answer names it, is the model `wanted`: the same name but for case, a
 * folder or organisation that only one of them gives, the ending of a file, or a date or version
 * that only one of them gives ("gpt-4o-mini-2024-07-18" for "gpt-4o-mini"). "" is any model. Names
 * of more than 512 bytes are the same only when each byte is. */
bool http_same_model(const char *wanted, const char *served);

#endif /* ONIC_REWARD_SERVER_HTTP_HTTP_TEXT_H */
