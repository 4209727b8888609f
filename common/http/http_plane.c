/* SPDX-License-Identifier: MIT */
/* http_plane.c - life, thread and loop of a plane; see http_plane.h.
 *
 * libmicrohttpd has its connections in an epoll of its own, whose descriptor the loop polls. The
 * listening sockets are the loop's: there may be several (a name with addresses of both families),
 * and libmicrohttpd knows one. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "common/http/http_host.h"
#include "common/http/http_impl.h"

enum { REQUEST_BYTES_MAX = 16384, ACCEPTS_AT_ONCE = 16, LAST_RUNS = 8 };

static void be_silent(void *cls, const char *format, va_list args)
{
    (void)cls;
    (void)format; /* what a stranger sends is no event of ours */
    (void)args;
}

/* --- the loop -------------------------------------------------------------------------------- */

static void serve(struct http_plane *h);

static void plane_on_wait(uv_timer_t *t)
{
    serve(t->data);
}

/* Lets libmicrohttpd do what it can, and asks when it wants to be called again at the latest. */
static void serve(struct http_plane *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    MHD_run(h->daemon);
    uv_timer_stop(&h->wait);
    if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
        uv_timer_start(&h->wait, plane_on_wait, ms, 0);
}

static void plane_on_ready(uv_poll_t *p, int status, int events)
{
    (void)status;
    (void)events;
    serve(p->data);
}

static void plane_on_accept(uv_poll_t *p, int status, int events)
{
    struct http_plane *h = p->data;
    (void)events;
    int i = (int)(p - h->accept);
    for (int n = 0; status >= 0 && n < ACCEPTS_AT_ONCE; n++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd =
            accept4(h->listen.fd[i], (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            break;
        http_guest_make_room(h);
        MHD_add_connection(h->daemon, fd, (struct sockaddr *)&from,
                           len); /* closes what it refuses */
    }
    serve(h);
}

static void plane_on_tick(uv_timer_t *t)
{
    struct http_plane *h = t->data;
    h->p.tick(h->p.ctx);
    serve(h);
}

static void plane_close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void plane_on_stop(uv_async_t *a)
{
    struct http_plane *h = a->data;
    if (h->p.tick)
        h->p.tick(h->p.ctx);
    http_stream_end_all(h);
    for (int i = 0; i < LAST_RUNS; i++) /* resumes them, sends, ends them */
        MHD_run(h->daemon);
    uv_walk(&h->loop, plane_close_handle, NULL);
}

static void *plane_main(void *arg)
{
    struct http_plane *h = arg;
    pthread_setname_np(pthread_self(), "http"); /* for top -H, and for who measures it */
    if (h->p.tick)
        h->p.tick(h->p.ctx);
    serve(h);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void plane_open_loop(struct http_plane *h)
{
    ONIC_ASSERT(uv_loop_init(&h->loop) == 0);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    uv_poll_init(&h->loop, &h->ready, info->epoll_fd);
    uv_poll_start(&h->ready, UV_READABLE, plane_on_ready);
    for (int i = 0; i < h->listen.count; i++) {
        uv_poll_init(&h->loop, &h->accept[i], h->listen.fd[i]);
        uv_poll_start(&h->accept[i], UV_READABLE, plane_on_accept);
        h->accept[i].data = h;
    }
    uv_timer_init(&h->loop, &h->wait);
    uv_timer_init(&h->loop, &h->tick);
    uv_async_init(&h->loop, &h->stop, plane_on_stop);
    h->ready.data = h->wait.data = h->tick.data = h->stop.data = h;
    if (h->p.tick)
        uv_timer_start(&h->tick, plane_on_tick, (uint64_t)h->p.tick_ms, (uint64_t)h->p.tick_ms);
    h->loop_open = true;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Files of the program come first: checkpoints, actors. */
static int connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 8 >= HTTP_CONNECTIONS_MAX)
        return HTTP_CONNECTIONS_MAX;
    return limit.rlim_cur / 8 > 8 ? (int)(limit.rlim_cur / 8) : 8;
}

static int plane_open_daemon(struct http_plane *h, struct onic_err *err)
{
    h->guests_max = connections_max();
    h->streams_max = h->guests_max / 4 * 3; /* the others stay for who asks and goes */
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, http_answer_request, h, MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, http_guest_notify, h, MHD_OPTION_NOTIFY_COMPLETED,
        http_guest_answered, h, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(h->guests_max + ACCEPTS_AT_ONCE), /* those that were cut are still its own */
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)REQUEST_BYTES_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    return h->daemon ? ONIC_OK
                     : err_set(err, ONIC_ECANTCREATE, "no page can be served: %s", strerror(errno));
}

/* The name that it was told to listen at is one that it may be asked for under. */
static char *plane_hosts(const struct http_plane_params *p, const char *given)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_printf(&b, "%s,%s", p->hosts ? p->hosts : "", given);
    char *text = xstrdup(b.data);
    buf_release(&b);
    return text;
}

int http_plane_create(struct http_plane **out, const struct http_plane_params *p,
                      struct onic_err *err)
{
    struct http_plane *h = xcalloc(1, sizeof *h);
    *out = NULL;
    h->p = *p;
    snprintf(h->option, sizeof h->option, "%s", p->option);
    int rc = http_host_check(p->hosts ? p->hosts : "", err);
    if (!rc)
        rc = http_listen_open(&h->listen, p->listen, p->port_first, p->allow_exposed, h->option,
                              err);
    if (!rc)
        rc = plane_open_daemon(h, err);
    if (rc) {
        http_plane_free(h);
        return rc;
    }
    h->hosts = plane_hosts(p, h->listen.given);
    h->p.listen = h->p.hosts = h->p.option = NULL; /* the caller's */
    bool v6 = strchr(h->listen.host, ':') != NULL;
    snprintf(h->url, sizeof h->url, "http://%s%.240s%s:%d/", v6 ? "[" : "", h->listen.host,
             v6 ? "]" : "", h->listen.port);
    *out = h;
    return ONIC_OK;
}

void http_plane_route(struct http_plane *h, const struct http_route *route)
{
    ONIC_ASSERT(!h->running && h->nroutes < HTTP_ROUTES_MAX);
    h->route[h->nroutes++] = *route;
}

int http_plane_start(struct http_plane *h, struct onic_err *err)
{
    sigset_t all, before;
    plane_open_loop(h);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&h->thread, NULL, plane_main, h);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    h->running = why == 0;
    return why == 0 ? ONIC_OK
                    : err_set(err, ONIC_ECANTCREATE,
                              "no page can be served: there is no thread: %s", strerror(why));
}

void http_plane_stop(struct http_plane *h)
{
    if (h->running) {
        uv_async_send(&h->stop);
        pthread_join(h->thread, NULL);
        h->running = false;
    } else if (h->loop_open) {
        uv_walk(&h->loop, plane_close_handle, NULL);
        uv_run(&h->loop, UV_RUN_DEFAULT);
    }
    if (h->loop_open)
        uv_loop_close(&h->loop);
    h->loop_open = false;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    h->daemon = NULL;
}

void http_plane_free(struct http_plane *h)
{
    if (!h)
        return;
    http_plane_stop(h);
    http_event_release(h->event);
    http_listen_close(&h->listen);
    free(h->hosts);
    free(h);
}

const char *http_plane_url(const struct http_plane *h)
{
    return h->url;
}

int http_plane_port(const struct http_plane *h)
{
    return h->listen.port;
}

bool http_plane_exposed(const struct http_plane *h)
{
    return h->listen.exposed;
}
