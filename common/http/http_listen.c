/* SPDX-License-Identifier: MIT */
/* http_listen.c - see http_listen.h. */
#define _GNU_SOURCE
#include "common/http/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, PORT_TEXT = 8 };

/* "tcp://[::1]:80" -> "::1", "80" */
static void split_endpoint(const char *endpoint, char host[SOCK_ADDRESS_MAX], char port[PORT_TEXT])
{
    const char *start = endpoint + strlen("tcp://"), *colon = strrchr(start, ':'), *end = colon;
    if (*start == '[')
        start++, end--;
    snprintf(host, SOCK_ADDRESS_MAX, "%.*s", (int)(end - start), start);
    snprintf(port, PORT_TEXT, "%.7s", colon + 1);
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&a)->sin6_port)
                                   : ntohs(((struct sockaddr_in *)(void *)&a)->sin_port);
}

/* -1 with errno. v6_only: an address of IPv6 takes no connections of IPv4. */
static int bind_numeric(const char *host, const char *port, int v6_only)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *a = NULL;
    int on = 1;
    if (getaddrinfo(host, port, &want, &a) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
        if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
            int why = errno;
            close(fd);
            fd = -1;
            errno = why;
        }
    }
    freeaddrinfo(a);
    return fd;
}

/* "*": both families at one port, or IPv4 alone where IPv6 is switched off. */
static int bind_host(const char *host, const char *port)
{
    if (strcmp(host, "*") != 0)
        return bind_numeric(host, port, 1);
    int fd = bind_numeric("::", port, 0);
    return fd >= 0 || errno == EADDRINUSE ? fd : bind_numeric("0.0.0.0", port, 1);
}

static int say_bind(const char *option, const char *listen, int why, struct onic_err *err)
{
    if (why == EADDRINUSE)
        return err_set(err, ONIC_ECANTCREATE,
                       "%s=%.200s: the port is taken, another process listens there", option,
                       listen);
    return err_set(err, why == EADDRNOTAVAIL ? ONIC_ECONFIG : ONIC_ECANTCREATE,
                   "%s=%.200s cannot be bound: %s", option, listen, strerror(why));
}

/* All of them at one port: that which is given, else the first that is free for the first. */
static int http_listen_bind(struct http_listen *l, const struct sock_endpoints *e,
                            const char *listen, int port_first, const char *option,
                            struct onic_err *err)
{
    for (int i = 0; i < e->count; i++) {
        char host[SOCK_ADDRESS_MAX], port[PORT_TEXT];
        split_endpoint(e->at[i].text, host, port);
        bool free_port = strcmp(port, "*") == 0;
        if (free_port)
            snprintf(port, sizeof port, "%d", l->count ? l->port : port_first);
        int fd = bind_host(host, port);
        if (fd < 0 && free_port && !l->count && port_first)
            fd = bind_host(host, "0");
        if (fd < 0)
            return say_bind(option, listen, errno, err);
        l->fd[l->count++] = fd;
        l->port = port_of(fd);
        l->exposed |= !e->at[i].loopback;
    }
    return ONIC_OK;
}

static int refuse(const struct sock_endpoints *e, const char *listen, const char *option,
                  struct onic_err *err)
{
    for (int i = 0; i < e->count; i++)
        if (!e->at[i].loopback)
            return err_set(err, ONIC_ECONFIG,
                           "refusing to serve pages at %s=%.200s: other machines reach it, and "
                           "nothing is encrypted or asks who they are; bind 127.0.0.1 (ssh -L "
                           "brings it to yours), or say --security.allow_insecure=true on a "
                           "private network",
                           option, listen);
    return ONIC_OK;
}

/* A browser cannot ask for "every address". */
static void name_host(struct http_listen *l, const struct sock_endpoints *e)
{
    char port[PORT_TEXT];
    split_endpoint(e->at[0].text, l->host, port);
    if (strcmp(l->host, "0.0.0.0") == 0 || strcmp(l->host, "*") == 0)
        snprintf(l->host, sizeof l->host, "127.0.0.1");
    if (strcmp(l->host, "::") == 0)
        snprintf(l->host, sizeof l->host, "::1");
}

int http_listen_open(struct http_listen *out, const char *listen, int port_first,
                     bool allow_exposed, const char *option, struct onic_err *err)
{
    char address[SOCK_ADDRESS_MAX + 8];
    struct sock_endpoints e;
    *out = (struct http_listen){.count = 0};
    const char *colon = strrchr(listen, ':');
    if (strstr(listen, "://") || !colon || !colon[1] || strlen(listen) >= SOCK_ADDRESS_MAX - 8)
        return err_set(err, ONIC_ECONFIG,
                       "%s=%.100s: give HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080; the "
                       "port * is a free one",
                       option, listen);
    snprintf(out->given, sizeof out->given, "%.*s", (int)(colon - listen), listen);
    snprintf(address, sizeof address, "tcp://%s", listen);
    int rc = sock_endpoints(&e, address, option, err);
    if (!rc && !allow_exposed)
        rc = refuse(&e, listen, option, err);
    if (rc)
        return rc;
    name_host(out, &e);
    rc = http_listen_bind(out, &e, listen, port_first, option, err);
    if (rc)
        http_listen_close(out);
    return rc;
}

void http_listen_close(struct http_listen *l)
{
    for (int i = 0; i < l->count; i++)
        close(l->fd[i]);
    l->count = 0;
}
