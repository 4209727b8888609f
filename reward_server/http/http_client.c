/* SPDX-License-Identifier: MIT */
/* http_client.c - libcurl's multi interface driven by libuv; see http_client.h.
 *
 * libcurl says which sockets it wants watched and when it wants to be woken; libuv watches and
 * wakes. A socket's uv_poll_t lives in an object of its own, because libuv closes handles later
 * than libcurl forgets sockets. Finished transfers are collected after every step, outside of
 * libcurl's call-backs, so `done` may start and cancel requests.
 *
 * The deadline of a request is kept here and not by libcurl, which would count time in which this
 * process stood still, and take every answer that was under way for late. */
#define _GNU_SOURCE
#include "reward_server/http/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "reward_server/http/http_text.h"

enum { DEADLINES_EVERY_MS = 50 };

struct http_call {
    struct http_client *client;
    struct http_call *prev, *next;
    CURL *easy;
    struct curl_slist *headers;
    const char *key; /* within headers; NULL: none */
    struct buf body;
    int total_ms;
    int64_t until_ms, first_until_ms; /* clock_ms; of its end, of its first byte */
    bool heard, late, too_large;      /* heard: something of an answer came */
    char error[CURL_ERROR_SIZE];
    http_done done;
    void *ctx;
};

struct watch {
    struct http_client *client;
    struct watch *prev, *next;
    curl_socket_t fd;
    uv_poll_t poll;
};

struct http_client {
    uv_loop_t *loop;
    uv_timer_t *timer, *deadlines; /* objects of their own: they close after the client is gone */
    CURLM *multi;
    struct http_call *calls;
    struct watch *watches;
    char *ca_file, *proxy, *proxy_auth;
    int connect_ms, first_byte_ms;
    size_t max_body;
};

/* --- sockets and timer ----------------------------------------------------------------------- */

static void http_client_collect(struct http_client *c);

static void free_watch(uv_handle_t *h)
{
    free(h->data);
}

static void free_timer(uv_handle_t *h)
{
    free(h);
}

static void drop_watch(struct watch *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        w->client->watches = w->next;
    if (w->next)
        w->next->prev = w->prev;
    uv_poll_stop(&w->poll);
    w->poll.data = w;
    uv_close((uv_handle_t *)&w->poll, free_watch);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    struct http_client *c = w->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0, running;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(c->multi, w->fd, flags, &running);
    http_client_collect(c);
}

static struct watch *add_watch(struct http_client *c, curl_socket_t fd)
{
    struct watch *w = xcalloc(1, sizeof *w);
    w->client = c;
    w->fd = fd;
    if (uv_poll_init_socket(c->loop, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->next = c->watches;
    if (w->next)
        w->next->prev = w;
    c->watches = w;
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct http_client *c = ctx;
    struct watch *w = socket_ctx;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            drop_watch(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!w)
        w = add_watch(c, fd);
    if (!w)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_ready) == 0 ? 0 : -1;
}

static void http_client_on_timer(uv_timer_t *timer)
{
    struct http_client *c = timer->data;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    http_client_collect(c);
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
    struct http_client *c = ctx;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(c->timer);
    else
        uv_timer_start(c->timer, http_client_on_timer, (uint64_t)ms, 0);
    return 0;
}

/* --- calls ----------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct http_call *call = ctx;
    if (buf_append(&call->body, data, size * n) == ONIC_OK)
        return size * n;
    call->too_large = true;
    return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    (void)data;
    ((struct http_call *)ctx)->heard = true;
    return size * n;
}

static void http_client_release(struct http_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        call->client->calls = call->next;
    if (call->next)
        call->next->prev = call->prev;
    curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    for (struct curl_slist *h = call->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(call->headers);
    buf_release(&call->body);
    free(call);
}

static enum http_failure failure_of(const struct http_call *call, CURLcode code, long status)
{
    if (call->too_large)
        return HTTP_TOO_LARGE;
    switch (code) {
    case CURLE_OK:
        return status >= 300 && status < 400 ? HTTP_REDIRECTED : HTTP_FINE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return HTTP_NO_CONNECTION;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMEOUT;
    default:
        return HTTP_BROKEN;
    }
}

/* " after 0 ms", which differs each time and tells nothing. */
static void cut_time_taken(char *text)
{
    for (char *at = text; (at = strstr(at, " after ")) != NULL; at++) {
        char *digits = at + strlen(" after "), *end = digits + strspn(digits, "0123456789");
        if (end > digits && strncmp(end, " ms:", 4) == 0) {
            memmove(at, end + strlen(" ms"), strlen(end + strlen(" ms")) + 1);
            return;
        }
    }
}

static const char *sentence_of(struct http_call *call, enum http_failure failure, CURLcode code)
{
    cut_time_taken(call->error);
    if (failure == HTTP_FINE)
        return "";
    if (failure == HTTP_TOO_LARGE)
        return "the answer is larger than any answer should be";
    if (failure == HTTP_REDIRECTED)
        return "it redirects to another address, which is not followed (a key would go there)";
    return call->error[0] ? call->error : curl_easy_strerror(code);
}

static void http_client_finish(struct http_call *call, CURLcode code)
{
    if (call->key) /* what is read of an answer is kept: labels, conversations, sentences */
        call->body.len = http_hide_key_in_body(call->body.data, call->body.len, call->key);
    struct http_reply r = {.body = call->body.data, .len = call->body.len, .retry_after_s = -1};
    long status = 0;
    curl_off_t retry = 0, us = 0;
    char *type = NULL;
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry);
    curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &us);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    r.failure = failure_of(call, code, status);
    r.status = (int)status;
    r.content_type = type ? type : "";
    r.seconds = (double)us / 1e6;
    if (retry > 0)
        r.retry_after_s = (double)retry;
    r.why = sentence_of(call, r.failure, code);
    http_done done = call->done;
    if (done)
        done(call->ctx, &r);
    http_client_release(call);
}

