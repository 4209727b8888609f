/* SPDX-License-Identifier: MIT */
/* test_http_plane.c - what a plane answers, whom it refuses, and what those cost it that do not
 * read. */
#define _GNU_SOURCE
#include "common/http/http_plane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http/http_get.h"
#include "tests/onic_test.h"

enum { SOON_MS = 20000, LARGE = 8 << 20, EVENT = 1 << 15 };

struct site {
    struct http_plane *plane;
    atomic_int events, streams, asked;
    atomic_bool publishing;
    atomic_int per_tick;
};

static void say_hello(void *ctx, const struct http_request *q, struct http_reply *out)
{
    struct site *s = ctx;
    const char *name = http_query(q, "name");
    atomic_fetch_add(&s->asked, 1);
    buf_printf(&out->body, "hello %s", name ? name : "you");
}

static void say_much(void *ctx, const struct http_request *q, struct http_reply *out)
{
    (void)ctx;
    (void)q;
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < LARGE / (int)sizeof block; i++)
        buf_append(&out->body, block, sizeof block);
}

static void site_tick(void *ctx)
{
    struct site *s = ctx;
    static char text[EVENT];
    memset(text, '.', sizeof text);
    for (int i = 0; i < s->per_tick && atomic_load(&s->publishing); i++) {
        int n = atomic_fetch_add(&s->events, 1) + 1;
        text[snprintf(text, 32, "event %d;", n)] = '.';
        http_plane_publish(s->plane, text, sizeof text);
    }
    atomic_store(&s->streams, http_plane_streams(s->plane));
}

static void site_open(struct site *s, const char *hosts)
{
    const struct http_plane_params p = {.listen = "127.0.0.1:*",
                                        .option = "--dashboard.listen",
                                        .hosts = hosts,
                                        .tick_ms = 2,
                                        .tick = site_tick,
                                        .ctx = s};
    s->per_tick = 1;
    assert_ok(http_plane_create(&s->plane, &p, &err));
    http_plane_route(s->plane, &(struct http_route){.path = "/", .answer = say_hello, .ctx = s});
    http_plane_route(
        s->plane,
        &(struct http_route){.path = "/metrics", .answer = say_hello, .ctx = s, .any_host = true});
    http_plane_route(s->plane, &(struct http_route){.path = "/much", .answer = say_much});
    http_plane_route(s->plane, &(struct http_route){.path = "/events", .stream = true});
    assert_ok(http_plane_start(s->plane, &err));
}

static int site_setup(void **state)
{
    static struct site s;
    memset(&s, 0, sizeof s);
    site_open(&s, "gpu7");
    *state = &s;
    return 0;
}

static int site_teardown(void **state)
{
    struct site *s = *state;
    http_plane_free(s->plane);
    return 0;
}

/* --- raw requests ---------------------------------------------------------------------------- */

static int dial(const struct site *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_plane_port(s->plane)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    for (size_t n = strlen(text); n;) {
        ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* it was cut: the reader sees it */
        text += sent;
        n -= (size_t)sent;
    }
}

