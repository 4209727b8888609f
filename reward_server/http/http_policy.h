/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_HTTP_HTTP_POLICY_H
#define ONIC_REWARD_SERVER_HTTP_HTTP_POLICY_H

/* http_policy.h - what all that ask a model over HTTP have in common: keys, pauses, and what a
 * failed request means. No I/O but the reading of a key. */

#include "common/base/err.h"
#include "common/base/rng.h"
#include "reward_server/http/http_client.h"

enum { HTTP_KEY_MAX = 1024 }; /* a key has fewer bytes */

/* The key of `path` ("" = the variable OPENAI_API_KEY, or none). A file that every user can read,
 * an empty one, a key that is too long and one with blanks are refused in a sentence that names
 * `option`. */
int http_key_read(char key[HTTP_KEY_MAX], const char *path, const char *option,
                  struct onic_err *err);
/* "user:password" for a proxy, of the file `path`; "" = none. The same rules. */
int http_proxy_auth_read(char auth[HTTP_KEY_MAX], const char *path, const char *option,
                         struct onic_err *err);
/* What one annotator asks through. `section` is that of its options (SECTION.url, SECTION.proxy,
 * SECTION.api_key_file, SECTION.allow_plain_key). */
struct http_way {
    const char *section, *url;
    const char *proxy; /* "" = none */
    bool allow_plain;
};
/* A key travels over TLS, to this machine, or where allow_plain says so. What is not TLS is read by
 * the proxy that it goes through, so that one must be this machine's, too. */
int http_key_may_travel(const char *key, const struct http_way *way, struct onic_err *err);

/* Base * 2^n up to 60 s, times a random number in [0.5, 1), but never less than what the server
 * asked for (up to 120 s). */
int64_t http_backoff_ms(double base_s, int n, double retry_after_s, struct rng *jitter);

enum http_fault {
    HTTP_FAULT_PASSING,
    HTTP_FAULT_OVERLOAD, /* it says that it has too much to do */
    HTTP_FAULT_LATE,     /* it did not answer in time */
    HTTP_FAULT_PERSON,   /* only a person can mend it */
    HTTP_FAULT_REQUEST   /* this request, not the server */
};
enum http_fault http_fault_of(const struct http_reply *reply);

#endif /* ONIC_REWARD_SERVER_HTTP_HTTP_POLICY_H */
