/* SPDX-License-Identifier: MIT */
/* http_guest.c - who is connected; see http_plane.h.
 *
 * A connection whose request trickles in, or whose answer is read in drips, makes progress for ever
 * and costs nothing but its place. Without a way out, as many of them as there are places keep out
 * whoever asks whether the program is well, and a supervisor would end it. So with all places taken
 * the one goes that has had its place for longest since it last got an answer. */
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/xmalloc.h"
#include "common/http/http_impl.h"

struct http_guest {
    int fd;
    uint64_t turn;        /* when it came or got an answer, in the order of such events */
    bool streams, leaves; /* has a stream; was cut, and is still to be told to us as closed */
    struct http_guest *next, **at;
};

static struct http_guest *guest_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void guest_comes(struct http_plane *h, struct http_guest *g, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    *g = (struct http_guest){
        .fd = info ? info->connect_fd : -1, .turn = h->turn++, .next = h->guests};
    g->at = &h->guests;
    if (h->guests)
        h->guests->at = &g->next;
    h->guests = g;
    h->nguests++;
}

static void guest_goes(struct http_plane *h, struct http_guest *g)
{
    h->nguests -= !g->leaves;
    *g->at = g->next;
    if (g->next)
        g->next->at = g->at;
    free(g);
}

void http_guest_notify(void *cls, struct MHD_Connection *c, void **context,
                       enum MHD_ConnectionNotificationCode code)
{
    struct http_plane *h = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct http_guest *g = xmalloc(sizeof *g);
        guest_comes(h, g, c);
        *context = g;
    } else if (*context) {
        guest_goes(h, *context);
        *context = NULL;
    }
}

void http_guest_answered(void *cls, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct http_plane *h = cls;
    struct http_guest *g = guest_of(c);
    (void)state;
    (void)how;
    if (!g)
        return;
    g->turn = h->turn++;
    g->streams = false;
}

void http_guest_streams(struct MHD_Connection *c)
{
    struct http_guest *g = guest_of(c);
    if (g)
        g->streams = true;
}

void http_guest_make_room(struct http_plane *h)
{
    struct http_guest *oldest = NULL;
    if (h->nguests < h->guests_max)
        return;
    for (struct http_guest *g = h->guests; g; g = g->next)
        if (!g->leaves && !g->streams && (!oldest || g->turn < oldest->turn))
            oldest = g;
    if (!oldest)
        return;
    oldest->leaves = true;
    h->nguests--;
    shutdown(oldest->fd, SHUT_RDWR); /* libmicrohttpd sees its end, and closes it */
    MHD_run(h->daemon);
}
