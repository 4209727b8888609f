/* SPDX-License-Identifier: MIT */
/* loans.c - see loans.h. */
#include "common/wire/weights/loans.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"

enum { FREE_TRIES = 1000 };

struct reader {
    struct sock_route route;
    atomic_int lent;
    atomic_llong moved_ms; /* the last was returned, or the first lent */
    struct reader *next;
};

struct loans {
    struct reader *readers;
    atomic_int copies;
};

/* Of one message. */
struct loan {
    struct loans *of;
    struct reader *reader;
    struct loan_end end;
    void *copy;
};

struct loans *loans_create(void)
{
    return xcalloc(1, sizeof(struct loans));
}

static bool loans_any(const struct loans *l)
{
    for (const struct reader *r = l->readers; r; r = r->next)
        if (atomic_load(&r->lent) > 0)
            return true;
    return false;
}

bool loans_free(struct loans *l)
{
    for (int tries = 0; loans_any(l) && tries < FREE_TRIES; tries++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000},
                  NULL); /* libzmq closes sockets in the background */
    if (loans_any(l))
        return false;
    while (l->readers) {
        struct reader *next = l->readers->next;
        free(l->readers);
        l->readers = next;
    }
    free(l);
    return true;
}

/* That of the connection, or one that nobody has: whoever has left returned everything. */
static struct reader *reader_of(struct loans *l, const struct sock_route *to)
{
    struct reader *unused = NULL;
    for (struct reader *r = l->readers; r; r = r->next) {
        if (sock_route_equal(&r->route, to))
            return r;
        if (atomic_load(&r->lent) == 0)
            unused = r;
    }
    if (!unused) {
        unused = xcalloc(1, sizeof *unused);
        unused->next = l->readers;
        l->readers = unused;
    }
    unused->route = *to;
    return unused;
}

bool loans_may_lend(struct loans *l, const struct sock_route *to)
{
    return atomic_load(&reader_of(l, to)->lent) < LOANS_EACH;
}

bool loans_may_copy(struct loans *l, const struct sock_route *to)
{
    bool first = atomic_load(&reader_of(l, to)->lent) == 0;
    return atomic_load(&l->copies) < (first ? LOANS_COPIES_LAST : LOANS_COPIES_MAX);
}

/* libzmq's thread. */
static void loan_returned(void *data, void *hint)
{
    struct loan *n = hint;
    (void)data;
    if (n->end.end_ms)
        atomic_store(n->end.end_ms, clock_ms());
    if (n->end.refs)
        atomic_fetch_sub(n->end.refs, 1);
    if (n->copy)
        atomic_fetch_sub(&n->of->copies, 1);
    free(n->copy);
    atomic_store(&n->reader->moved_ms, clock_ms());
    atomic_fetch_sub(&n->reader->lent, 1);
    free(n);
}

void loans_lend(struct loans *l, const struct sock_route *to, zmq_msg_t *msg, void *bytes,
                size_t len, struct loan_end end)
{
    struct loan *n = xcalloc(1, sizeof *n);
    *n = (struct loan){.of = l, .reader = reader_of(l, to), .end = end};
    if (end.refs) {
        atomic_fetch_add(end.refs, 1);
    } else {
        n->copy = bytes = memcpy(xmalloc(len), bytes, len);
        atomic_fetch_add(&l->copies, 1);
    }
    if (atomic_fetch_add(&n->reader->lent, 1) == 0)
        atomic_store(&n->reader->moved_ms, clock_ms());
    ONIC_ASSERT(zmq_msg_init_data(msg, bytes, len, loan_returned, n) == 0);
}

static int64_t reader_waits_ms(const struct reader *r, int64_t now, const struct loans_idle *idle)
{
    int64_t since = now - atomic_load(&r->moved_ms);
    int64_t bytes = idle ? idle->ms(idle->ctx, &r->route) : -1;
    return bytes >= 0 && bytes < since ? bytes : since;
}

bool loans_slowest(struct loans *l, int64_t min_ms, const struct loans_idle *idle,
                   struct sock_route *out)
{
    int64_t now = clock_ms(), longest = min_ms;
    struct reader *slowest = NULL;
    for (struct reader *r = l->readers; r; r = r->next) {
        if (atomic_load(&r->lent) <= 0)
            continue;
        int64_t since = reader_waits_ms(r, now, idle);
        if (since >= longest) {
            longest = since;
            slowest = r;
        }
    }
    if (!slowest)
        return false;
    *out = slowest->route;
    atomic_store(&slowest->moved_ms, now);
    return true;
}
