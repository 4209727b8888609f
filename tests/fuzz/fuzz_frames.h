/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_FUZZ_FUZZ_FRAMES_H
#define ONIC_TESTS_FUZZ_FUZZ_FRAMES_H

/* fuzz_frames.h - an input as a row of frames that a peer says after it has joined.
 *
 * Each: byte 0 the type, byte 1 the sequence number in the lower half, what of the header is wrong
 * in the upper (see below), bytes 2-3 and 4-5 the lengths of meta part and bulk (little-endian),
 * then both. What is cut off at the end is as long as it is. Checksums are right, or nothing behind
 * them would ever be reached. */

#include <zmq.h>

#include "common/base/log.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/skewed_clock.h"

enum {
    FUZZ_OTHER_EPOCH = 16,
    FUZZ_OTHER_INCARNATION = 32,
    FUZZ_OTHER_ACTOR = 64,
    FUZZ_OTHER_SOCKET = 128, /* of those that have two */
    FUZZ_LATER = 128,        /* of the others: some seconds pass before it */
    FUZZ_FRAMES_MAX = 64
};

struct fuzz_frame {
    struct frame_head head;
    int wrong;
    const uint8_t *meta, *bulk;
};

/* The next frame of *data; false at the end. base: what a joined peer says of itself. */
static inline bool fuzz_next(const uint8_t **data, size_t *size, const struct frame_head *base,
                             struct fuzz_frame *f)
{
    if (*size < 6)
        return false;
    const uint8_t *p = *data;
    size_t left = *size - 6, meta = p[2] | (size_t)p[3] << 8, bulk = p[4] | (size_t)p[5] << 8;
    meta = meta < left ? meta : left;
    bulk = bulk < left - meta ? bulk : left - meta;
    f->head = *base;
    f->head.type = p[0];
    f->head.seq = p[1] & 15;
    f->wrong = p[1] & 240;
    f->head.epoch += (f->wrong & FUZZ_OTHER_EPOCH) != 0;
    f->head.incarnation += (f->wrong & FUZZ_OTHER_INCARNATION) != 0;
    f->head.actor_id += (f->wrong & FUZZ_OTHER_ACTOR) != 0;
    f->head.meta_len = (uint32_t)meta;
    f->head.bulk_len = (uint32_t)bulk;
    f->meta = p + 6;
    f->bulk = f->meta + meta;
    *data += 6 + meta + bulk;
    *size = left - meta - bulk;
    return true;
}

static inline void *fuzz_new_context(void)
{
    void *context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 8192);
    log_set_writer(fuzz_keep_silent, NULL); /* what would be said is written all the same */
    return context;
}

static inline void *fuzz_context(void)
{
    static void *context;
    if (!context)
        context = fuzz_new_context();
    return context;
}

/* For who makes sockets for each input and has closed them: the thread that ends them may be behind
 * by thousands, and is waited for now and then. */
static inline void *fuzz_context_of_input(void)
{
    enum { WAIT_EVERY = 1000 };
    static void *context;
    static int inputs;
    if (context && inputs++ % WAIT_EVERY == 0) {
        sock_context_end(context);
        context = NULL;
    }
    if (!context)
        context = fuzz_new_context();
    return context;
}

/* The clock stands still while an input is heard, but for what it says itself, and no limit or ban
 * of one input lasts until the next. */
static inline void fuzz_begin_time(void)
{
    static bool stopped;
    if (!stopped)
        skewed_clock_stop();
    stopped = true;
    skewed_clock_advance(150 * INT64_C(1000000000));
}

static inline void fuzz_let_time_pass(const struct fuzz_frame *f)
{
    if (f->wrong & FUZZ_LATER)
        skewed_clock_advance(4 * INT64_C(1000000000));
}

static inline void fuzz_send(void *socket, const struct sock_route *to, const struct fuzz_frame *f)
{
    zmq_msg_t msg;
    size_t body = f->head.meta_len + (size_t)f->head.bulk_len;
    ONIC_ASSERT(zmq_msg_init_size(&msg, FRAME_HEADER + body) == 0);
    uint8_t *out = zmq_msg_data(&msg);
    memcpy(out + FRAME_HEADER, f->meta, f->head.meta_len);
    memcpy(out + FRAME_HEADER + f->head.meta_len, f->bulk, f->head.bulk_len);
    frame_seal(out, &f->head, crc32c(0, out + FRAME_HEADER, body));
    sock_send(socket, to, &msg);
}

/* An address that no input before has used: libzmq gives one back some time after its socket. */
static inline const char *fuzz_address(char out[64], const char *name, bool fresh)
{
    static unsigned number;
    number += fresh;
    snprintf(out, 64, "inproc://%s-%010u", name, number); /* always as long */
    return out;
}

/* A frame whose meta part is a message. */
static inline void fuzz_say(void *socket, const struct sock_route *to, struct frame_head h,
                            enum frame_type type, const ProtobufCMessage *meta, struct sock_bulk a,
                            struct sock_bulk b)
{
    zmq_msg_t msg;
    h.type = (uint16_t)type;
    sock_build(&msg, &h, meta, a, b);
    ONIC_ASSERT(sock_send(socket, to, &msg) == SOCK_SENT);
}

#endif /* ONIC_TESTS_FUZZ_FUZZ_FRAMES_H */
