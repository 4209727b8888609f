/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_HTTP_HTTP_CLIENT_H
#define ONIC_REWARD_SERVER_HTTP_HTTP_CLIENT_H

/* http_client.h - HTTP requests on a libuv loop, many at once, none of which can harm the caller.
 *
 * libcurl does the protocol: connections are kept and reused, TLS is verified. What is fixed here
 * is what an answer may cost: a deadline for the whole request, a bound on the body, no redirects
 * (they would carry a key to another host), no compression, no proxy and no .netrc unless asked.
 * Everything runs on the loop's thread; `done` is never called from http_start. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/base/err.h"

struct http_client;
struct http_call;

struct http_options {
    const char *ca_file; /* PEM file of trusted authorities; "" = the system's */
    const char *proxy;   /* "" = none */
    /* "user:password" for it; "" or NULL = none */
    const char *proxy_auth;
    int connect_ms;    /* deadline of name look-up, connection and TLS */
    int first_byte_ms; /* from the start to the first byte of an answer; 0 = as the whole */
    size_t max_body;   /* bytes of an answer */
};

enum http_failure {
    HTTP_FINE,          /* a whole answer; look at status */
    HTTP_NO_CONNECTION, /* nothing was sent */
    HTTP_TIMEOUT,
    HTTP_BROKEN,    /* the connection ended in the middle, or what came is not HTTP */
    HTTP_TOO_LARGE, /* more than max_body */
    HTTP_REDIRECTED /* 3xx, not followed */
};

struct http_reply {
    enum http_failure failure;
    int status;               /* HTTP status, 0 when none came */
    const char *body;         /* NUL-terminated; borrowed for the call of done */
    size_t len;               /* bytes of body, which may hold NULs */
    const char *content_type; /* "" when none was given */
    double retry_after_s;     /* of the header, as seconds or as a date; -1 = none */
    double seconds;           /* from start to end */
    const char *why;          /* one sentence for HTTP_FINE's opposite, else "" */
};
typedef void (*http_done)(void *ctx, const struct http_reply *reply);

struct http_request {
    const char *url;
    const char *body; /* JSON, sent as POST; NULL = GET */
    size_t body_len;
    const char *key; /* Authorization: Bearer; "" = none */
    int total_ms;    /* deadline of the whole request */
    http_done done;
    void *ctx;
};

/* Strings of options are copied. *out is owned by the caller, NULL on failure. The process ignores
 * SIGPIPE from then on. */
int http_client_create(struct http_client **out, uv_loop_t *loop,
                       const struct http_options *options, struct onic_err *err);
/* Ends what is under way without calling done. The loop must run once more, for its handles. */
void http_client_free(struct http_client *c); /* NULL is allowed */

/* Everything in request is copied. done is called once unless the call is cancelled or the client
 * freed; the call is gone then. */
struct http_call *http_start(struct http_client *c, const struct http_request *request);
void http_cancel(struct http_call *call);

/* ONIC_OK for http://host[:port][/path] and https://...; otherwise a sentence that names `option`.
 * User names and passwords in a URL are refused: they would be logged. */
int http_check_url(const char *url, const char *option, struct onic_err *err);
/* 127.0.0.0/8, ::1 or localhost; also of a proxy, which may have no scheme or another one. */
bool http_is_loopback(const char *url);

#endif /* ONIC_REWARD_SERVER_HTTP_HTTP_CLIENT_H */
