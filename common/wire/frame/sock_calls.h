/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_CALLS_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_CALLS_H

/* sock_calls.h - calls of libzmq that no signal ends. Private to common/wire/frame.
 *
 * Before it does what it is asked for, libzmq reads the messages of its own threads, and gives up
 * with EINTR when a signal comes meanwhile: nothing has been done then, so it is asked again. Else
 * an address could not be bound, a part of a message would be left for the next to begin with, or
 * connections would not be watched, once in a while. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <zmq.h>

static inline bool sock_call_interrupted(int rc)
{
    return rc < 0 && zmq_errno() == EINTR;
}

static inline int sock_call_bind(void *socket, const char *address)
{
    int rc;
    do
        rc = zmq_bind(socket, address);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_connect(void *socket, const char *address)
{
    int rc;
    do
        rc = zmq_connect(socket, address);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_monitor(void *socket, const char *address, int events)
{
    int rc;
    do
        rc = zmq_socket_monitor(socket, address, events);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_send(void *socket, const void *bytes, size_t len, int flags)
{
    int rc;
    do
        rc = zmq_send(socket, bytes, len, flags);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_recv(void *socket, void *bytes, size_t len, int flags)
{
    int rc;
    do
        rc = zmq_recv(socket, bytes, len, flags);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_msg_send(zmq_msg_t *msg, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_send(msg, socket, flags);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_msg_recv(zmq_msg_t *msg, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_recv(msg, socket, flags);
    while (sock_call_interrupted(rc));
    return rc;
}

static inline int sock_call_getsockopt(void *socket, int option, void *value, size_t *size)
{
    int rc;
    do
        rc = zmq_getsockopt(socket, option, value, size);
    while (sock_call_interrupted(rc));
    return rc;
}

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_CALLS_H */