/* Hands over what has ended. */
static void http_client_collect(struct http_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        char *call = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
        http_client_finish((struct http_call *)(void *)call, code);
    }
}

static void end_late(struct http_call *call)
{
    if (call->heard || clock_ms() >= call->until_ms)
        snprintf(call->error, sizeof call->error,
                 "Operation timed out after %d ms with %zu bytes received", call->total_ms,
                 call->body.len);
    else
        snprintf(call->error, sizeof call->error, "no byte of an answer came within %d ms",
                 call->client->first_byte_ms);
    http_client_finish(call, CURLE_OPERATION_TIMEDOUT);
}

/* The first that was late before; all that are late now are marked. */
static struct http_call *late_call(const struct http_client *c, bool mark)
{
    int64_t now = clock_ms();
    struct http_call *found = NULL;
    for (struct http_call *call = c->calls; call; call = call->next) {
        if (call->late && !found)
            found = call;
        bool mute = !call->heard && now >= call->first_until_ms;
        call->late |= mark && (mute || now >= call->until_ms);
    }
    return found;
}

/* Late is what is late twice: libuv looks at timers before sockets, and an answer may be there. */
static void on_deadlines(uv_timer_t *timer)
{
    struct http_client *c = timer->data;
    if (!c->calls)
        uv_timer_stop(timer);
    struct http_call *call;
    while ((call = late_call(c, false)) != NULL)
        end_late(call);
    late_call(c, true);
}

static void set_limits(const struct http_client *c, CURL *e, const struct http_request *q)
{
    curl_easy_setopt(e, CURLOPT_URL, q->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, c->proxy);
    if (*c->proxy && *c->proxy_auth)
        curl_easy_setopt(e, CURLOPT_PROXYUSERPWD, c->proxy_auth);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "onic");
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, ""); /* some compress unasked */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    if (*c->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
}

static const char bearer[] = "Authorization: Bearer ";

static struct curl_slist *add_secret(struct curl_slist *h, const char *name, const char *key)
{
    size_t size = strlen(name) + strlen(key) + 1;
    char *line = xmalloc(size);
    snprintf(line, size, "%s%s", name, key);
    h = curl_slist_append(h, line);
    explicit_bzero(line, size);
    free(line);
    return h;
}

static void set_headers(struct http_call *call, const struct http_request *q)
{
    struct curl_slist *h = curl_slist_append(NULL, "Accept: application/json");
    h = curl_slist_append(h, "Expect:");
    if (q->body)
        h = curl_slist_append(h, "Content-Type: application/json");
    if (q->key && *q->key)
        h = add_secret(h, bearer, q->key);
    for (struct curl_slist *n = h; n; n = n->next)
        if (strncmp(n->data, bearer, strlen(bearer)) == 0)
            call->key = n->data + strlen(bearer);
    if (q->key && *q->key && strstr(q->url, "?api-version=")) /* Azure's keys are no bearers */
        h = add_secret(h, "api-key: ", q->key);
    call->headers = h;
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, h);
}

