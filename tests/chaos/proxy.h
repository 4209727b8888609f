/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_PROXY_H
#define ONIC_TESTS_CHAOS_PROXY_H

/* proxy.h - a process between two ends of a stream socket that does to their bytes what networks
 * and broken middle boxes do. Streams stay streams: bytes of one direction are never reordered, but
 * each direction and connection has a delay of its own, so that messages overtake each other. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum proxy_fault {
    PROXY_DELAY, /* other delays from now on, up to 60 ms for each direction */
    PROXY_STALL, /* nothing is forwarded for up to two seconds */
    PROXY_FLIP,  /* a bit of the next bytes; the connection is cut half a second later */
    PROXY_CUT,   /* both ends closed */
    PROXY_HALF,  /* one direction ends, the other goes on for three seconds */
    PROXY_FAULTS
};

struct proxy {
    pid_t pid;
    struct proxy_shared *shared;
};

/* Listens at the path of a Unix socket and connects to another. False: errno says why. */
bool proxy_start(struct proxy *p, const char *listen_path, const char *target_path, uint64_t seed);
/* Asks for one fault, on a connection that it chooses; done is counted. */
void proxy_ask(struct proxy *p, enum proxy_fault fault);
uint64_t proxy_done(const struct proxy *p, enum proxy_fault fault);
void proxy_stop(struct proxy *p);

#endif /* ONIC_TESTS_CHAOS_PROXY_H */
