/* SPDX-License-Identifier: MIT */
/* sock_manners.c - see sock_manners.h.
 *
 * A table of the newest that were bad: who behaves is in none, and who has more connections than
 * it has places starts anew with each, as everybody does. */
#include "common/wire/frame/sock_manners.h"

#include "common/base/clock.h"
#include "common/base/log.h"

enum { MANNERS_MINUTE_MS = 60000 };

static struct sock_manners_of *find_manners(struct sock_manners *m, uint64_t route)
{
    for (int i = 0; i < SOCK_MANNERS_MAX; i++)
        if (m->of[i].route == route)
            return &m->of[i];
    return NULL;
}

static struct sock_manners_of *new_manners(struct sock_manners *m, uint64_t route, int64_t now)
{
    struct sock_manners_of *oldest = &m->of[0];
    for (int i = 1; i < SOCK_MANNERS_MAX; i++)
        if (m->of[i].minute_ms < oldest->minute_ms)
            oldest = &m->of[i];
    *oldest = (struct sock_manners_of){.route = route, .minute_ms = now};
    return oldest;
}

bool sock_manners_bad(struct sock_manners *m, void *socket, const struct sock_route *from,
                      const char *why)
{
    int64_t now = clock_ms();
    uint64_t route = sock_crowd_route(from->bytes, from->len);
    struct sock_manners_of *of = find_manners(m, route);
    if (!of)
        of = new_manners(m, route, now);
    if (now - of->minute_ms > MANNERS_MINUTE_MS)
        *of = (struct sock_manners_of){.route = route, .minute_ms = now};
    atomic_fetch_add(&m->bad, 1);
    if (log_every_ms(&m->log_ms, 1000))
        log_warn("a message was thrown away", kv("reason", why), kv("from", from->peer));
    if (++of->bad != SOCK_MANNERS_PER_MINUTE)
        return false;
    sock_cut(socket, from);
    return true;
}

bool sock_manners_shut_out(struct sock_manners *m, const struct sock_route *from)
{
    const struct sock_manners_of *of = find_manners(m, sock_crowd_route(from->bytes, from->len));
    if (!of || of->bad < SOCK_MANNERS_PER_MINUTE)
        return false;
    atomic_fetch_add(&m->bad, 1);
    return true;
}
