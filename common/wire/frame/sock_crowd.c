/* SPDX-License-Identifier: MIT */
/* sock_crowd.c - see sock_crowd.h. */
#include "common/wire/frame/sock_crowd.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/xmalloc.h"

enum {
    DEAF_MS = 30000,       /* nothing of what waits for it is fetched */
    EARLY_MS = 5000,       /* heard, and not told of; then it was a message of one that has left */
    QUIET_MS = 60000,      /* a known one that says nothing for so long makes room */
    JOIN_MS = 500,         /* that joining may take, over a slow line */
    MESSAGE_OVERHEAD = 64, /* frames and encryption around a message, at most */
    NOT_YET = -1           /* a time that the next check fills in */
};

/* A number is closed, given out anew, and spoken over before anybody has told of the two; so what
 * is told (come, leave) and what is heard may be of different connections for a moment. Routes are
 * numbered in the order in which connections were made: of two with one descriptor the one with the
 * larger route is there now. */
struct connection {
    bool here;
    bool early;              /* heard before it was told of: what is told next is its coming, */
    bool told;               /* unless that was told as the coming of the one that it replaced */
    uint64_t address, route; /* route 0: it has said nothing yet */
    uint64_t before;         /* the last route that this descriptor had before */
    bool known;
    enum sock_crowd_why going; /* at the next check */
    int64_t since_ms;          /* a stranger since */
    uint64_t number;           /* of its coming: of two in one millisecond the smaller is older */
    size_t bytes_max;
    uint64_t heard;               /* bytes that became messages */
    uint64_t received, unfetched; /* when last looked at */
    int64_t received_ms;          /* when bytes last came, */
    int64_t fetched_ms;           /* and when it last took something, or nothing waited */
};

struct sock_crowd {
    struct sock_crowd_rules rules;
    struct connection *at; /* [end] by descriptor: the system gives out the lowest free number */
    int end, count;
    uint64_t comings;
    double lately; /* comings within JOIN_MS, those of long ago for less */
    int64_t came_ms;
    /* strangers of each address, a table of open places; n 0: a free one */
    struct tally {
        uint64_t address;
        int n;
    } * tally;
    size_t places, places_max; /* a power of two */
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
    free(c->tally);
    free(c);
}

int sock_crowd_count(const struct sock_crowd *c)
{
    return c->count;
}

/* --- who is there ------------------------------------------------------------------------ */

static void crowd_drop(struct sock_crowd *c, struct connection *k)
{
    k->before = k->route ? k->route : k->before;
    k->here = false;
    c->count--;
}

void sock_crowd_leave(struct sock_crowd *c, int fd)
{
    if (fd < 0 || fd >= c->end || !c->at[fd].here)
        return;
    /* an early one has not even come yet: it is the one before that has left */
    if (c->at[fd].early)
        c->at[fd].told = false;
    else
        crowd_drop(c, &c->at[fd]);
}

/* Who was not looked at yet has just come. */
static int64_t crowd_time(int64_t ms)
{
    return ms == NOT_YET ? INT64_MAX : ms;
}

static bool crowd_is_older(const struct connection *a, const struct connection *b)
{
    int64_t at = crowd_time(a->since_ms), other = crowd_time(b->since_ms);
    return at != other ? at < other : a->number < b->number;
}

/* Of 0..n - 1; another one for each coming. */
static int crowd_lot(const struct sock_crowd *c, int n)
{
    const uint64_t seed[2] = {c->comings, (uint64_t)n};
    return (int)(XXH3_64bits(seed, sizeof seed) % (uint64_t)n);
}

static bool crowd_is_stranger(const struct connection *k)
{
    return k->here && !k->known && !k->going;
}

static struct tally *crowd_tally_of(const struct sock_crowd *c, uint64_t address)
{
    size_t at = (size_t)XXH3_64bits(&address, sizeof address);
    while (c->tally[at & (c->places - 1)].n && c->tally[at & (c->places - 1)].address != address)
        at++;
    return &c->tally[at & (c->places - 1)];
}

