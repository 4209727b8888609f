/* SPDX-License-Identifier: MIT */
/* sock_crowd.c - see sock_crowd.h. */
#include "common/wire/frame/sock_crowd.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum {
    DEAF_MS = 30000,      /* nothing of what waits for it is fetched */
    MESSAGE_OVERHEAD = 64 /* frames and encryption around a message, at most */
};

struct connection {
    bool here;
    uint64_t address, route; /* route 0: it has said nothing yet */
    bool known;
    enum sock_crowd_why going; /* at the next check */
    int64_t since_ms;          /* a stranger since */
    size_t bytes_max;
    uint64_t heard; /* bytes that became messages */
    uint64_t unfetched;
    int64_t fetched_ms; /* when it last took something, or nothing waited */
};

struct sock_crowd {
    struct sock_crowd_rules rules;
    struct connection *at; /* [end] by descriptor: the system gives out the lowest free number */
    int end, count;
};

struct sock_crowd *sock_crowd_create(const struct sock_crowd_rules *rules)
{
    struct sock_crowd *c = xcalloc(1, sizeof *c);
    c->rules = *rules;
    return c;
}

void sock_crowd_free(struct sock_crowd *c)
{
    if (!c)
        return;
    free(c->at);
    free(c);
}

int sock_crowd_count(const struct sock_crowd *c)
{
    return c->count;
}

/* --- who is there ------------------------------------------------------------------------ */

void sock_crowd_leave(struct sock_crowd *c, int fd)
{
    if (fd < 0 || fd >= c->end || !c->at[fd].here)
        return;
    c->at[fd].here = false;
    c->count--;
}

/* Strangers of one address, or of all (any), and the oldest of them. */
static int crowd_strangers(struct sock_crowd *c, uint64_t address, bool any,
                           struct connection **oldest)
{
    int n = 0;
    *oldest = NULL;
    for (int i = 0; i < c->end; i++) {
        struct connection *k = &c->at[i];
        if (!k->here || k->known || k->going || !(any || k->address == address))
            continue;
        n++;
        if (!*oldest || k->since_ms < (*oldest)->since_ms)
            *oldest = k;
    }
    return n;
}

static void make_room(struct sock_crowd *c, uint64_t address)
{
    struct connection *oldest;
    if (crowd_strangers(c, address, false, &oldest) > c->rules.strangers_each ||
        crowd_strangers(c, 0, true, &oldest) > c->rules.strangers_max)
        oldest->going = CROWD_TOO_MANY;
}

void sock_crowd_come(struct sock_crowd *c, int fd, uint64_t address, int64_t now_ms)
{
    sock_crowd_leave(c, fd);
    if (fd >= c->end) {
        int end = 2 * fd + 64;
        c->at = xrealloc(c->at, (size_t)end * sizeof *c->at);
        memset(c->at + c->end, 0, (size_t)(end - c->end) * sizeof *c->at);
        c->end = end;
    }
    c->count++;
    c->at[fd] = (struct connection){.here = true,
                                    .address = address,
                                    .since_ms = now_ms,
                                    .fetched_ms = now_ms,
                                    .bytes_max = c->rules.stranger_bytes};
    make_room(c, address);
}

static struct connection *crowd_find(struct sock_crowd *c, struct sock_crowd_name n)
{
    struct connection *k = n.fd >= 0 && n.fd < c->end ? &c->at[n.fd] : NULL;
    return k && k->here && (k->route == n.route || k->route == 0) ? k : NULL;
}

void sock_crowd_hear(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes)
{
    struct connection *k = crowd_find(c, n);
    if (!k)
        return;
    k->route = n.route;
    k->heard += bytes + MESSAGE_OVERHEAD;
}

void sock_crowd_know(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes)
{
    struct connection *k = crowd_find(c, n);
    if (!k)
        return;
    k->known = true;
    k->bytes_max = bytes;
}

void sock_crowd_forget(struct sock_crowd *c, struct sock_crowd_name n, int64_t now_ms)
{
    struct connection *k = crowd_find(c, n);
    if (!k)
        return;
    k->known = false;
    k->since_ms = now_ms; /* what it was allowed may still be under way */
}

void sock_crowd_cut(struct sock_crowd *c, struct sock_crowd_name n)
{
    struct connection *k = crowd_find(c, n);
    if (k)
        k->going = CROWD_ASKED;
}

/* --- who has to go ----------------------------------------------------------------------- */

static enum sock_crowd_why crowd_judge(const struct sock_crowd *c, struct connection *k,
                                       const struct sock_crowd_look *now, int64_t now_ms)
{
    if (now->received && k->heard > now->received)
        k->heard = now->received; /* overhead that was not there is no credit */
    if (now->unfetched == 0 || now->unfetched != k->unfetched)
        k->fetched_ms = now_ms;
    k->unfetched = now->unfetched;
    if (k->going)
        return k->going;
    if (now->received && now->received - k->heard > k->bytes_max)
        return CROWD_ENDLESS;
    if (now_ms - k->fetched_ms >= DEAF_MS)
        return CROWD_DEAF;
    return !k->known && now_ms - k->since_ms >= c->rules.stranger_ms ? CROWD_SILENT : CROWD_STAYS;
}

void sock_crowd_check(struct sock_crowd *c, int64_t now_ms, const struct sock_crowd_hands *h)
{
    for (int fd = 0; fd < c->end; fd++) {
        struct sock_crowd_look look = {0};
        if (!c->at[fd].here)
            continue;
        enum sock_crowd_why why = CROWD_STAYS;
        bool there = h->look(h->ctx, fd, &look);
        if (there)
            why = crowd_judge(c, &c->at[fd], &look, now_ms);
        if (why)
            h->cut(h->ctx, fd, why);
        if (why || !there)
            sock_crowd_leave(c, fd);
    }
}
