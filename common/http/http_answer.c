/* SPDX-License-Identifier: MIT */
/* http_answer.c - one request; see http_plane.h. */
#include <stdio.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/http/http_host.h"
#include "common/http/http_impl.h"

static const char PLAIN[] = "text/plain; charset=utf-8";

static char read_before[1]; /* *state of a request whose head was read */

const char *http_query(const struct http_request *q, const char *name)
{
    return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result send_bytes(struct http_plane *h, struct MHD_Connection *c, int status,
                                  struct buf *b, const char *type)
{
    struct MHD_Response *r = http_body_response(h, b, type);
    if (!r)
        return MHD_NO; /* others do not read what they asked for: the connection is cut */
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result send_sentence(struct http_plane *h, struct MHD_Connection *c, int status,
                                     const char *sentence)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_puts(&b, sentence);
    shown_clean_line(b.data, b.len);
    buf_puts(&b, "\n");
    enum MHD_Result sent = send_bytes(h, c, status, &b, PLAIN);
    buf_release(&b);
    return sent;
}

static enum MHD_Result refuse_host(struct http_plane *h, struct MHD_Connection *c, const char *host)
{
    char name[200] = "", text[700];
    if (host)
        http_host_name(host, name, sizeof name);
    snprintf(
        text, sizeof text,
        "This page was asked for under the name '%.150s', which it does not know. Open %.290s, "
        "or start the run with --dashboard.hosts=%s",
        name, h->url, name[0] ? name : "NAME");
    return send_sentence(h, c, MHD_HTTP_MISDIRECTED_REQUEST, text);
}

static enum MHD_Result answer_route(struct http_plane *h, struct MHD_Connection *c,
                                    const struct http_route *r, const char *url)
{
    struct http_request q = {.path = url, .connection = c};
    struct http_reply reply = {.status = MHD_HTTP_OK, .type = PLAIN};
    buf_init(&reply.body, HTTP_BODY_MAX);
    r->answer(r->ctx, &q, &reply);
    enum MHD_Result sent =
        reply.shared ? MHD_queue_response(c, (unsigned)reply.status, reply.shared->response)
                     : send_bytes(h, c, reply.status, &reply.body, reply.type);
    buf_release(&reply.body);
    return sent;
}

static const struct http_route *find_route(const struct http_plane *h, const char *url)
{
    for (int i = 0; i < h->nroutes; i++)
        if (strcmp(h->route[i].path, url) == 0)
            return &h->route[i];
    return NULL;
}

static bool has_body(struct MHD_Connection *c)
{
    const char *len =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (len && strcmp(len, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* A browser says whose page made it ask. One of somebody else, also one at another port of this
 * machine, cannot read what it gets, yet would make work of every request; it may link to the page
 * and to numbers for machines. */
static bool is_of_foreign_page(struct MHD_Connection *c, const struct http_route *r)
{
    const char *site = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Site"),
               *mode = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-Fetch-Mode");
    if (!site || (strcmp(site, "cross-site") != 0 && strcmp(site, "same-site") != 0))
        return false;
    bool linked = mode && strcmp(mode, "navigate") == 0;
    return !linked || !(strcmp(r->path, "/") == 0 || r->any_host);
}

static enum MHD_Result answer_whole(struct http_plane *h, struct MHD_Connection *c, const char *url,
                                    bool head)
{
    const struct http_route *r = find_route(h, url);
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    bool known = http_host_known(host, h->hosts);
    if (!known && !(r && r->any_host && h->listen.exposed))
        return refuse_host(h, c, host);
    if (!r)
        return send_sentence(h, c, MHD_HTTP_NOT_FOUND, "There is nothing here; the page is at /");
    if (is_of_foreign_page(c, r))
        return send_sentence(h, c, MHD_HTTP_FORBIDDEN,
                             "A page of another site asked for this; open it in a tab of its own");
    if (!r->stream)
        return answer_route(h, c, r, url);
    if (head)
        return send_sentence(h, c, MHD_HTTP_OK, "");
    if (h->nstreams >= h->streams_max)
        return send_sentence(h, c, MHD_HTTP_SERVICE_UNAVAILABLE,
                             "Too many pages are open; close one");
    return http_stream_open(h, c);
}

enum MHD_Result http_answer_request(void *cls, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **state)
{
    struct http_plane *h = cls;
    (void)version;
    (void)upload;
    (void)upload_len;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return send_sentence(h, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                             "Nothing can be changed here: only GET and HEAD are answered");
    if (has_body(connection))
        return send_sentence(h, connection, MHD_HTTP_CONTENT_TOO_LARGE,
                             "A request has no body here");
    if (!*state) { /* the head; the answer is due when all is read */
        *state = read_before;
        return MHD_YES;
    }
    return answer_whole(h, connection, url, head);
}