struct http_call *http_start(struct http_client *c, const struct http_request *q)
{
    struct http_call *call = xcalloc(1, sizeof *call);
    call->client = c;
    call->done = q->done;
    call->ctx = q->ctx;
    call->easy = curl_easy_init();
    ONIC_ASSERT(call->easy != NULL);
    buf_init(&call->body, c->max_body);
    call->total_ms = q->total_ms;
    call->until_ms = call->first_until_ms = clock_ms() + q->total_ms;
    if (c->first_byte_ms && c->first_byte_ms < q->total_ms)
        call->first_until_ms = clock_ms() + c->first_byte_ms;
    if (!uv_is_active((uv_handle_t *)c->deadlines))
        uv_timer_start(c->deadlines, on_deadlines, DEADLINES_EVERY_MS, DEADLINES_EVERY_MS);
    call->next = c->calls;
    if (call->next)
        call->next->prev = call;
    c->calls = call;
    set_limits(c, call->easy, q);
    set_headers(call, q);
    if (q->body) {
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
        curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, q->body);
    }
    curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, (char *)(void *)call);
    ONIC_ASSERT(curl_multi_add_handle(c->multi, call->easy) == CURLM_OK);
    return call;
}

void http_cancel(struct http_call *call)
{
    http_client_release(call);
}

/* --- life ------------------------------------------------------------------------------------ */

int http_client_create(struct http_client **out, uv_loop_t *loop, const struct http_options *o,
                       struct onic_err *err)
{
    *out = NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ONIC_EINTERNAL, "libcurl cannot be initialised");
    struct http_client *c = xcalloc(1, sizeof *c);
    signal(SIGPIPE, SIG_IGN); /* CURLOPT_NOSIGNAL leaves it to us, and TLS may write too late */
    c->loop = loop;
    c->ca_file = xstrdup(o->ca_file ? o->ca_file : "");
    c->proxy = xstrdup(o->proxy ? o->proxy : "");
    c->proxy_auth = xstrdup(o->proxy_auth ? o->proxy_auth : "");
    c->connect_ms = o->connect_ms;
    c->first_byte_ms = o->first_byte_ms;
    c->max_body = o->max_body;
    c->timer = xcalloc(1, sizeof *c->timer);
    uv_timer_init(loop, c->timer);
    c->timer->data = c;
    c->deadlines = xcalloc(1, sizeof *c->deadlines);
    uv_timer_init(loop, c->deadlines);
    c->deadlines->data = c;
    c->multi = curl_multi_init();
    ONIC_ASSERT(c->multi != NULL);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    *out = c;
    return ONIC_OK;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    while (c->calls)
        http_client_release(c->calls);
    curl_multi_cleanup(c->multi);
    while (c->watches)
        drop_watch(c->watches);
    uv_close((uv_handle_t *)c->timer, free_timer);
    uv_close((uv_handle_t *)c->deadlines, free_timer);
    free(c->ca_file);
    free(c->proxy);
    explicit_bzero(c->proxy_auth, strlen(c->proxy_auth));
    free(c->proxy_auth);
    free(c);
    curl_global_cleanup();
}

/* --- addresses ------------------------------------------------------------------------------- */

static char *http_client_part_of(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, 0) == CURLUE_OK ? text : NULL;
}

int http_check_url(const char *url, const char *option, struct onic_err *err)
{
    int rc = ONIC_OK;
    CURLU *u = curl_url();
    ONIC_ASSERT(u != NULL);
    bool parsed = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
    char *scheme = parsed ? http_client_part_of(u, CURLUPART_SCHEME) : NULL;
    char *user = parsed ? http_client_part_of(u, CURLUPART_USER) : NULL;
    if (user)
        rc = err_set(err, ONIC_ECONFIG,
                     "%s holds a user name or a password: give a key in a file instead", option);
    else if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        rc = err_set(err, ONIC_ECONFIG,
                     "%s is \"%.200s\", must be like http://127.0.0.1:8000/v1 or "
                     "https://api.openai.com/v1",
                     option, url);
    curl_free(scheme);
    curl_free(user);
    curl_url_cleanup(u);
    return rc;
}

bool http_is_loopback(const char *url)
{
    bool yes = false;
    CURLU *u = curl_url();
    ONIC_ASSERT(u != NULL);
    const unsigned as_of_proxies = CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME;
    if (curl_url_set(u, CURLUPART_URL, url, as_of_proxies) == CURLUE_OK) {
        char *host = http_client_part_of(u, CURLUPART_HOST);
        struct in_addr a;
        if (host && inet_pton(AF_INET, host, &a) == 1)
            yes = (ntohl(a.s_addr) >> 24) == 127;
        else
            yes = host && (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0);
        curl_free(host);
    }
    curl_url_cleanup(u);
    return yes;
}
