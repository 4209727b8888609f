/* SPDX-License-Identifier: MIT */
/* sock_address.c - see sock_address.h. */
#define _GNU_SOURCE
#include "common/wire/frame/sock_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_MAX = SOCK_ADDRESS_MAX, PORT_MAX = 16 };

/* --- text -------------------------------------------------------------------------------- */

struct parts {
    char host[HOST_MAX]; /* without brackets; "" = every address */
    char port[PORT_MAX]; /* "*" = a free one */
};

static bool is_tcp(const char *address)
{
    return strncmp(address, "tcp://", 6) == 0;
}

static bool is_number_v6(const char *host)
{
    struct in6_addr a;
    char plain[HOST_MAX];
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(host, "%"), host); /* without a scope */
    return inet_pton(AF_INET6, plain, &a) == 1;
}

static bool is_number_v4(const char *host)
{
    struct in_addr a;
    return inet_pton(AF_INET, host, &a) == 1;
}

static bool is_everywhere(const char *host)
{
    return !host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/* False: not tcp://HOST:PORT. */
static bool split(const char *address, struct parts *p)
{
    const char *host = address + 6, *colon = strrchr(address, ':'), *end = colon;
    if (!is_tcp(address) || colon < host)
        return false;
    if (*host == '[') {
        if (colon[-1] != ']')
            return false;
        host++, end--;
    }
    snprintf(p->host, sizeof p->host, "%.*s", (int)(end - host), host);
    snprintf(p->port, sizeof p->port, "%s", colon + 1);
    if (strcmp(p->host, "*") == 0)
        p->host[0] = '\0';
    if (strcmp(p->port, "0") == 0)
        snprintf(p->port, sizeof p->port, "*");
    size_t digits = strspn(p->port, "0123456789");
    bool number = digits && digits < 6 && !colon[1 + digits] && strtol(p->port, NULL, 10) < 65536;
    bool bracketed = address[6] == '[', v6 = is_number_v6(p->host);
    return (number || strcmp(p->port, "*") == 0) && (bracketed ? v6 : v6 || !strchr(p->host, ':'));
}

static void sock_address_join(char out[SOCK_ADDRESS_MAX], const char *host, const char *port)
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(out, SOCK_ADDRESS_MAX, "tcp://%s%.200s%s:%.15s", v6 ? "[" : "", host, v6 ? "]" : "",
             port);
}

static int not_an_address(const char *address, const char *option, struct onic_err *err)
{
    return err_set(err, ONIC_ECONFIG,
                   "%s=%.200s: an address looks like tcp://127.0.0.1:5555, tcp://name:5555, "
                   "tcp://[::1]:5555 or ipc:///path/socket",
                   option, address);
}

/* *tcp: it has parts. */
static int sock_address_parse(struct parts *p, bool *tcp, const char *address, const char *option,
                              struct onic_err *err)
{
    size_t n = strlen(address);
    if (n >= SOCK_ADDRESS_MAX)
        return err_set(err, ONIC_ECONFIG, "%s: the address is longer than %d characters", option,
                       SOCK_ADDRESS_MAX - 1);
    *tcp = is_tcp(address);
    bool path = (strncmp(address, "ipc://", 6) == 0 && address[6]) ||
                (strncmp(address, "inproc://", 9) == 0 && address[9]);
    return path || split(address, p) ? ONIC_OK : not_an_address(address, option, err);
}

/* --- resolving --------------------------------------------------------------------------- */

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static socklen_t length_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* The machine has this address; a name may stand for one of a family that is switched off. */
static bool is_here(const struct sockaddr *a)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool here = fd >= 0 && bind(fd, a, length_of(a)) == 0;
    if (fd >= 0)
        close(fd);
    return here;
}

/* a: with port 0. */
static void sock_address_add_endpoint(struct sock_endpoints *out, const struct sockaddr *a,
                                      const char *port)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    if (out->count == SOCK_ENDPOINTS_MAX || !is_here(a) ||
        getnameinfo(a, length_of(a), host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    sock_address_join(out->at[out->count].text, host, port);
    for (int i = 0; i < out->count; i++) /* hosts files say things twice */
        if (strcmp(out->at[i].text, out->at[out->count].text) == 0)
            return;
    out->at[out->count].ipv6 = a->sa_family == AF_INET6;
    out->at[out->count].loopback = is_loopback(a);
    out->count++;
}

static void add_interface(struct sock_endpoints *out, const char *name, const char *port)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && strcmp(i->ifa_name, name) == 0 &&
            (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6))
            sock_address_add_endpoint(out, i->ifa_addr, port);
    freeifaddrs(all);
}

