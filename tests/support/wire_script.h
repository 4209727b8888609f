/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_WIRE_SCRIPT_H
#define ONIC_TESTS_SUPPORT_WIRE_SCRIPT_H

/* wire_script.h - one end of a link that a test plays frame by frame, against a real other one.
 * Header only, like wire_pair.h. */

#include <zmq.h>

#include "common/wire/frame/sock.h"
#include "tests/support/wire_pair.h"

enum { SCRIPT_EPOCH = 5, SCRIPT_WAIT_MS = TEST_PATIENCE_MS };

/* Next frame of that type within the time, others are skipped; the message stays open. */
static inline bool script_frame_within(int wait_ms, void *socket, enum frame_type type,
                                       struct frame *f, zmq_msg_t *msg, struct sock_route *from)
{
    int64_t end = clock_ms() + wait_ms;
    while (clock_ms() < end) {
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 50);
        if (sock_recv(socket, from, msg) != SOCK_FRAME)
            continue;
        assert_int_equal(frame_parse(f, zmq_msg_data(msg), zmq_msg_size(msg)), FRAME_FINE);
        if (f->head.type == type)
            return true;
        zmq_msg_close(msg);
    }
    return false;
}

static inline void script_next_frame(void *socket, enum frame_type type, struct frame *f,
                                     zmq_msg_t *msg, struct sock_route *from)
{
    if (!script_frame_within(SCRIPT_WAIT_MS, socket, type, f, msg, from))
        fail_msg("no frame of type %d came", (int)type);
}

/* Waits for the connection, which is being made. */
static inline void script_put_frame(void *socket, zmq_msg_t *msg)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&item, 1, SCRIPT_WAIT_MS), 1);
    assert_int_equal(sock_send(socket, NULL, msg), SOCK_SENT);
}

#endif /* ONIC_TESTS_SUPPORT_WIRE_SCRIPT_H */