/* How many of the n strangers the address has of which most are here. */
static int crowd_tally(struct sock_crowd *c, int n)
{
    int most = 0;
    for (c->places = 16; c->places < 2 * (size_t)n;)
        c->places *= 2;
    if (c->places > c->places_max) {
        c->tally = xrealloc(c->tally, c->places * sizeof *c->tally);
        c->places_max = c->places;
    }
    memset(c->tally, 0, c->places * sizeof *c->tally);
    for (int i = 0; i < c->end; i++) {
        if (!crowd_is_stranger(&c->at[i]))
            continue;
        struct tally *t = crowd_tally_of(c, c->at[i].address);
        t->address = c->at[i].address;
        most = ++t->n > most ? t->n : most;
    }
    return most;
}

struct strangers {
    int n;
    struct connection *oldest, *drawn; /* drawn: by lot, of all but the newcomer */
    bool has_newcomer;
};

/* Those of the newcomer's address (most 0), or of all addresses that have so many. */
static struct strangers crowd_strangers(struct sock_crowd *c, const struct connection *newcomer,
                                        int most)
{
    struct strangers s = {0};
    int others = 0;
    for (int i = 0; i < c->end; i++) {
        struct connection *k = &c->at[i];
        if (!crowd_is_stranger(k) ||
            (most ? crowd_tally_of(c, k->address)->n != most : k->address != newcomer->address))
            continue;
        s.n++;
        s.has_newcomer |= k == newcomer;
        if (!s.oldest || crowd_is_older(k, s.oldest))
            s.oldest = k;
        if (k != newcomer && crowd_lot(c, ++others) == 0)
            s.drawn = k;
    }
    return s;
}

static int crowd_count_strangers(const struct sock_crowd *c)
{
    int n = 0;
    for (int i = 0; i < c->end; i++)
        n += crowd_is_stranger(&c->at[i]);
    return n;
}

/* Whether more are here than may be. */
static bool crowd_is_full(const struct sock_crowd *c)
{
    int n = 0;
    for (int i = 0; i < c->end; i++)
        n += c->at[i].here && !c->at[i].going;
    return c->rules.all_max && n > c->rules.all_max;
}

/* The known one that has said nothing for longest, if that is long at all, else NULL. */
static struct connection *crowd_quietest(struct sock_crowd *c, int64_t now_ms)
{
    struct connection *quietest = NULL;
    for (int i = 0; i < c->end; i++) {
        struct connection *k = &c->at[i];
        if (k->here && !k->going && k->known && k->received_ms != NOT_YET &&
            now_ms - k->received_ms >= QUIET_MS &&
            (!quietest || k->received_ms < quietest->received_ms))
            quietest = k;
    }
    return quietest;
}

static void crowd_count_coming(struct sock_crowd *c, int64_t now_ms)
{
    int64_t since = now_ms - c->came_ms;
    c->lately = since < JOIN_MS ? c->lately * (double)(JOIN_MS - since) / JOIN_MS : 0;
    c->lately += 1;
    c->came_ms = now_ms;
}

/* One newcomer of so many stays. If more did, there would be so many that none is left alone for as
 * long as joining takes; if fewer, those who can join in that time come in for nothing. */
static int crowd_odds(const struct sock_crowd *c, const struct strangers *s)
{
    double odds = c->lately / s->n;
    return odds < 2 ? 2 : odds < INT_MAX ? (int)odds : INT_MAX;
}

/* The oldest one has had its time. Where it has not, as many come at once as a run has actors, all
 * behind one address, which need as long: the oldest is the next to join, and if it always went
 * nobody would ever get so far. Then the newcomer goes, or another one, by lot. */
static struct connection *crowd_leaver(const struct sock_crowd *c, const struct strangers *s,
                                       struct connection *newcomer, int64_t now_ms)
{
    bool storm = now_ms - crowd_time(s->oldest->since_ms) < c->rules.stranger_ms / 2;
    if (!storm || !s->drawn)
        return s->oldest;
    return !s->has_newcomer || crowd_lot(c, crowd_odds(c, s)) == 1 ? s->drawn : newcomer;
}

