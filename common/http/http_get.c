/* SPDX-License-Identifier: MIT */
/* http_get.c - see http_get.h. The request is of HTTP/1.0, so the answer ends with the connection
 * and has no chunks. */
#define _GNU_SOURCE
#include "common/http/http_get.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GET_HOST_MAX = 256, GET_HEAD_MAX = 1 << 14 };

struct get_place {
    char host[GET_HOST_MAX], port[8];
};

/* False: not HOST:PORT. */
static bool get_parse(const char *address, struct get_place *to)
{
    if (strncmp(address, "http://", 7) == 0)
        address += 7;
    size_t n = strcspn(address, "/");
    const char *colon = memrchr(address, ':', n), *host = address, *end = colon;
    if (!colon || (address[n] && address[n + 1]))
        return false;
    if (*host == '[' && end > host && end[-1] == ']')
        host++, end--;
    size_t digits = strspn(colon + 1, "0123456789");
    if (end <= host || end - host >= GET_HOST_MAX || !digits || digits > 5 ||
        colon + 1 + digits != address + n)
        return false;
    snprintf(to->host, sizeof to->host, "%.*s", (int)(end - host), host);
    snprintf(to->port, sizeof to->port, "%.*s", (int)digits, colon + 1);
    return true;
}

static bool get_wait(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n;
    do
        n = poll(&p, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* -1 with errno. */
static int connect_to(const struct addrinfo *a, int timeout_ms)
{
    int code = 0, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof code;
    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    code = errno;
    if (code == EINPROGRESS) {
        code = ETIMEDOUT;
        if (get_wait(fd, POLLOUT, timeout_ms))
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
    }
    if (code == 0)
        return fd;
    close(fd);
    errno = code;
    return -1;
}

static int get_open(const struct get_place *to, int timeout_ms, int *fd, struct onic_err *err)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(to->host, to->port, &want, &found);
    if (code)
        return err_set(err, ONIC_ENOTFOUND, "%s: %s", to->host, gai_strerror(code));
    *fd = -1;
    for (struct addrinfo *a = found; a && *fd < 0; a = a->ai_next)
        *fd = connect_to(a, timeout_ms);
    int why = errno;
    freeaddrinfo(found);
    if (*fd < 0)
        return err_set(err, ONIC_ENOTFOUND, "nobody answers at %s port %s: %s", to->host, to->port,
                       strerror(why));
    return ONIC_OK;
}

static int get_send(int fd, const struct get_place *to, const char *path, int timeout_ms,
                    struct onic_err *err)
{
    char request[GET_HOST_MAX + 600];
    bool v6 = strchr(to->host, ':') != NULL;
    int n = snprintf(request, sizeof request,
                     "GET %.400s HTTP/1.0\r\nHost: %s%s%s:%s\r\nAccept: */*\r\n\r\n", path,
                     v6 ? "[" : "", to->host, v6 ? "]" : "", to->port);
    for (int done = 0; done < n;) {
        ssize_t sent = send(fd, request + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR) && get_wait(fd, POLLOUT, timeout_ms))
            continue;
        if (sent <= 0)
            return err_set(err, ONIC_EIO, "%s port %s does not take a request", to->host, to->port);
        done += (int)sent;
    }
    return ONIC_OK;
}

static int get_read(int fd, const struct get_place *to, int timeout_ms, struct buf *all,
                    struct onic_err *err)
{
    char chunk[1 << 14];
    for (;;) {
        if (!get_wait(fd, POLLIN, timeout_ms))
            return err_set(err, ONIC_ETIMEDOUT, "%s port %s was silent for %d ms", to->host,
                           to->port, timeout_ms);
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n == 0)
            return ONIC_OK;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return err_set(err, ONIC_EIO, "%s port %s: %s", to->host, to->port, strerror(errno));
        if (n > 0 && buf_append(all, chunk, (size_t)n) != ONIC_OK)
            return err_set(err, ONIC_EIO, "%s port %s sends more than %zu bytes", to->host,
                           to->port, all->max - GET_HEAD_MAX);
    }
}

/* "HTTP/1.x NNN ...", and where the head ends; false: it is none. */
static bool get_head(const struct buf *all, int *status, size_t *body)
{
    const char *end = all->len ? memmem(all->data, all->len, "\r\n\r\n", 4) : NULL;
    if (!end || strncmp(all->data, "HTTP/1.", 7) != 0 || all->len < 12)
        return false;
    *status = (int)strtol(all->data + 8, NULL, 10);
    *body = (size_t)(end - all->data) + 4;
    return *status >= 100 && *status < 600;
}

bool http_get_stays_here(const char *address)
{
    struct get_place to;
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *a = NULL;
    if (!get_parse(address, &to) || getaddrinfo(to.host, "0", &want, &a) != 0)
        return false;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool here = fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0; /* only own ones can be */
    if (fd >= 0)
        close(fd);
    freeaddrinfo(a);
    return here;
}

int http_get(const char *address, const char *path, int timeout_ms, struct buf *out, int *status,
             struct onic_err *err)
{
    struct get_place to;
    struct buf all;
    size_t body = 0;
    int fd = -1;
    if (!get_parse(address, &to))
        return err_set(err, ONIC_ECONFIG,
                       "'%.100s' is no address of a page: one looks like 127.0.0.1:8080 or "
                       "http://name:8080/",
                       address);
    int rc = get_open(&to, timeout_ms, &fd, err);
    if (rc)
        return rc;
    buf_init(&all, out->max + GET_HEAD_MAX);
    rc = get_send(fd, &to, path, timeout_ms, err);
    if (!rc)
        rc = get_read(fd, &to, timeout_ms, &all, err);
    close(fd);
    if (!rc && !get_head(&all, status, &body))
        rc = err_set(err, ONIC_EIO, "what listens at %s port %s does not speak HTTP", to.host,
                     to.port);
    if (!rc && buf_append(out, all.data + body, all.len - body) != ONIC_OK)
        rc = err_set(err, ONIC_EIO, "%s port %s sends more than %zu bytes", to.host, to.port,
                     out->max);
    buf_release(&all);
    return rc;
}
