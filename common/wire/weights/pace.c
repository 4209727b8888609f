/* SPDX-License-Identifier: MIT */
/* pace.c - see pace.h. Bytes that may be sent grow with time up to a tenth of a second's; an answer
 * is sent while there are any, and may take more than there are: so in any time no more than the
 * rate is sent, and a tenth of a second's and one chunk besides. */
#include "common/wire/weights/pace.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"

enum { QUESTIONS_EACH = 4 }; /* of a connection; an actor asks two */
static const double BURST_S = 0.1;

struct pace_reader {
    struct sock_route route;
    uint64_t version_plus_1, turn;
    uint32_t chunk[QUESTIONS_EACH];
    int n;
    uint32_t served; /* answers since its turn came */
};

struct pace {
    double rate, room; /* bytes a second, bytes */
    int64_t filled_ns;
    uint32_t chunks;
    uint64_t turns;
    struct pace_reader *reader; /* [count], cap of them */
    int count, cap;
};

struct pace *pace_create(double bytes_per_s, uint32_t chunks, int readers_max)
{
    struct pace *p = xcalloc(1, sizeof *p);
    p->rate = bytes_per_s;
    p->filled_ns = clock_ns();
    p->chunks = chunks;
    p->cap = readers_max;
    p->reader = xcalloc((size_t)readers_max, sizeof *p->reader);
    return p;
}

void pace_free(struct pace *p)
{
    if (!p)
        return;
    free(p->reader);
    free(p);
}

/* That of the connection, else one that waits for nothing, longest ago; NULL: all wait. */
static struct pace_reader *pace_reader_of(struct pace *p, const struct sock_route *route)
{
    struct pace_reader *unused = NULL;
    for (int i = 0; i < p->count; i++) {
        struct pace_reader *r = &p->reader[i];
        if (sock_route_equal(&r->route, route))
            return r;
        if (r->n == 0 && (!unused || r->turn < unused->turn))
            unused = r;
    }
    if (p->count < p->cap)
        unused = &p->reader[p->count++];
    if (unused)
        *unused = (struct pace_reader){.route = *route};
    return unused;
}

bool pace_ask(struct pace *p, const struct pace_question *q)
{
    struct pace_reader *r = pace_reader_of(p, &q->from);
    if (!r)
        return true;
    if (r->turn == 0 || r->version_plus_1 != q->version_plus_1) {
        r->version_plus_1 = q->version_plus_1;
        r->turn = ++p->turns;
        r->n = 0;
        r->served = 0;
    }
    for (int i = 0; i < r->n; i++)
        if (r->chunk[i] == q->chunk)
            return false;
    if (r->n < QUESTIONS_EACH)
        r->chunk[r->n++] = q->chunk;
    return true;
}

static void pace_fill(struct pace *p)
{
    int64_t now = clock_ns();
    double most = p->rate * BURST_S;
    p->room += p->rate * (double)(now - p->filled_ns) * 1e-9;
    p->room = p->room < most ? p->room : most;
    p->filled_ns = now;
}

bool pace_next(struct pace *p, struct pace_question *out)
{
    struct pace_reader *first = NULL;
    pace_fill(p);
    if (p->room <= 0)
        return false;
    for (int i = 0; i < p->count; i++) {
        struct pace_reader *r = &p->reader[i];
        if (r->n > 0 && (!first || r->turn < first->turn))
            first = r;
    }
    if (!first)
        return false;
    *out = (struct pace_question){first->route, first->version_plus_1, first->chunk[0]};
    memmove(first->chunk, first->chunk + 1, (size_t)--first->n * sizeof *first->chunk);
    if (++first->served >= p->chunks) {
        first->turn = ++p->turns;
        first->served = 0;
    }
    return true;
}

void pace_sent(struct pace *p, size_t bytes)
{
    p->room -= (double)bytes;
}

int pace_wait_ms(const struct pace *p, int most_ms)
{
    bool any = false;
    for (int i = 0; i < p->count; i++)
        any |= p->reader[i].n > 0;
    double room = p->room + p->rate * (double)(clock_ns() - p->filled_ns) * 1e-9;
    double ms = room > 0 ? 0 : -room / p->rate * 1e3 + 1;
    return any && ms < most_ms ? (int)ms : most_ms;
}
