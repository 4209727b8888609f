/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_weights.c - what somebody says to the weights port of a learner (fuzz_frames.h): each frame
 * is answered once or counted as bad once. */
#include "common/base/log.h"
#include "common/wire/weights/pull.h"
#include "common/wire/weights/server.h"
#include "tests/fuzz/fuzz_frames.h"
#include "weights.pb-c.h"

/* Two chunks; of the last frame it can be told that it was read, for nobody is cut. */
enum { FLOATS = WEIGHTS_CHUNK_BYTES / 4 + 10, FRAMES = 9, WAIT_MS = 5000 };

static struct wire_weights_server *server(void *context, const uint8_t run_id[16])
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
    fuzz_need(wire_weights_server_create(&s, &p, &err), &err);
    for (uint64_t version = 1; version <= 4; version++) /* 1 is gone, 3 and 4 are there */
        wire_weights_server_publish(s, weights, version);
    return s;
}

/* How many answers have come. */
static int heard(void *socket, int wait_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    zmq_msg_t msg;
    int n = 0;
    zmq_poll(&item, 1, wait_ms);
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
    static void *context;
    static struct wire_weights_server *s;
    uint8_t run_id[16] = "fuzz";
    struct frame_head base = {.epoch = 3};
    struct sock_options o = {.hwm = 200, .max_msg_bytes = 4 << 20, .option = "fuzz"};
    struct onic_err err = {0};
    struct fuzz_frame f;
    void *socket;
    int sent = 0, answers = 0;
    if (size > FUZZ_INPUT_MAX)
        return 0;
    memcpy(base.run_id, run_id, sizeof base.run_id);
    if (!context) {
        context = zmq_ctx_new();
        log_set_level(LOG_ERROR);
        s = server(context, run_id);
    }
    uint64_t bad = wire_weights_server_bad(s);
    fuzz_need(sock_connect(&socket, context, wire_weights_server_address(s), &o, &err), &err);
    for (; sent < FRAMES && fuzz_next(&data, &size, &base, &f); sent++)
        fuzz_send(socket, NULL, &f);
    for (int tries = 0; tries < WAIT_MS && answers + (int)(wire_weights_server_bad(s) - bad) < sent;
         tries++)
        answers += heard(socket, 1);
    if (answers + (int)(wire_weights_server_bad(s) - bad) != sent)
        abort();
    sock_close(socket, 0);
    return 0;
}
