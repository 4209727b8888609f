/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_weights.c - what somebody says to the weights port of a learner (fuzz_frames.h): each frame
 * is answered once or counted as bad once.
 *
 * One thread has both ends of one connection, which is made once. */
#include "common/wire/weights/pull.h"
#include "common/wire/weights/server.h"
#include "tests/fuzz/fuzz_frames.h"
#include "weights.pb-c.h"

/* Two chunks, and fewer frames than it takes to be cut. */
enum { FLOATS = WEIGHTS_CHUNK_BYTES / 4 + 10, FRAMES = 9 };
static const char run_id[16] = "fuzz";

static struct wire_weights_server *server(void *context)
{
    static float weights[FLOATS];
    char address[64];
    struct wire_weights_server *s;
    struct onic_err err = {0};
    struct wire_weights_server_params p = {.context = context,
                                           .address = fuzz_address(address, "fuzz-weights", true),
                                           .option = "fuzz",
                                           .epoch = 3,
                                           .floats = FLOATS,
                                           .hwm = 200};
    memcpy(p.run_id, run_id, sizeof p.run_id);
    fuzz_need(wire_weights_server_open(&s, &p, &err), &err);
    for (uint64_t version = 1; version <= 4; version++) /* 1 is gone, 3 and 4 are there */
        wire_weights_server_publish(s, weights, version);
    return s;
}

/* How many answers have come. */
static int heard(void *socket)
{
    zmq_msg_t msg;
    int n = 0;
    for (enum sock_got got; (got = sock_recv(socket, NULL, &msg)) != SOCK_NOTHING;) {
        struct frame f;
        if (got != SOCK_FRAME || frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) ||
            (f.head.type != FRAME_WEIGHTS_MANIFEST && f.head.type != FRAME_WEIGHTS_CHUNK))
            abort();
        zmq_msg_close(&msg);
        n++;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *socket;
    static struct wire_weights_server *s;
    struct frame_head base = {.epoch = 3};
    struct fuzz_frame f;
    if (size > FUZZ_INPUT_MAX)
        return 0;
    memcpy(base.run_id, run_id, sizeof base.run_id);
    if (!socket) {
        struct sock_options o = {.hwm = 200, .max_msg_bytes = 4 << 20, .option = "fuzz"};
        struct onic_err err = {0};
        s = server(fuzz_context());
        fuzz_need(sock_connect(&socket, fuzz_context(), wire_weights_server_address(s), &o, &err),
                  &err);
    }
    fuzz_begin_time();
    for (int i = 0; i < FRAMES && fuzz_next(&data, &size, &base, &f); i++) {
        uint64_t bad = wire_weights_server_bad(s);
        fuzz_let_time_pass(&f);
        fuzz_send(socket, NULL, &f);
        wire_weights_server_turn(s);
        if (heard(socket) + (int)(wire_weights_server_bad(s) - bad) != 1)
            abort();
    }
    return 0;
}