/* Of an address of which as many are here as of no other one: who comes again and again from a few
 * makes no room there with those of others. */
static struct connection *crowd_leaver_of_most(struct sock_crowd *c, struct connection *newcomer,
                                               int n, int64_t now_ms)
{
    struct strangers most = crowd_strangers(c, newcomer, crowd_tally(c, n));
    return most.n ? crowd_leaver(c, &most, newcomer, now_ms) : NULL;
}

/* Somebody has come: one of the strangers goes, where there are too many of them, or of all. The
 * newcomer is one of them; it gets its chance where somebody who is known does not use his. */
static void make_room(struct sock_crowd *c, struct connection *newcomer, int64_t now_ms)
{
    struct connection *quietest = crowd_quietest(c, now_ms), *leaver = NULL;
    struct strangers near = crowd_strangers(c, newcomer, 0);
    int all = crowd_count_strangers(c);
    bool full = crowd_is_full(c);
    if (full && all == 1 && quietest)
        leaver = quietest;
    else if (near.n > c->rules.strangers_each && !full)
        leaver = crowd_leaver(c, &near, newcomer, now_ms);
    else if (full || all > c->rules.strangers_max)
        leaver = crowd_leaver_of_most(c, newcomer, all, now_ms);
    if (leaver)
        leaver->going = CROWD_TOO_MANY;
}

static void crowd_grow(struct sock_crowd *c, int fd)
{
    if (fd < c->end)
        return;
    int end = 2 * fd + 64;
    c->at = xrealloc(c->at, (size_t)end * sizeof *c->at);
    memset(c->at + c->end, 0, (size_t)(end - c->end) * sizeof *c->at);
    c->end = end;
}

static void crowd_begin(struct sock_crowd *c, struct connection *k, int64_t now_ms)
{
    if (k->here)
        crowd_drop(c, k);
    *k = (struct connection){.here = true,
                             .before = k->before,
                             .since_ms = now_ms,
                             .number = ++c->comings,
                             .received_ms = now_ms,
                             .fetched_ms = now_ms,
                             .bytes_max = c->rules.stranger_bytes};
    c->count++;
}

void sock_crowd_come(struct sock_crowd *c, int fd, uint64_t address, int64_t now_ms)
{
    crowd_grow(c, fd);
    crowd_count_coming(c, now_ms);
    struct connection *k = &c->at[fd];
    if (!k->here || !k->early)
        crowd_begin(c, k, now_ms);
    k->early = k->told = false;
    k->address = address;
    make_room(c, k, now_ms);
}

/* libzmq's: a zero and four bytes, the highest first. The highest bit says that there is a route,
 * the next that it is none of these. */
uint64_t sock_crowd_route(const uint8_t *bytes, size_t len)
{
    uint64_t route = 0;
    bool counts = len == 5 && bytes[0] == 0;
    for (size_t i = 1; counts && i < len; i++)
        route = route << 8 | bytes[i];
    if (!counts)
        route = XXH3_64bits(bytes, len) >> 2 | 1ull << 62;
    return route | 1ull << 63;
}

bool sock_crowd_route_counts(uint64_t route)
{
    return !(route & 1ull << 62);
}

/* Numbers wrap around; a route that is none was chosen by its peer, and counts as new. */
static bool route_is_newer(uint64_t route, uint64_t than)
{
    if (than == 0 || !sock_crowd_route_counts(route) || !sock_crowd_route_counts(than))
        return route != than;
    return (int32_t)((uint32_t)route - (uint32_t)than) > 0;
}

/* Heard, and what is there is another one's; that may be no more than a route that came late and
 * was taken for its own. */
static void crowd_begin_early(struct sock_crowd *c, struct connection *k)
{
    bool told = k->here && (!k->early || k->told);
    uint64_t address = told ? k->address : 0;
    crowd_begin(c, k, NOT_YET);
    k->early = true;
    k->told = told;
    k->address = address;
}

