/* SPDX-License-Identifier: MIT */
/* test_sock_guard.c - a flood of connections leaves descriptors for files. In a process of its own,
 * because a limit once lowered stays; the flood comes from another, which has a limit of its own.
 */
#define _GNU_SOURCE
#include "common/wire/frame/sock_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/wire/frame/sock.h"
#include "tests/onic_test.h"

enum { LIMIT = 96, FLOOD = 3 * LIMIT, KEPT = LIMIT / 4 };

static void a_reserve_is_kept_below_every_limit(void **state)
{
    (void)state;
    assert_int_equal(sock_guard_first_kept(64), 48);
    assert_int_equal(sock_guard_first_kept(128), 96);
    assert_int_equal(sock_guard_first_kept(256), 224);
    assert_int_equal(sock_guard_first_kept(1 << 20), (1 << 20) - 32);
}

/* The server's greeting may have come before the end. */
static bool was_cut(int fd)
{
    char bytes[256];
    ssize_t n;
    do
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Opens FLOOD connections, one after the other and each again when it is cut, and says once how
 * many of them were ever cut. Ends with its parent. */
__attribute__((noreturn)) static void flood(int port, int told)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd[FLOOD], cut = 0;
    memset(fd, -1, sizeof fd);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        for (int i = 0; i < FLOOD; i++) {
            if (fd[i] >= 0 && was_cut(fd[i])) {
                close(fd[i]);
                fd[i] = -1;
                cut++;
            }
            if (fd[i] < 0) {
                fd[i] = socket(AF_INET, SOCK_STREAM, 0);
                if (connect(fd[i], (struct sockaddr *)&a, sizeof a) != 0) {
                    close(fd[i]);
                    fd[i] = -1;
                }
            }
        }
        if (cut > LIMIT && told >= 0) {
            if (write(told, "x", 1) != 1)
                _exit(1);
            close(told);
            told = -1;
        }
        usleep(2000);
    }
}

static bool can_open_kept_files(void *ctx)
{
    int fd[KEPT / 2], n = 0;
    (void)ctx;
    for (int i = 0; i < KEPT / 2; i++) {
        fd[i] = open("/dev/null", O_RDONLY);
        n += fd[i] >= 0;
    }
    for (int i = 0; i < KEPT / 2; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return n == KEPT / 2;
}

/* As every tcp socket that listens. */
static bool bind_as_usual(void *context, void **out, char bound[SOCK_ADDRESS_MAX])
{
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1000, .option = "x"};
    return sock_bind(out, context, "tcp://127.0.0.1:*", &o, bound, NULL) == ONIC_OK;
}

/* Whoever comes is welcome, as actors that have joined are: the reserve alone is left. */
static bool bind_for_everybody(void *context, void **out, char bound[SOCK_ADDRESS_MAX])
{
    static const struct sock_crowd_rules all = {.strangers_max = 1 << 20,
                                                .strangers_each = 1 << 20,
                                                .stranger_ms = 1 << 30,
                                                .stranger_bytes = 1 << 30};
    size_t size = SOCK_ADDRESS_MAX;
    *out = zmq_socket(context, ZMQ_ROUTER);
    sock_guard_start(context, *out, false, &all);
    return zmq_bind(*out, "tcp://127.0.0.1:*") == 0 &&
           zmq_getsockopt(*out, ZMQ_LAST_ENDPOINT, bound, &size) == 0;
}

/* In a child; its exit code. */
static int serve_under_a_flood(bool (*bind_it)(void *, void **, char[SOCK_ADDRESS_MAX]))
{
    struct rlimit few = {.rlim_cur = LIMIT, .rlim_max = LIMIT};
    char bound[SOCK_ADDRESS_MAX], byte;
    int port = 0, told[2];
    void *server;
    if (pipe(told) != 0)
        return 10;
    pid_t other = -1;
    int start[2];
    if (pipe(start) != 0)
        return 11;
    other = fork(); /* before libzmq has threads, and with the limit of before */
    if (other == 0) {
        close(start[1]);
        if (read(start[0], &port, sizeof port) != (ssize_t)sizeof port)
            _exit(1);
        flood(port, told[1]);
    }
    close(told[1]);
    setrlimit(RLIMIT_NOFILE, &few);
    void *context = zmq_ctx_new();
    if (!bind_it(context, &server, bound) || sscanf(bound, "tcp://127.0.0.1:%d", &port) != 1 ||
        write(start[1], &port, sizeof port) != (ssize_t)sizeof port)
        return 12;
    bool cut = read(told[0], &byte, 1) == 1;
    bool kept = wait_until(can_open_kept_files, NULL, 30000);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    sock_close(server, 0);
    zmq_ctx_term(context);
    return cut && kept ? 0 : 1;
}

static void a_flood_of_connections_leaves_descriptors_for_files(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(60);
            _exit(serve_under_a_flood(all ? bind_for_everybody : bind_as_usual));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reserve_is_kept_below_every_limit),
        cmocka_unit_test(a_flood_of_connections_leaves_descriptors_for_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
