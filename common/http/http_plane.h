/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_HTTP_HTTP_PLANE_H
#define ONIC_COMMON_HTTP_HTTP_PLANE_H

/* http_plane.h - pages and numbers of a program over HTTP: read-only, on a thread of its own.
 *
 * A program gives a table of paths and functions that answer them. libmicrohttpd speaks HTTP, a
 * libuv loop drives it. All functions given here are called on the plane's thread, one at a time;
 * they must not wait for anything but short locks.
 *
 * Who asks is never trusted: only GET and HEAD, no bodies, a request of at most 16 KiB, at most
 * HTTP_CONNECTIONS_MAX connections (an eighth of the limit of open files), each cut after
 * HTTP_IDLE_S seconds without progress. With all places taken a newcomer gets the place of whoever
 * has waited longest since it last got an answer; streams, of which there are at most three
 * quarters, stay. What is sent is shared by all that it is sent to, and HTTP_UNREAD_MAX bytes of it
 * may be unread beside small answers; a stream whose reader is slow skips to the newest event, so
 * that somebody who does not read costs at most one. A name in the header Host must be
 * known (http_host.h): a page of somebody else, whose name was made to point at this address, would
 * read everything otherwise. What a page of somebody else asks for (Sec-Fetch-Site) is refused, but
 * for a link to / or to an any_host route. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
    HTTP_CONNECTIONS_MAX = 128,
    HTTP_IDLE_S = 30,
    HTTP_ROUTES_MAX = 32,
    HTTP_BODY_MAX = 16 << 20,
    HTTP_UNREAD_MAX = 64 << 20,
    HTTP_URL_MAX = 300
};

struct http_plane;
struct http_body;

struct http_request {
    const char *path;
    void *connection; /* of libmicrohttpd */
};

/* A parameter of the query (?name=value), decoded; NULL = none. Borrowed. */
const char *http_query(const struct http_request *q, const char *name);

/* Filled in by a route; status 200 and an empty body of at most HTTP_BODY_MAX bytes at first. */
struct http_reply {
    int status;
    const char *type;         /* "text/plain; charset=utf-8" at first; static */
    struct buf body;          /* taken by the plane */
    struct http_body *shared; /* sent instead of body, where not NULL; stays the route's */
};

typedef void http_answer(void *ctx, const struct http_request *q, struct http_reply *out);

struct http_route {
    const char *path; /* "/metrics"; static */
    http_answer *answer;
    void *ctx;
    bool stream;   /* server-sent events instead of an answer: what http_plane_publish is given */
    bool any_host; /* a name in Host need not be known once the plane is bound beyond loopback */
};

struct http_plane_params {
    const char *listen; /* HOST:PORT; the port * is a free one */
    const char *option; /* what to change, in sentences: "--dashboard.listen" */
    const char *hosts;  /* NAME,...: names for Host beside localhost and numbers */
    int port_first;     /* tried before another where the port is free to choose; 0 = none */
    bool allow_exposed; /* may be reached from other machines */
    int tick_ms;        /* tick is called so often; 0 = never */
    void (*tick)(void *ctx);
    void *ctx;
};

/* Binds; nobody is answered before http_plane_start. Texts are copied. ONIC_ECONFIG: no address, or
 * one that others reach and must not. ONIC_ECANTCREATE: the port is taken. */
int http_plane_create(struct http_plane **out, const struct http_plane_params *p,
                      struct onic_err *err);
/* Before the start; a path once. */
void http_plane_route(struct http_plane *h, const struct http_route *route);
int http_plane_start(struct http_plane *h, struct onic_err *err);
/* Ticks once more and sends that, ends the thread: no route is called afterwards. The bodies of
 * routes are released after this and before free. */
void http_plane_stop(struct http_plane *h);
void http_plane_free(struct http_plane *h); /* NULL is allowed */

const char *http_plane_url(const struct http_plane *h); /* "http://127.0.0.1:8080/" */
int http_plane_port(const struct http_plane *h);
bool http_plane_exposed(const struct http_plane *h); /* other machines may reach it */

/* A body that many are sent, also while its owner has another by then. b is taken and emptied, but
 * left as it is where what is kept or unread would be more than HTTP_UNREAD_MAX: NULL.
 * The first form may be called by any thread between create and free; csp as the header has it,
 * NULL: nothing may be loaded. */
struct http_body *http_body_create(struct http_plane *h, const char *type, struct buf *b);
struct http_body *http_body_static(const void *data, size_t len, const char *type, const char *csp);
void http_body_free(struct http_body *b); /* NULL is allowed */

/* Plane's thread. One event to all streams; a stream that opens later starts with the last one.
 * text: one line. */
void http_plane_publish(struct http_plane *h, const char *text, size_t len);
int http_plane_streams(const struct http_plane *h); /* open now */

#endif /* ONIC_COMMON_HTTP_HTTP_PLANE_H */
