/* SPDX-License-Identifier: MIT */
/* http_body.c - what is sent; see http_plane.h. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/http/http_impl.h"

static const char NOTHING[] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

enum { SMALL_MAX = 1 << 16 }; /* of each connection at most one is under way */

struct counted {
    struct http_plane *plane;
    char *data;
    size_t len;
};

void http_body_headers(struct MHD_Response *r, const char *type, const char *csp)
{
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, "Content-Security-Policy", csp ? csp : NOTHING);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "X-Frame-Options", "DENY");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    MHD_add_response_header(r, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static void body_sent(void *cls)
{
    struct counted *c = cls;
    atomic_fetch_sub(&c->plane->unread, c->len);
    free(c->data);
    free(c);
}

struct MHD_Response *http_body_response(struct http_plane *h, struct buf *b, const char *type)
{
    /* what is small is always sent: whoever leaves large ones unread would keep those from getting
     * an answer who ask whether the program is well */
    if (b->len > SMALL_MAX && atomic_load(&h->unread) + b->len > HTTP_UNREAD_MAX)
        return NULL;
    struct counted *c = xmalloc(sizeof *c);
    *c = (struct counted){.plane = h, .data = xmalloc(b->len + 1), .len = b->len};
    memcpy(c->data, b->data, b->len);
    atomic_fetch_add(&h->unread, c->len);
    struct MHD_Response *r =
        MHD_create_response_from_buffer_with_free_callback_cls(c->len, c->data, body_sent, c);
    if (!r) {
        body_sent(c);
        return NULL;
    }
    http_body_headers(r, type, NULL);
    buf_release(b);
    return r;
}

struct http_body *http_body_create(struct http_plane *h, const char *type, struct buf *b)
{
    struct MHD_Response *r = http_body_response(h, b, type);
    if (!r)
        return NULL;
    struct http_body *body = xmalloc(sizeof *body);
    body->response = r;
    return body;
}

/* libmicrohttpd takes memory that it only reads as void *. */
static void *readable(const void *p)
{
    union {
        const void *from;
        void *to;
    } u = {.from = p};
    return u.to;
}

struct http_body *http_body_static(const void *data, size_t len, const char *type, const char *csp)
{
    struct http_body *body = xmalloc(sizeof *body);
    body->response = MHD_create_response_from_buffer(len, readable(data), MHD_RESPMEM_PERSISTENT);
    ONIC_ASSERT(body->response);
    http_body_headers(body->response, type, csp);
    return body;
}

void http_body_free(struct http_body *b)
{
    if (!b)
        return;
    MHD_destroy_response(b->response);
    free(b);
}