/* Up to the end of the connection or max bytes; NUL-terminated. */
static size_t hear(int fd, char *out, size_t max)
{
    size_t have = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (have < max && poll(&p, 1, SOON_MS) > 0) {
        ssize_t n = recv(fd, out + have, max - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    out[have] = '\0';
    return have;
}

/* The whole answer to a request, in a static buffer. */
static const char *ask(const struct site *s, const char *request)
{
    static char answer[1 << 16];
    int fd = dial(s);
    say(fd, request);
    hear(fd, answer, sizeof answer - 1);
    close(fd);
    return answer;
}

static int status_of(const char *answer)
{
    return strlen(answer) >= sizeof "HTTP/1.1 200" - 1 ? atoi(answer + 9) : 0;
}

#define CLOSE "Connection: close\r\n\r\n"

/* --- tests ----------------------------------------------------------------------------------- */

static void a_route_is_answered(void **state)
{
    struct site *s = *state;
    struct buf b;
    int status;
    buf_init(&b, 4096);
    assert_ok(
        http_get(http_plane_url(s->plane), "/?name=R%C3%A9my%20%3Cb%3E", 5000, &b, &status, &err));
    assert_int_equal(status, 200);
    assert_string_equal(b.data, "hello R\xc3\xa9my <b>");
    buf_release(&b);
    const char *answer = ask(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE);
    assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff"));
    assert_non_null(strstr(answer, "Content-Type: text/plain"));
    answer = ask(s, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n" CLOSE);
    assert_int_equal(status_of(answer), 404);
    assert_non_null(strstr(answer, "There is nothing here; the page is at /"));
}

static void head_has_no_body(void **state)
{
    const char *answer = ask(*state, "HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE);
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "Content-Length: 9"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void nothing_can_be_changed(void **state)
{
    struct site *s = *state;
    static const char *const verbs[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char request[200];
        snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE, verbs[i]);
        const char *answer = ask(s, request);
        assert_int_equal(status_of(answer), 405);
        assert_non_null(
            strstr(answer, "Nothing can be changed here: only GET and HEAD are answered"));
    }
    const char *answer = ask(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n"
                                "Connection: close\r\n\r\nabc");
    assert_int_equal(status_of(answer), 413);
    assert_non_null(strstr(answer, "A request has no body here"));
    assert_int_equal(atomic_load(&s->asked), 0);
}

static void a_name_that_is_not_known_is_refused_with_the_option(void **state)
{
    struct site *s = *state;
    const char *answer = ask(s, "GET / HTTP/1.1\r\nHost: evil.example:80\r\n" CLOSE);
    assert_int_equal(status_of(answer), 421);
    assert_non_null(strstr(answer, "This page was asked for under the name 'evil.example', which "
                                   "it does not know. Open http://"));
    assert_non_null(strstr(answer, ", or start the run with --dashboard.hosts=evil.example"));
    assert_non_null(strstr(answer, http_plane_url(s->plane)));
    assert_int_equal(status_of(ask(s, "GET /events HTTP/1.1\r\nHost: evil\r\n" CLOSE)), 421);
    /* on loopback a scraper has no excuse, and a foreign page might be one */
    assert_int_equal(status_of(ask(s, "GET /metrics HTTP/1.1\r\nHost: evil\r\n" CLOSE)), 421);
    assert_int_equal(atomic_load(&s->asked), 0);
    assert_int_equal(status_of(ask(s, "GET / HTTP/1.1\r\nHost: gpu7:80\r\n" CLOSE)), 200);
}

static int status_from(const struct site *s, const char *path, const char *site, const char *mode)
{
    static const char told[] = "A page of another site asked for this; open it in a tab of its own";
    char request[300];
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: %s\r\nSec-Fetch-Mode: "
             "%s\r\n" CLOSE,
             path, site, mode);
    const char *answer = ask(s, request);
    assert_int_equal(strstr(answer, told) != NULL, status_of(answer) == 403);
    return status_of(answer);
}

static void a_page_of_another_site_makes_no_work(void **state)
{
    struct site *s = *state;
    static const char *const foreign[] = {"cross-site", "same-site"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(status_from(s, "/", foreign[i], "no-cors"), 403);
        assert_int_equal(status_from(s, "/much", foreign[i], "no-cors"), 403);
        assert_int_equal(status_from(s, "/much", foreign[i], "navigate"), 403);
        assert_int_equal(status_from(s, "/events", foreign[i], "cors"), 403);
        assert_int_equal(status_from(s, "/metrics", foreign[i], "no-cors"), 403);
        assert_int_equal(atomic_load(&s->asked), 2 * (int)i);
        assert_int_equal(status_from(s, "/", foreign[i], "navigate"), 200);
        assert_int_equal(status_from(s, "/metrics", foreign[i], "navigate"), 200);
    }
    assert_int_equal(status_from(s, "/", "same-origin", "cors"), 200);
    assert_int_equal(status_from(s, "/", "none", "navigate"), 200);
}

static void beyond_loopback_numbers_for_machines_ask_for_no_name(void **state)
{
    struct site s = {.publishing = false};
    (void)state;
    const struct http_plane_params p = {
        .listen = "0.0.0.0:*", .option = "--dashboard.listen", .allow_exposed = true};
    assert_ok(http_plane_create(&s.plane, &p, &err));
    http_plane_route(s.plane, &(struct http_route){.path = "/", .answer = say_hello, .ctx = &s});
    http_plane_route(
        s.plane,
        &(struct http_route){.path = "/metrics", .answer = say_hello, .ctx = &s, .any_host = true});
    assert_ok(http_plane_start(s.plane, &err));
    assert_true(http_plane_exposed(s.plane));
    assert_non_null(strstr(http_plane_url(s.plane), "http://127.0.0.1:"));
    assert_int_equal(status_of(ask(&s, "GET /metrics HTTP/1.1\r\nHost: pod-7\r\n" CLOSE)), 200);
    assert_int_equal(status_of(ask(&s, "GET / HTTP/1.1\r\nHost: pod-7\r\n" CLOSE)), 421);
    http_plane_free(s.plane);
}

static void a_star_is_every_address(void **state)
{
    struct site s = {.publishing = false};
    (void)state;
    struct http_plane_params p = {.listen = "*:*", .option = "--dashboard.listen"};
    assert_err(http_plane_create(&s.plane, &p, &err), ONIC_ECONFIG, "security.allow_insecure=true");
    p.allow_exposed = true;
    assert_ok(http_plane_create(&s.plane, &p, &err));
    http_plane_route(s.plane, &(struct http_route){.path = "/", .answer = say_hello, .ctx = &s});
    assert_ok(http_plane_start(s.plane, &err));
    assert_true(http_plane_exposed(s.plane));
    assert_non_null(strstr(http_plane_url(s.plane), "http://127.0.0.1:"));
    assert_int_equal(status_of(ask(&s, "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE)), 200);
    http_plane_free(s.plane);
}

static void an_address_is_refused_with_a_sentence(void **state)
{
    struct site *s = *state;
    struct http_plane *other;
    char taken[64];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", http_plane_port(s->plane));
    struct http_plane_params p = {.listen = taken, .option = "--dashboard.listen"};
    assert_err(http_plane_create(&other, &p, &err), ONIC_ECANTCREATE, "the port is taken");
    p.listen = "0.0.0.0:*";
    assert_err(http_plane_create(&other, &p, &err), ONIC_ECONFIG, "security.allow_insecure=true");
    static const char *const none[] = {"", "8080", "tcp://127.0.0.1:8080", "127.0.0.1:", "a:b:c"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        p.listen = none[i];
        assert_err(http_plane_create(&other, &p, &err), ONIC_ECONFIG, "--dashboard.listen");
    }
    /* the one it had before, if that is free; else another */
    p = (struct http_plane_params){.listen = "127.0.0.1:*",
                                   .option = "--dashboard.listen",
                                   .port_first = http_plane_port(s->plane)};
    assert_ok(http_plane_create(&other, &p, &err));
    assert_int_not_equal(http_plane_port(other), http_plane_port(s->plane));
    p.port_first = http_plane_port(other);
    http_plane_free(other);
    assert_ok(http_plane_create(&other, &p, &err));
    assert_int_equal(http_plane_port(other), p.port_first);
    http_plane_free(other);
}

static void a_request_has_a_size(void **state)
{
    struct site *s = *state;
    char *request = malloc(1 << 20);
    size_t n = (size_t)snprintf(request, 100, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ");
    memset(request + n, 'x', (1 << 20) - n - 8);
    memcpy(request + (1 << 20) - 8, "\r\n\r\n", 5);
    int status = status_of(ask(s, request)); /* or cut before the answer was read */
    assert_true(status == 0 || status == 431 || status == 413 || status == 400);
    free(request);
    assert_int_equal(atomic_load(&s->asked), 0);
    assert_int_equal(status_of(ask(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE)), 200);
}

static bool is_cut(int fd)
{
    char byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
        return false;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

struct crowd {
    int fd[HTTP_CONNECTIONS_MAX + 8], n, cut;
};

static bool some_are_cut(void *ctx)
{
    struct crowd *c = ctx;
    int cut = 0;
    for (int i = 0; i < c->n; i++)
        cut += is_cut(c->fd[i]);
    return cut >= c->cut;
}

static void more_connections_than_allowed_are_cut(void **state)
{
    struct site *s = *state;
    struct crowd c = {.n = HTTP_CONNECTIONS_MAX + 8, .cut = 8};
    for (int i = 0; i < c.n; i++)
        c.fd[i] = dial(s);
    assert_true(wait_until(some_are_cut, &c, SOON_MS));
    for (int i = 0; i < c.n; i++)
        close(c.fd[i]);
}

static int open_stream(const struct site *s)
{
    int fd = dial(s);
    say(fd, "GET /events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    return fd;
}

static bool a_stream_is_open(void *ctx)
{
    struct site *s = ctx;
    return atomic_load(&s->streams) == 1;
}

/* They make progress, a byte now and then, so no time-out ends them. */
static void who_asks_gets_the_place_of_a_request_that_trickles_in(void **state)
{
    struct site *s = *state;
    struct crowd c = {.n = HTTP_CONNECTIONS_MAX};
    int stream = open_stream(s);
    assert_true(wait_until(a_stream_is_open, s, SOON_MS));
    for (int i = 0; i < c.n; i++) {
        c.fd[i] = dial(s);
        say(c.fd[i], "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ");
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(status_of(ask(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE)), 200);
    assert_true(is_cut(c.fd[0])); /* it came first */
    assert_false(is_cut(c.fd[c.n - 1]));
    char head[16];
    assert_true(hear(stream, head, sizeof head - 1) > 0);
    assert_false(is_cut(stream));
    for (int i = 0; i < c.n; i++)
        close(c.fd[i]);
    close(stream);
}

static void streams_leave_room_where_few_files_may_be_open(void **state)
{
    (void)state;
    struct site s = {0};
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 256; /* an eighth: 32 connections */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    site_open(&s, NULL);
    int fd[60], refused = 0;
    for (int i = 0; i < 60; i++) {
        char head[16];
        fd[i] = open_stream(&s);
        hear(fd[i], head, sizeof "HTTP/1.1 503" - 1);
        if (status_of(head) != 200 && refused++ == 0) {
            char rest[1000];
            hear(fd[i], rest, sizeof rest - 1);
            assert_non_null(strstr(rest, "Too many pages are open; close one"));
        }
    }
    assert_int_equal(refused, 60 - 24); /* three quarters of 32 */
    assert_int_equal(status_of(ask(&s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE)), 200);
    for (int i = 0; i < 60; i++)
        close(fd[i]);
    http_plane_free(s.plane);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* What they were to be sent is bounded, whoever asks. */
static void those_who_do_not_read_large_answers_are_cut(void **state)
{
    struct site *s = *state;
    struct crowd c = {.n = 12, .cut = 3};
    for (int i = 0; i < c.n; i++) {
        int small = 4096;
        c.fd[i] = dial(s);
        setsockopt(c.fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        say(c.fd[i], "GET /much HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }
    int cut = 0;
    for (int i = 0; i < c.n; i++) {
        char head[64];
        cut += recv(c.fd[i], head, sizeof head, MSG_WAITALL) < (ssize_t)sizeof head;
    }
    /* a small answer is given meanwhile */
    assert_int_equal(status_of(ask(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" CLOSE)), 200);
    for (int i = 0; i < c.n; i++)
        close(c.fd[i]);
    assert_true(cut >= 12 - HTTP_UNREAD_MAX / LARGE);
    assert_true(cut < 12);
}

static bool many_events(void *ctx)
{
    struct site *s = ctx;
    return atomic_load(&s->events) >= 2000;
}

static bool no_stream_is_open(void *ctx)
{
    struct site *s = ctx;
    return atomic_load(&s->streams) == 0;
}

/* 2000 events of 32 KiB: who reads again finds the newest soon, not all of them. */
static void a_slow_reader_skips_to_the_newest_event(void **state)
{
    struct site *s = *state;
    static char text[8 << 20];
    s->per_tick = 50;
    int fd = open_stream(s);
    assert_true(wait_until(a_stream_is_open, s, SOON_MS));
    atomic_store(&s->publishing, true);
    assert_true(wait_until(many_events, s, SOON_MS));
    atomic_store(&s->publishing, false);
    char newest[32];
    size_t have = 0;
    int events = 0;
    for (bool done = false; !done && have < sizeof text - 1;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_true(poll(&p, 1, SOON_MS) > 0);
        ssize_t n = recv(fd, text + have, sizeof text - 1 - have, 0);
        assert_true(n > 0);
        have += (size_t)n;
        text[have] = '\0';
        snprintf(newest, sizeof newest, "event %d;", atomic_load(&s->events));
        done = strstr(text, newest) != NULL;
    }
    for (const char *at = text; (at = strstr(at, "data: event ")); at++)
        events++;
    close(fd);
    assert_true(events < 1000);
}

static void a_reader_that_goes_away_is_forgotten(void **state)
{
    struct site *s = *state;
    int fd = open_stream(s);
    assert_true(wait_until(a_stream_is_open, s, SOON_MS));
    close(fd);
    atomic_store(&s->publishing, true);
    assert_true(wait_until(no_stream_is_open, s, SOON_MS));
}

static void a_plane_ends_under_its_readers(void **state)
{
    struct site *s = *state;
    char text[4096];
    int fd = open_stream(s);
    assert_true(wait_until(a_stream_is_open, s, SOON_MS));
    http_plane_stop(s->plane);
    assert_true(hear(fd, text, sizeof text - 1) < sizeof text - 1); /* the head, then the end */
    assert_true(is_cut(fd));
    close(fd);
}

#define ON_A_SITE(name) cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SITE(a_route_is_answered),
        ON_A_SITE(head_has_no_body),
        ON_A_SITE(nothing_can_be_changed),
        ON_A_SITE(a_name_that_is_not_known_is_refused_with_the_option),
        ON_A_SITE(a_page_of_another_site_makes_no_work),
        cmocka_unit_test(beyond_loopback_numbers_for_machines_ask_for_no_name),
        cmocka_unit_test(a_star_is_every_address),
        ON_A_SITE(an_address_is_refused_with_a_sentence),
        ON_A_SITE(a_request_has_a_size),
        ON_A_SITE(more_connections_than_allowed_are_cut),
        ON_A_SITE(who_asks_gets_the_place_of_a_request_that_trickles_in),
        cmocka_unit_test(streams_leave_room_where_few_files_may_be_open),
        ON_A_SITE(those_who_do_not_read_large_answers_are_cut),
        ON_A_SITE(a_slow_reader_skips_to_the_newest_event),
        ON_A_SITE(a_reader_that_goes_away_is_forgotten),
        ON_A_SITE(a_plane_ends_under_its_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
