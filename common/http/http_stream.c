/* SPDX-License-Identifier: MIT */
/* http_stream.c - server-sent events; see http_plane.h.
 *
 * A stream has one event under way. When that is sent, it goes on with the newest there is, so that
 * one that is read slowly loses events in between and keeps nothing. Without a newer one its
 * connection is suspended: libmicrohttpd then looks at it no more, and that its reader has gone is
 * seen when the next event is sent. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/http/http_impl.h"

enum { STREAM_BLOCK = 16384 };

void http_event_release(struct http_event *e)
{
    if (e && --e->users == 0)
        free(e);
}

static void take_newest(struct http_stream *s)
{
    struct http_plane *h = s->plane;
    if (!h->event || h->event_number == s->seen)
        return;
    s->event = h->event;
    s->event->users++;
    s->sent = 0;
    s->seen = h->event_number;
}

/* Of libmicrohttpd: the next bytes. 0: none now. */
static ssize_t stream_read(void *cls, uint64_t at, char *out, size_t max)
{
    struct http_stream *s = cls;
    (void)at;
    if (!s->event)
        take_newest(s);
    if (!s->event && s->plane->ending)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!s->event) {
        s->waits = true;
        MHD_suspend_connection(s->connection);
        return 0;
    }
    size_t left = s->event->len - s->sent, n = left < max ? left : max;
    memcpy(out, s->event->text + s->sent, n);
    s->sent += n;
    if (s->sent == s->event->len) {
        http_event_release(s->event);
        s->event = NULL;
    }
    return (ssize_t)n;
}

static void stream_close(void *cls)
{
    struct http_stream *s = cls;
    s->plane->nstreams--;
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    http_event_release(s->event);
    free(s);
}

enum MHD_Result http_stream_open(struct http_plane *h, struct MHD_Connection *connection)
{
    struct http_stream *s = xcalloc(1, sizeof *s);
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
                                                               stream_read, s, stream_close);
    if (!r) {
        free(s);
        return MHD_NO;
    }
    *s = (struct http_stream){.plane = h, .connection = connection, .next = h->streams};
    s->at = &h->streams;
    if (h->streams)
        h->streams->at = &s->next;
    h->streams = s;
    h->nstreams++;
    http_guest_streams(connection);
    http_body_headers(r, "text/event-stream", NULL);
    enum MHD_Result queued = MHD_queue_response(connection, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return queued;
}

static void stream_wake_all(struct http_plane *h)
{
    for (struct http_stream *s = h->streams; s; s = s->next)
        if (s->waits) {
            s->waits = false;
            MHD_resume_connection(s->connection);
        }
}

void http_stream_end_all(struct http_plane *h)
{
    h->ending = true;
    stream_wake_all(h);
}

void http_plane_publish(struct http_plane *h, const char *text, size_t len)
{
    static const char head[] = "data: ", tail[] = "\n\n";
    struct http_event *e = xmalloc(sizeof *e + sizeof head + len + sizeof tail);
    e->users = 1;
    e->len = strlen(head) + len + strlen(tail);
    memcpy(e->text, head, strlen(head));
    memcpy(e->text + strlen(head), text, len);
    memcpy(e->text + strlen(head) + len, tail, strlen(tail));
    http_event_release(h->event);
    h->event = e;
    h->event_number++;
    stream_wake_all(h);
}

int http_plane_streams(const struct http_plane *h)
{
    return h->nstreams;
}
