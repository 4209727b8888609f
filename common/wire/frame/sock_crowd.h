/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_CROWD_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_CROWD_H

/* sock_crowd.h - the connections of a socket that listens, and which of them have to go.
 *
 * libzmq accepts whoever comes, keeps whoever says nothing, and stores what belongs to a message
 * that never ends, or that nobody fetches. So each connection is a stranger at first: it has some
 * seconds to become known (join), there are only so many strangers, of one machine and in all, of
 * which the oldest goes, so that a newcomer always gets its chance (one by lot, where all have come
 * within half of that time: perhaps a run's actors; in all, one of a machine that has most of
 * them); what it has sent and what has not become a whole message is bounded, small for strangers,
 * by what was agreed for the others; and who does not fetch what is sent to it for long goes, too.
 *
 * A table and its rules; no socket is touched here: the guard (sock_guard.h) looks and cuts.
 * Private to common/wire, one thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sock_crowd;

struct sock_crowd_rules {
    int strangers_max, strangers_each; /* in all, of one machine */
    int all_max;                       /* known ones too; 0 = any number */
    int64_t stranger_ms;               /* until it must be known */
    size_t stranger_bytes;             /* that it may have under way */
};

/* A connection as the system sees it; bytes since it was made. */
struct sock_crowd_look {
    uint64_t received;  /* by this process, 0 = cannot be told (ipc) */
    uint64_t unfetched; /* written to it and not taken by the peer */
};

enum sock_crowd_why {
    CROWD_STAYS,
    CROWD_SILENT,
    CROWD_TOO_MANY,
    CROWD_ENDLESS,
    CROWD_DEAF,
    CROWD_ASKED,
    CROWD_WHYS
};

struct sock_crowd *sock_crowd_create(const struct sock_crowd_rules *rules);
void sock_crowd_free(struct sock_crowd *c); /* NULL is allowed */

/* A new connection with this descriptor; one that had the number before is gone. address: equal for
 * connections of one machine. */
void sock_crowd_come(struct sock_crowd *c, int fd, uint64_t address, int64_t now_ms);
void sock_crowd_leave(struct sock_crowd *c, int fd);
int sock_crowd_count(const struct sock_crowd *c);

/* A connection is named by its number and by its route (libzmq's, unique): a number is used again
 * while messages of the one before still come. What names none changes nothing. */
struct sock_crowd_name {
    int fd;
    uint64_t route; /* never 0; see sock_crowd_route */
};
/* libzmq numbers its routes in the order in which connections are made, so two of one descriptor
 * can be told apart; a peer may have chosen its own, which says nothing. */
uint64_t sock_crowd_route(const uint8_t *bytes, size_t len);
bool sock_crowd_route_counts(uint64_t route);
/* So many bytes of it have become a message. */
void sock_crowd_hear(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes);
/* It has joined; bytes: that it may have under way from now on. */
void sock_crowd_know(struct sock_crowd *c, struct sock_crowd_name n, size_t bytes);
/* A stranger (again), from now on. */
void sock_crowd_forget(struct sock_crowd *c, struct sock_crowd_name n, int64_t now_ms);
/* It goes at the next check. */
void sock_crowd_cut(struct sock_crowd *c, struct sock_crowd_name n);

/* How long ago, as far as the looks have told, bytes of it came; and how long nothing of what waits
 * for it was fetched (0: nothing waits). False: that is not known (ipc, or not looked at yet). */
struct sock_crowd_flow {
    int64_t received_ms, fetched_ms;
};
bool sock_crowd_flow(struct sock_crowd *c, struct sock_crowd_name n, int64_t now_ms,
                     struct sock_crowd_flow *out);

/* Looks at every connection: look tells what the system knows (false: it is gone), cut ends one. */
struct sock_crowd_hands {
    bool (*look)(void *ctx, int fd, struct sock_crowd_look *out);
    void (*cut)(void *ctx, int fd, enum sock_crowd_why why);
    void *ctx;
};
void sock_crowd_check(struct sock_crowd *c, int64_t now_ms, const struct sock_crowd_hands *h);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_CROWD_H */