/* The connection that this is a name of; NULL: it is not there any more. */
static struct connection *crowd_find(struct sock_crowd *c, struct sock_crowd_name n)
{
    if (n.fd < 0)
        return NULL;
    crowd_grow(c, n.fd);
    struct connection *k = &c->at[n.fd];
    if (k->here && k->route == n.route)
        return k;
    if (!route_is_newer(n.route, k->route ? k->route : k->before))
        return NULL;
    if (!k->here || k->route)
        crowd_begin_early(c, k);
    k->route = n.route;
    return k;
}

void sock_crowd_hear(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes)
{
    struct connection *k = crowd_find(c, n);
    if (!k)
        return;
    k->heard += bytes + MESSAGE_OVERHEAD;
}

/* Who was never heard is not known by what somebody says of it. */
static struct connection *crowd_heard(struct sock_crowd *c, struct sock_crowd_name n)
{
    struct connection *k = n.fd >= 0 && n.fd < c->end ? &c->at[n.fd] : NULL;
    return k && k->here && k->route == n.route ? k : NULL;
}

/* It was to make room for another stranger, and is none any more. */
static void crowd_pardon(const struct sock_crowd *c, struct connection *k)
{
    k->going = CROWD_STAYS;
    if (crowd_is_full(c))
        k->going = CROWD_TOO_MANY;
}

void sock_crowd_know(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes)
{
    struct connection *k = crowd_heard(c, n);
    if (!k)
        return;
    if (!k->known && k->going == CROWD_TOO_MANY)
        crowd_pardon(c, k);
    k->known = true;
    k->bytes_max = bytes;
}

void sock_crowd_forget(struct sock_crowd *c, struct sock_crowd_name n, int64_t now_ms)
{
    struct connection *k = crowd_heard(c, n);
    if (!k)
        return;
    k->known = false;
    k->since_ms = now_ms; /* what it was allowed may still be under way */
}

void sock_crowd_cut(struct sock_crowd *c, struct sock_crowd_name n)
{
    struct connection *k = crowd_heard(c, n);
    if (k)
        k->going = CROWD_ASKED;
}

bool sock_crowd_flow(struct sock_crowd *c, struct sock_crowd_name n, int64_t now_ms,
                     struct sock_crowd_flow *out)
{
    const struct connection *k = crowd_heard(c, n);
    if (!k || k->received == 0 || k->received_ms == NOT_YET)
        return false;
    *out = (struct sock_crowd_flow){.received_ms = now_ms - k->received_ms,
                                    .fetched_ms = now_ms - k->fetched_ms};
    return true;
}

/* --- who has to go ----------------------------------------------------------------------- */

static enum sock_crowd_why crowd_judge(const struct sock_crowd *c, struct connection *k,
                                       const struct sock_crowd_look *now, int64_t now_ms)
{
    if (k->since_ms == NOT_YET)
        k->since_ms = k->received_ms = k->fetched_ms = now_ms;
    if (now->received != k->received)
        k->received_ms = now_ms;
    k->received = now->received;
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

/* Perhaps its number is no connection's of this socket by now: it is not touched. But one that was
 * told to come, and of which nobody told that it left, is there. */
static bool was_never_told(struct connection *k, int64_t now_ms)
{
    if (!k->early || now_ms - k->since_ms < EARLY_MS)
        return false;
    if (!k->told)
        return true;
    k->early = k->told = false;
    return false;
}

void sock_crowd_check(struct sock_crowd *c, int64_t now_ms, const struct sock_crowd_hands *h)
{
    for (int fd = 0; fd < c->end; fd++) {
        struct connection *k = &c->at[fd];
        struct sock_crowd_look look = {0};
        if (!k->here)
            continue;
        enum sock_crowd_why why = CROWD_STAYS;
        bool there = h->look(h->ctx, fd, &look);
        if (there)
            why = crowd_judge(c, k, &look, now_ms);
        if (there && was_never_told(k, now_ms))
            there = false;
        if (why && !k->early)
            h->cut(h->ctx, fd, why);
        if (!there || (why && !k->early))
            crowd_drop(c, k);
    }
}