static int look_up(const char *host, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    *out = NULL;
    int rc = getaddrinfo(host, NULL, &hints, out);
    return rc;
}

static int sock_address_resolve(struct sock_endpoints *out, const struct parts *p,
                                const char *address, const char *option, struct onic_err *err)
{
    struct addrinfo *all;
    if (if_nametoindex(p->host)) {
        add_interface(out, p->host, p->port);
    } else {
        int rc = look_up(p->host, &all);
        if (rc)
            return err_set(err, ONIC_ECONFIG, "%s=%.200s: the name %.100s does not resolve: %s",
                           option, address, p->host, gai_strerror(rc));
        for (struct addrinfo *a = all; a; a = a->ai_next)
            if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
                sock_address_add_endpoint(out, a->ai_addr, p->port);
        freeaddrinfo(all);
    }
    return out->count ? ONIC_OK
                      : err_set(err, ONIC_ECONFIG,
                                "%s=%.200s: this machine has no such address to listen at; "
                                "tcp://*:%s is all of its addresses",
                                option, address, p->port);
}

int sock_endpoints(struct sock_endpoints *out, const char *address, const char *option,
                   struct onic_err *err)
{
    struct parts p = {0};
    bool tcp = false;
    *out = (struct sock_endpoints){0};
    int rc = sock_address_parse(&p, &tcp, address, option, err);
    if (rc)
        return rc;
    if (tcp && p.host[0] && !is_everywhere(p.host))
        return sock_address_resolve(out, &p, address, option, err);
    out->count = 1;
    out->at[0].loopback = !tcp;
    out->at[0].ipv6 = tcp && strcmp(p.host, "0.0.0.0") != 0;
    if (tcp && !p.host[0]) /* both families; libzmq takes one that is off for absent */
        sock_address_join(out->at[0].text, "*", p.port);
    else if (tcp)
        sock_address_join(out->at[0].text, p.host, p.port);
    else
        snprintf(out->at[0].text, SOCK_ADDRESS_MAX, "%s", address);
    return ONIC_OK;
}

/* --- peers ------------------------------------------------------------------------------- */

int sock_check_peer(const char *address, const char *option, struct onic_err *err)
{
    struct parts p = {0};
    bool tcp = false;
    int rc = sock_address_parse(&p, &tcp, address, option, err);
    if (!rc && tcp && (!p.host[0] || strcmp(p.port, "*") == 0))
        rc = err_set(err, ONIC_ECONFIG,
                     "%s=%.200s: to connect, an address needs a host and a port, as in "
                     "tcp://host1:5555",
                     option, address);
    return rc;
}

bool sock_is_name(const char *address)
{
    struct parts p;
    return split(address, &p) && p.host[0] && !is_number_v4(p.host) && !is_number_v6(p.host);
}

bool sock_resolves(const char *address, char why[128])
{
    struct parts p;
    struct addrinfo *all = NULL;
    why[0] = '\0';
    if (!sock_is_name(address) || !split(address, &p))
        return true;
    int rc = look_up(p.host, &all);
    if (rc)
        snprintf(why, 128, "the name %.60s does not resolve: %.30s", p.host, gai_strerror(rc));
    else
        freeaddrinfo(all);
    return !rc;
}

void sock_peer_text(const char *address, char out[SOCK_ADDRESS_MAX])
{
    struct parts p;
    if (split(address, &p))
        sock_address_join(out, p.host, p.port);
    else
        snprintf(out, SOCK_ADDRESS_MAX, "%s", address);
}

/* --- relations --------------------------------------------------------------------------- */

bool sock_is_exposed(const char *address)
{
    struct sock_endpoints e;
    if (!is_tcp(address))
        return false;
    if (sock_endpoints(&e, address, "", NULL) != ONIC_OK)
        return true;
    for (int i = 0; i < e.count; i++)
        if (!e.at[i].loopback)
            return true;
    return false;
}

