/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_WEIGHTS_SERVER_H
#define ONIC_COMMON_WIRE_WEIGHTS_SERVER_H

/* server.h - serves versioned snapshots in checked 1 MiB chunks; rules W1-W6. Private to
 * common/wire.
 *
 * Own thread and own socket, so that a large transfer never delays a credit. publish is called by
 * the training thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { WEIGHTS_CHUNK_BYTES = 1 << 20, WEIGHTS_PIN_MS = 30000 };

struct wire_weights_server;
struct wire_keys;

struct wire_weights_server_params {
    void *context;
    const char *address;
    const char *option; /* what to change, in sentences */
    bool allow_insecure;
    struct wire_keys *keys; /* NULL = none */
    uint8_t run_id[16];
    uint32_t epoch;
    size_t floats;
    int hwm;
    int connections_max; /* 0 = a default */
    double bytes_per_s;  /* sent at most, to all together; 0 = any number */
};

/* Binds the socket. */
int wire_weights_server_open(struct wire_weights_server **out,
                             const struct wire_weights_server_params *p, struct onic_err *err);
/* The thread, which says turn whenever something has come; a caller may do that itself instead. */
void wire_weights_server_start(struct wire_weights_server *s);
void wire_weights_server_turn(struct wire_weights_server *s);
/* Stops the thread and closes the socket; memory that libzmq may still read stays until
 * wire_weights_server_free. */
void wire_weights_server_stop(struct wire_weights_server *s);
/* after the context is gone, or once nothing is in flight */
void wire_weights_server_free(struct wire_weights_server *s);
const char *wire_weights_server_address(const struct wire_weights_server *s);
uint64_t wire_weights_server_cuts(const struct wire_weights_server *s); /* of its connections */
uint64_t
wire_weights_server_bad(const struct wire_weights_server *s); /* messages that say nothing */
/* Seconds from the publishing of the newest version that was asked for to the end of the last chunk
 * of it that has been written so far; -1: none was. */
double wire_weights_server_fanout_s(struct wire_weights_server *s);
void wire_weights_server_publish(struct wire_weights_server *s, const float *weights,
                                 uint64_t version);

#endif /* ONIC_COMMON_WIRE_WEIGHTS_SERVER_H */
