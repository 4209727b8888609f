/* SPDX-License-Identifier: MIT */
/* test_wire_link.c - actor and learner links in one process: the happy path over every transport,
 * and how they part. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "tests/support/wire_raw.h"

static void one_of_each_transport(const char *address, void *context)
{
    struct wire_learner *l;
    struct wire_learner_params p = pair_learner_params(address);
    p.zmq_context = context;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 5);
    struct wire_actor *a = pair_join(wire_learner_address(l), context, -1, NULL);
    for (uint64_t n = 0; n < 40; n++) {
        pair_play(a, 0, n);
        struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
        assert_non_null(t);
        assert_int_equal(t->seq, n + 1);
        assert_int_equal(t->weights_version, 5);
        assert_int_equal(wire_learner_index(t), n);
        assert_int_equal(t->env_steps_before, n * PAIR_T * PAIR_E);
        struct trajectory *want = trajectory_create(&t->shape);
        pair_fill(want, 0, n, 5);
        size_t te = PAIR_T * PAIR_E;
        assert_memory_equal(t->obs, want->obs, (PAIR_T + 1) * PAIR_E * PAIR_OBS);
        assert_memory_equal(t->action, want->action, te * 2);
        assert_memory_equal(t->logp, want->logp, te * 4);
        assert_memory_equal(t->value, want->value, te * 8);
        assert_memory_equal(t->reward, want->reward, te * 4);
        assert_memory_equal(t->caption, want->caption, te * 2);
        assert_memory_equal(t->caption_count, want->caption_count, te * 2);
        assert_memory_equal(t->state0, want->state0, PAIR_E * PAIR_STATE * 4);
        assert_memory_equal(t->episode_id, want->episode_id, PAIR_E * 8);
        assert_int_equal(t->nepisodes, 1);
        assert_memory_equal(t->episodes, want->episodes, 5 * 4);
        assert_int_equal(t->ncaptions, want->ncaptions);
        for (int i = 0; i < t->ncaptions; i++) {
            assert_int_equal(t->caption_len[i], want->caption_len[i]);
            assert_memory_equal(t->caption_text[i], want->caption_text[i], t->caption_len[i]);
        }
        assert_null(t->snapshot);
        trajectory_free(want);
        wire_learner_consumed(l, t);
        wire_learner_release(l, t);
    }
    uint64_t version;
    const float *w = wire_actor_weights(a, &version);
    assert_int_equal(version, 5);
    assert_true(w[0] == 5000.0f && w[PAIR_WEIGHTS - 1] == 5000.0f + (PAIR_WEIGHTS - 1) % 997);
    struct onic_err err = {0};
    assert_int_equal(wire_actor_leave(a, 2000, &err), ONIC_OK);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 40);
    assert_int_equal(led.trajectories.consumed, 40);
    assert_int_equal(led.trajectories.in_flight, 0);
    assert_int_equal(led.steps.consumed, 40 * PAIR_T * PAIR_E);
    wire_actor_free(a);
    wire_learner_free(l);
}

static void trajectories_arrive_as_they_were_written_over_ipc(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/t", dir);
    one_of_each_transport(address, NULL);
    temp_dir_remove(dir);
}

static void trajectories_arrive_as_they_were_written_over_tcp(void **state)
{
    (void)state;
    one_of_each_transport("tcp://127.0.0.1:*", NULL);
}

static void trajectories_arrive_as_they_were_written_over_inproc(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    one_of_each_transport("inproc://link", context);
    zmq_ctx_term(context);
}

/* The option, the learner and the actor have one maximum. */
static void both_ends_take_the_largest_window_that_can_be_asked_for(void **state)
{
    (void)state;
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    p.window = CONFIG_MAX_train_window + 1;
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG,
               "train.window is 65, must be 1..64");
    p.window = CONFIG_MAX_train_window;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 5);
    struct wire_actor *a = pair_join(wire_learner_address(l), NULL, -1, NULL);
    pair_play(a, 0, 0);
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(t);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    wire_actor_free(a);
    wire_learner_free(l);
}

/* An address of this machine that others can reach, too. */
static bool find_own_address(char out[64])
{
    struct ifaddrs *all = NULL;
    bool found = false;
    assert_int_equal(getifaddrs(&all), 0);
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        struct sockaddr_in a;
        memcpy(&a, i->ifa_addr, sizeof a);
        found = inet_ntop(AF_INET, &a.sin_addr, out, 64) != NULL;
    }
    freeifaddrs(all);
    return found;
}

/* Whoever answers at a learner's address must not make actors open sockets of their machine. */
static void a_learner_elsewhere_names_no_path_for_its_weights(void **state)
{
    char host[64], listen[100], at[300];
    uint8_t out[1024], meta[512];
    size_t size = sizeof at;
    (void)state;
    if (!find_own_address(host))
        skip();
    void *context = zmq_ctx_new(), *learner = zmq_socket(context, ZMQ_ROUTER);
    snprintf(listen, sizeof listen, "tcp://%s:*", host);
    assert_int_equal(zmq_bind(learner, listen), 0);
    assert_int_equal(zmq_getsockopt(learner, ZMQ_LAST_ENDPOINT, at, &size), 0);
    struct wire_actor_params p = {.learner = at, .actor_id = -1, .fixed_options = ""};
    struct wire_actor *a = NULL;
    struct wire_welcome w;
    struct onic_err err = {0};
    assert_int_equal(wire_actor_create(&a, &p, &err), ONIC_OK);
    assert_int_equal(wire_actor_welcome(a, 0, &w, &err), ONIC_EAGAIN);
    assert_non_null(strstr(err.msg, "no answer from tcp://"));
    zmq_msg_t name, hello;
    zmq_msg_init(&name);
    zmq_msg_init(&hello);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (zmq_msg_recv(&name, learner, ZMQ_DONTWAIT) < 0 && clock_ms() < end)
        wire_actor_welcome(a, 10, &w, &err);
    assert_true(zmq_msg_recv(&hello, learner, 0) > 0);
    Onic__Wire__Welcome m = ONIC__WIRE__WELCOME__INIT;
    static uint8_t path[] = "ipc:///run/somebody.sock";
    m.weights_address = (ProtobufCBinaryData){sizeof path - 1, path};
    m.window = 2;
    m.incarnation = 77;
    size_t n = onic__wire__welcome__pack(&m, meta);
    struct frame_head h = {.type = FRAME_WELCOME, .epoch = 1, .incarnation = 77};
    n = build(out, h, meta, n, NULL, 0);
    zmq_msg_send(&name, learner, ZMQ_SNDMORE);
    zmq_send(learner, out, n, 0);
    int rc;
    while ((rc = wire_actor_welcome(a, 50, &w, &err)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    assert_int_equal(rc, ONIC_EINCOMPATIBLE);
    assert_non_null(strstr(err.msg,
                           "names ipc:///run/somebody.sock for its weights, a path of this "
                           "machine, which is not its own; its --weights.listen must be a "
                           "tcp address"));
    wire_actor_free(a);
    zmq_msg_close(&hello);
    zmq_close(learner);
    zmq_ctx_term(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trajectories_arrive_as_they_were_written_over_ipc),
        cmocka_unit_test(trajectories_arrive_as_they_were_written_over_tcp),
        cmocka_unit_test(trajectories_arrive_as_they_were_written_over_inproc),
        cmocka_unit_test(both_ends_take_the_largest_window_that_can_be_asked_for),
        cmocka_unit_test(a_learner_elsewhere_names_no_path_for_its_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
