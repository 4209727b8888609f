/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_HTTP_HTTP_IMPL_H
#define ONIC_COMMON_HTTP_HTTP_IMPL_H

/* http_impl.h - what the files of a plane share; private to common/http.
 *
 * http_plane.c    life, thread, loop        (thread of the owner, then the plane's)
 * http_answer.c   one request               (plane's thread)
 * http_stream.c   server-sent events        (plane's thread)
 * http_body.c     what is sent, and how much of it is unread
 * http_guest.c    who is connected, and who goes for others   (plane's thread) */

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <uv.h>

#include "common/http/http_listen.h"
#include "common/http/http_plane.h"

struct http_body {
    struct MHD_Response *response; /* counts who is being sent it */
};

/* What the last publish was given; shared by the streams that send it. */
struct http_event {
    int users;
    size_t len;
    char text[];
};

struct http_stream {
    struct http_plane *plane;
    struct MHD_Connection *connection;
    struct http_event *event; /* being sent; NULL = none */
    size_t sent;              /* bytes of it */
    uint64_t seen;            /* number of the newest event that was begun */
    bool waits;               /* the connection is suspended until there is another */
    struct http_stream *next, **at;
};

struct http_guest;

struct http_plane {
    struct http_plane_params p; /* texts: those below */
    char option[64];
    char *hosts;
    struct http_route route[HTTP_ROUTES_MAX];
    int nroutes;
    struct http_listen listen;
    char url[HTTP_URL_MAX];
    atomic_size_t unread; /* bytes that are being sent, or kept to be */

    struct MHD_Daemon *daemon;
    uv_loop_t loop;
    uv_poll_t ready, accept[SOCK_ENDPOINTS_MAX];
    uv_timer_t tick, wait;
    uv_async_t stop;
    pthread_t thread;
    bool running, loop_open;

    struct http_guest *guests;
    int nguests, guests_max; /* without those that were cut */
    uint64_t turn;

    struct http_stream *streams;
    int nstreams, streams_max;
    bool ending;
    struct http_event *event; /* the newest; NULL = none yet */
    uint64_t event_number;
};

/* http_answer.c: of libmicrohttpd, cls is the plane. */
enum MHD_Result http_answer_request(void *cls, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **state);
/* http_stream.c */
enum MHD_Result http_stream_open(struct http_plane *h, struct MHD_Connection *connection);
void http_stream_end_all(struct http_plane *h); /* streams end with what they are sending */
void http_event_release(struct http_event *e);  /* NULL is allowed */

/* http_guest.c. Of libmicrohttpd, cls is the plane: a connection begins or ends, a request ends. */
void http_guest_notify(void *cls, struct MHD_Connection *c, void **context,
                       enum MHD_ConnectionNotificationCode code);
void http_guest_answered(void *cls, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode how);
void http_guest_streams(struct MHD_Connection *c);
void http_guest_make_room(struct http_plane *h); /* before one more is taken */

/* http_body.c. What every answer says of itself; csp NULL: nothing may be loaded. */
void http_body_headers(struct MHD_Response *r, const char *type, const char *csp);
/* Takes the bytes; NULL, and they are left, where too much is unread. */
struct MHD_Response *http_body_response(struct http_plane *h, struct buf *b, const char *type);

#endif /* ONIC_COMMON_HTTP_HTTP_IMPL_H */
