/* SPDX-License-Identifier: MIT */
/* Weights are published whatever the actors do. */
#include "tests/onic_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/wire/crc32c.h"
#include "common/wire/sock.h"
#include "common/wire/weights_server.h"
#include "weights.pb-c.h"

enum { FLOATS = WEIGHTS_CHUNK_BYTES / 4, STOPPED = 24, GETS = 8 };

struct stopped {
    void *socket;
    uint64_t version;
    int asked;
};

/* Asks for the same chunk until more of them are on the way than the connection holds. */
static bool ask(void *ctx)
{
    struct stopped *a = ctx;
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    m.version = a->version + 1;
    struct frame_head h = {.type = FRAME_WEIGHTS_GET, .actor_id = (uint32_t)FRAME_ID_NONE};
    zmq_msg_t msg;
    sock_build(&msg, &h, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
    a->asked += sock_send(a->socket, NULL, &msg) == SOCK_SENT;
    return a->asked == GETS;
}

static bool answered(void *ctx)
{
    zmq_pollitem_t item = {.socket = ((struct stopped *)ctx)->socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, 10) > 0;
}

static void actors_that_stop_reading_do_not_stop_training(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/w", dir);
    void *context = zmq_ctx_new();
    struct weights_server_params p = {
        .context = context, .address = address, .floats = FLOATS, .hwm = 32};
    struct weights_server *s;
    assert_ok(weights_server_create(&s, &p, &err));
    float *weights = calloc(FLOATS, sizeof *weights);
    struct stopped actor[STOPPED] = {0};
    struct sock_options o = {.hwm = 1, .max_msg_bytes = 2 << 20, .option = "test"};
    alarm(60); /* without room for another version publishing would wait for ever */
    for (int i = 0; i < STOPPED; i++) {
        weights_server_publish(s, weights, (uint64_t)i);
        actor[i].version = (uint64_t)i;
        assert_ok(sock_connect(&actor[i].socket, context, weights_server_address(s), &o, &err));
        assert_true(wait_until(ask, &actor[i], 10000));
        assert_true(wait_until(answered, &actor[i], 10000));
    }
    alarm(0);
    for (int i = 0; i < STOPPED; i++)
        sock_close(actor[i].socket, 0);
    weights_server_stop(s);
    zmq_ctx_term(context);
    weights_server_free(s);
    free(weights);
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actors_that_stop_reading_do_not_stop_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
