/* SPDX-License-Identifier: MIT */
/* test_http_get.c - whoever asks a page of a stranger is told what is wrong with the answer. */
#define _GNU_SOURCE
#include "common/http/http_get.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"

enum { PAGE_MAX = 1 << 16, LONG_MS = 30000 };

struct stranger {
    int listen;
    char address[64], port[16];
    pid_t pid; /* 0: nobody takes a connection */
};

static int stranger_setup(void **state)
{
    static struct stranger s;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    s = (struct stranger){.listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(s.listen >= 0);
    assert_int_equal(bind(s.listen, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s.listen, 4), 0);
    assert_int_equal(getsockname(s.listen, (struct sockaddr *)&at, &len), 0);
    snprintf(s.port, sizeof s.port, "%d", ntohs(at.sin_port));
    snprintf(s.address, sizeof s.address, "127.0.0.1:%s", s.port);
    *state = &s;
    return 0;
}

static int stranger_teardown(void **state)
{
    struct stranger *s = *state;
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    close(s->listen);
    return 0;
}

/* A process that answers one request with this, `times` over; -1 = until nobody listens. */
static void answers(struct stranger *s, const char *text, int times)
{
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid > 0)
        return;
    char request[4096];
    size_t n = 0;
    int fd = accept(s->listen, NULL, NULL);
    while (!memmem(request, n, "\r\n\r\n", 4)) {
        ssize_t got = read(fd, request + n, sizeof request - n);
        if (got <= 0)
            _exit(1);
        n += (size_t)got;
    }
    for (; times != 0 && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0; times--)
        ;
    close(fd);
    _exit(0);
}

/* With a sentence of `before`, its port and `after`. */
static void fails(struct stranger *s, int timeout_ms, int code, const char *before,
                  const char *after)
{
    struct buf page;
    char want[200];
    int status;
    buf_init(&page, PAGE_MAX);
    snprintf(want, sizeof want, "%s%s%s", before, *after ? s->port : "", after);
    assert_err(http_get(s->address, "/", timeout_ms, &page, &status, &err), code, want);
    buf_release(&page);
}

static void one_that_says_nothing_is_not_waited_for(void **state)
{
    fails(*state, 100, ONIC_ETIMEDOUT, "127.0.0.1 port ", " was silent for 100 ms");
}

static void one_that_never_ends_is_cut(void **state)
{
    answers(*state, "HTTP/1.0 200 OK\r\n\r\nhere we go again and again and again", -1);
    fails(*state, LONG_MS, ONIC_EIO, "127.0.0.1 port ", " sends more than 65536 bytes");
}

/* Head and page together are not too much, the page is. */
static void a_page_that_is_too_long_is_told(void **state)
{
    static char page[PAGE_MAX + 40];
    memset(page, 'x', PAGE_MAX + 20);
    memcpy(page, "HTTP/1.0 200 OK\r\n\r\n", 19);
    answers(*state, page, 1);
    fails(*state, LONG_MS, ONIC_EIO, "127.0.0.1 port ", " sends more than 65536 bytes");
}

static void one_that_speaks_otherwise_is_told(void **state)
{
    answers(*state, "SSH-2.0-OpenSSH_9.2\r\n", 1);
    fails(*state, LONG_MS, ONIC_EIO, "what listens at 127.0.0.1 port ", " does not speak HTTP");
}

static void where_nobody_is_nobody_answers(void **state)
{
    struct stranger *s = *state;
    close(s->listen);
    s->listen = -1;
    fails(s, LONG_MS, ONIC_ENOTFOUND, "nobody answers at 127.0.0.1 port ", ": Connection refused");
}

static void what_is_no_address_is_told(void **state)
{
    struct stranger *s = *state;
    snprintf(s->address, sizeof s->address, "https://here");
    fails(s, LONG_MS, ONIC_ECONFIG, "'https://here' is no address of a page: one looks like 127.",
          "");
}

static void only_numbers_of_this_machine_stay_here(void **state)
{
    (void)state;
    assert_true(http_get_stays_here("127.0.0.1:80"));
    assert_true(http_get_stays_here("http://127.0.0.1:8080/"));
    static const char *const elsewhere[] = {"203.0.113.7:80",
                                            "http://203.0.113.7:80/",
                                            "[2001:db8::7]:80", /* RFC 5737, RFC 3849 */
                                            "localhost:80",
                                            "name.invalid:80",
                                            "127.0.0.1",
                                            "127.0.0.1:80@203.0.113.7:80",
                                            ""};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (http_get_stays_here(elsewhere[i]))
            fail_msg("%s would be asked", elsewhere[i]);
}

int main(void)
{
#define STRANGER(name) cmocka_unit_test_setup_teardown(name, stranger_setup, stranger_teardown)
    const struct CMUnitTest tests[] = {
        STRANGER(one_that_says_nothing_is_not_waited_for),
        STRANGER(one_that_never_ends_is_cut),
        STRANGER(a_page_that_is_too_long_is_told),
        STRANGER(one_that_speaks_otherwise_is_told),
        STRANGER(where_nobody_is_nobody_answers),
        STRANGER(what_is_no_address_is_told),
        cmocka_unit_test(only_numbers_of_this_machine_stay_here),
    };
#undef STRANGER
    return cmocka_run_group_tests(tests, NULL, NULL);
}
