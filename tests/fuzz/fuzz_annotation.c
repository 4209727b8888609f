/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_annotation.c - both ends of the annotation plane behind a peer that has joined and then says
 * anything (fuzz_frames.h). Byte 0: which end. Questions have a length that may be, labels a value
 * that fits their question. Both ends are in one thread. */
#include <math.h>

#include "annotation.pb-c.h"
#include "common/data/question.h"
#include "common/wire/labels/labels.h"
#include "common/wire/labels/plane.h"
#include "tests/fuzz/fuzz_frames.h"

static const struct sock_bulk none = {0};
static const struct sock_options options = {.hwm = 200, .max_msg_bytes = 1 << 24, .option = "fuzz"};
static char address[64];

static bool receive(void *socket, struct sock_route *route, struct frame_head *out)
{
    zmq_msg_t msg;
    struct frame f;
    if (sock_recv(socket, route, &msg) != SOCK_FRAME)
        return false;
    ONIC_ASSERT(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) == FRAME_FINE);
    *out = f.head;
    zmq_msg_close(&msg);
    return true;
}

static size_t ask_all(struct wire_labels_server *s)
{
    struct wire_labels_ask ask;
    size_t sum = 0;
    while (wire_labels_server_recv(s, &ask)) {
        if (ask.question_len < 1 || ask.question_len > ANNOT_QUESTION_MAX)
            abort();
        for (size_t i = 0; i < ask.question_len; i++)
            sum += (uint8_t)ask.question[i];
        struct label l = {.id = 1,
                          .state = LABEL_ANSWERED,
                          .value = 1,
                          .question = ask.question,
                          .question_len = ask.question_len};
        wire_labels_server_send(s, ask.client, &l, 1);
    }
    return sum;
}

static void server_end(void *context, const uint8_t *data, size_t size)
{
    struct wire_labels_identity self = {.identity = "fuzz", .kinds = 7};
    struct wire_labels_server *s;
    struct onic_err err = {0};
    struct frame_head base = {0};
    struct fuzz_frame f;
    void *socket;
    fuzz_need(wire_labels_server_create(&s, address, context, false, NULL, &self, &err), &err);
    fuzz_need(sock_connect(&socket, context, address, &options, &err), &err);
    Onic__Wire__AnnotHello hello = ONIC__WIRE__ANNOT_HELLO__INIT;
    fuzz_say(socket, NULL, base, FRAME_ANNOT_HELLO, &hello.base, none, none);
    ask_all(s);
    ONIC_ASSERT(receive(socket, NULL, &base));
    struct frame_head got;
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &base, &f); i++) {
        fuzz_let_time_pass(&f);
        fuzz_send(socket, NULL, &f);
        ask_all(s);
        wire_labels_server_tick(s);
        while (receive(socket, NULL, &got))
            ;
    }
    sock_close(socket, 0);
    wire_labels_server_free(s);
}

static void hear_all(struct wire_labels_client *c)
{
    struct label l;
    struct wire_labels_client_status status;
    wire_labels_client_poll(c, 0);
    while (wire_labels_client_next(c, &l))
        if (l.question_len < 1 || l.question_len > ANNOT_QUESTION_MAX ||
            label_fault(&l, question_kind_of(l.question, l.question_len)))
            abort();
    wire_labels_client_status(c, &status);
    for (int i = 0; i < status.nown; i++)
        if (!isfinite(status.own[i].value))
            abort();
}

static void client_end(void *context, const uint8_t *data, size_t size)
{
    struct wire_labels_client *c;
    struct onic_err err = {0};
    struct sock_route route = {0};
    struct frame_head base = {.epoch = 7}, got;
    struct fuzz_frame f;
    char bound[SOCK_ADDRESS_MAX];
    void *socket;
    fuzz_need(sock_bind(&socket, context, address, &options, bound, &err), &err);
    fuzz_need(wire_labels_client_create(&c, address, context, NULL, &err), &err);
    wire_labels_client_ask(c, "you see a door", 14);
    while (!receive(socket, &route, &got))
        wire_labels_client_poll(c, 0);
    Onic__Wire__AnnotWelcome welcome = ONIC__WIRE__ANNOT_WELCOME__INIT;
    welcome.credits = 64;
    welcome.kinds = 7;
    fuzz_say(socket, &route, base, FRAME_ANNOT_WELCOME, &welcome.base, none, none);
    hear_all(c);
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &base, &f); i++) {
        fuzz_let_time_pass(&f);
        fuzz_send(socket, &route, &f);
        hear_all(c);
    }
    wire_labels_client_free(c);
    sock_close(socket, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > FUZZ_INPUT_MAX)
        return 0;
    fuzz_begin_time();
    fuzz_address(address, "fuzz", true);
    (data[0] & 1 ? client_end : server_end)(fuzz_context_of_input(), data + 1, size - 1);
    return 0;
}