void sock_with_port(const char *address, const char *bound, char out[SOCK_ADDRESS_MAX])
{
    struct parts p, b;
    if (split(address, &p) && split(bound, &b))
        sock_address_join(out, p.host[0] ? p.host : "*", b.port);
    else
        snprintf(out, SOCK_ADDRESS_MAX, "%s", bound);
}

int sock_sibling(const char *address, const char *suffix, const char *option,
                 char out[SOCK_ADDRESS_MAX], struct onic_err *err)
{
    struct parts p;
    if (!split(address, &p)) {
        int n = snprintf(out, SOCK_ADDRESS_MAX, "%.*s%s", SOCK_ADDRESS_MAX - 1, address, suffix);
        return n < SOCK_ADDRESS_MAX
                   ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG, "%s: %.200s with %s behind it is too long; give it",
                             option, address, suffix);
    }
    if (strcmp(p.port, "*") != 0) {
        int port = (int)strtol(p.port, NULL, 10) + 1;
        if (port > 65535)
            return err_set(err, ONIC_ECONFIG,
                           "%s: it would be the port after that of %.200s, which is the last there "
                           "is; choose a lower one there, or give %s=tcp://HOST:PORT",
                           option, address, option);
        snprintf(p.port, sizeof p.port, "%d", port);
    }
    sock_address_join(out, p.host[0] ? p.host : "*", p.port);
    return ONIC_OK;
}

void sock_announce(const char *address, const char *first, const char *bound,
                   char out[SOCK_ADDRESS_MAX])
{
    struct parts a, f;
    bool known = split(address, &a) &&
                 ((split(first, &f) && strcmp(a.host, f.host) == 0) || if_nametoindex(a.host) != 0);
    sock_with_port(known ? "tcp://*:*" : address, bound, out);
}

void sock_reachable(const char *announced, const char *via, char out[SOCK_ADDRESS_MAX])
{
    struct parts a, v;
    snprintf(out, SOCK_ADDRESS_MAX, "%s", announced);
    if (split(announced, &a) && is_everywhere(a.host))
        sock_address_join(out, split(via, &v) && v.host[0] ? v.host : "127.0.0.1", a.port);
}

bool sock_may_name(const char *announced, const char *via)
{
    return is_tcp(announced) || !sock_is_exposed(via);
}

/* A port that is free on this endpoint now. */
static bool free_port(const char *endpoint, char port[PORT_MAX])
{
    struct parts p;
    struct addrinfo *a = NULL;
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    if (!split(endpoint, &p) || look_up(p.host, &a) != 0)
        return false;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
              getsockname(fd, (struct sockaddr *)&bound, &len) == 0;
    if (ok)
        snprintf(port, PORT_MAX, "%u",
                 ntohs(bound.ss_family == AF_INET6
                           ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                           : ((struct sockaddr_in *)(void *)&bound)->sin_port));
    if (fd >= 0)
        close(fd);
    freeaddrinfo(a);
    return ok;
}

int sock_local(const char *address, const char *option, char listen[SOCK_ADDRESS_MAX],
               char connect[SOCK_ADDRESS_MAX], struct onic_err *err)
{
    struct sock_endpoints e;
    struct parts p, given;
    int rc = sock_endpoints(&e, address, option, err);
    if (rc)
        return rc;
    snprintf(listen, SOCK_ADDRESS_MAX, "%s", address);
    snprintf(connect, SOCK_ADDRESS_MAX, "%s", e.at[0].text);
    if (!split(address, &given) || !split(e.at[0].text, &p))
        return ONIC_OK; /* a path */
    if (is_everywhere(p.host))
        snprintf(p.host, sizeof p.host, "%s", strcmp(p.host, "::") == 0 ? "::1" : "127.0.0.1");
    sock_address_join(connect, p.host, p.port);
    if (strcmp(p.port, "*") != 0)
        return ONIC_OK;
    if (!free_port(connect, p.port))
        return err_set(err, ONIC_ECANTCREATE, "%s=%.200s: no port is free", option, address);
    sock_address_join(listen, given.host[0] ? given.host : "*", p.port);
    sock_address_join(connect, p.host, p.port);
    return ONIC_OK;
}
