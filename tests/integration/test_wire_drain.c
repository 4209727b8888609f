/* SPDX-License-Identifier: MIT */
/* test_wire_drain.c - how a link begins and ends: addresses, an actor that finds nobody, a drain
 * that accounts for everything; in between nothing is allocated and nothing booked twice unseen. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/wire/labels/labels.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_pair.h"

/* --- addresses --------------------------------------------------------------------------- */

static void addresses_are_refused_with_a_sentence(void **state)
{
    (void)state;
    struct wire_learner *l = NULL, *m = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://0.0.0.0:*");
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "--security.allow_insecure=true");
    p.listen = "tcp://*:5555";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "--security.allow_insecure=true");
    p.listen = "tcp://192.0.2.77:5555";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "no such address");
    p.listen = "nonsense";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "--listen=nonsense");
    p.listen = "tcp://127.0.0.1:notaport";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "an address looks like");
    p.listen = "";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG, "--listen");
    p.listen = "tcp://127.0.0.1:*";
    assert_ok(wire_learner_create(&l, &p, &err));
    p.listen = wire_learner_address(l);
    assert_err(wire_learner_create(&m, &p, &err), ONIC_ECANTCREATE, "in use");
    wire_learner_free(l);
    p.listen = "tcp://0.0.0.0:*";
    p.allow_insecure = true;
    assert_ok(wire_learner_create(&l, &p, &err));
    wire_learner_free(l);
    struct wire_actor *a = NULL;
    assert_err(wire_actor_create(
                   &a, &(struct wire_actor_params){.learner = "http://x", .actor_id = -1}, &err),
               ONIC_ECONFIG, "--learner=http://x");
}

static char exposed[] = "without encryption or authentication (security.allow_insecure)";

static bool server_said(void *server)
{
    wire_labels_server_tick(server);
    return log_said(exposed);
}

/* Of a learner, or of the server given; once a minute. */
static void is_said_each_minute(struct wire_labels_server *server)
{
    skewed_clock_set(61000000000); /* a machine may have been started just now */
    for (int minute = 0; minute < 3; minute++) {
        for (int again = 0; again < 2; again++) {
            said_begin(LOG_WARN);
            bool said =
                wait_until(server ? server_said : log_said, server ? (void *)server : exposed,
                           again ? 300 : TEST_PATIENCE_MS);
            said_end();
            assert_int_equal(said, !again);
        }
        skewed_clock_advance(61000000000);
    }
    clock_replace(NULL);
}

static void what_listens_to_everybody_says_so_each_minute(void **state)
{
    (void)state;
    struct wire_learner_params p = pair_learner_params("tcp://0.0.0.0:*");
    struct wire_labels_identity self = {.identity = "id", .annotator = "rules", .kinds = 1};
    struct wire_learner *l;
    struct wire_labels_server *s;
    p.allow_insecure = true;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    is_said_each_minute(NULL);
    wire_learner_free(l);
    assert_ok(wire_labels_server_create(&s, "tcp://0.0.0.0:*", NULL, true, NULL, &self, &err));
    is_said_each_minute(s);
    wire_labels_server_free(s);
}

static int port_of(const char *address)
{
    return atoi(strrchr(address, ':') + 1);
}

/* A learner at a port whose next one is free, too; its first one is returned. */
static int learner_with_room_behind(struct wire_learner **l, char address[64])
{
    for (int port = 21000; port < 31000; port += 7) {
        snprintf(address, 64, "tcp://127.0.0.1:%d", port);
        struct wire_learner_params p = pair_learner_params(address);
        if (wire_learner_create(l, &p, NULL) == ONIC_OK)
            return port;
    }
    fail_msg("no two ports are free");
    return 0;
}

static void weights_are_at_the_port_after_the_learners(void **state)
{
    (void)state;
    struct wire_learner *l, *m;
    char address[64], before[64], path[300], dir[256], expected[300];
    int port = learner_with_room_behind(&l, address);
    assert_int_equal(port_of(wire_learner_weights_address(l)), port + 1);
    snprintf(before, sizeof before, "tcp://127.0.0.1:%d", port - 1);
    struct wire_learner_params p = pair_learner_params(before);
    assert_err(wire_learner_create(&m, &p, &err), ONIC_ECANTCREATE, "the port after --listen");
    p.weights_listen = "tcp://127.0.0.1:*"; /* another, then */
    assert_ok(wire_learner_create(&m, &p, &err));
    assert_int_not_equal(port_of(wire_learner_weights_address(m)), port);
    wire_learner_free(m);
    wire_learner_free(l);
    p = pair_learner_params("tcp://127.0.0.1:*"); /* whatever is behind the free one */
    assert_ok(wire_learner_create(&l, &p, &err));
    assert_true(port_of(wire_learner_weights_address(l)) > 0);
    wire_learner_free(l);
    temp_dir_create(dir);
    snprintf(path, sizeof path, "ipc://%s/l", dir);
    snprintf(expected, sizeof expected, "ipc://%s/l.weights", dir);
    p = pair_learner_params(path);
    assert_ok(wire_learner_create(&l, &p, &err));
    assert_string_equal(wire_learner_weights_address(l), expected);
    wire_learner_free(l);
}

static void an_actor_without_a_learner_gives_up_after_its_orphan_timeout(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_actor *a;
    struct wire_actor_params ap = {.learner = p.address, .actor_id = -1, .orphan_timeout_s = 20};
    struct wire_welcome w;
    struct onic_err e = {0};
    skewed_clock_set(0);
    assert_ok(wire_actor_create(&a, &ap, &err));
    assert_int_equal(wire_actor_welcome(a, 5, &w, &e), ONIC_EAGAIN);
    for (int i = 0; i < 25;
         i++) { /* small steps: a long one would count as a pause of this process */
        skewed_clock_advance(900000000);
        if (wire_actor_welcome(a, 1, &w, &e) == ONIC_ETIMEDOUT)
            break;
    }
    assert_int_equal(wire_actor_welcome(a, 1, &w, &e), ONIC_ETIMEDOUT);
    assert_non_null(strstr(e.msg, "--orphan-timeout"));
    clock_replace(NULL);
    wire_actor_free(a);
    temp_dir_remove(p.dir);
}

/* --- drain ------------------------------------------------------------------------------- */

struct leaver {
    struct wire_actor *a;
};

static void *leave_when_told(void *arg)
{
    struct leaver *v = arg;
    struct onic_err e = {0};
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (wire_actor_poll(v->a, 20, &e) != ONIC_ESTOPPED && clock_ms() < end)
        ;
    wire_actor_leave(v->a, 3000, &e);
    return NULL;
}

static void a_drain_accounts_for_everything(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct leaver v[3];
    pthread_t thread[3];
    for (int i = 0; i < 3; i++) {
        v[i].a = pair_join(p.address, NULL, i, NULL);
        pair_play(v[i].a, (uint32_t)i, 1);
        pair_play(v[i].a, (uint32_t)i, 2);
    }
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, leave_when_told, &v[i]);
    wire_learner_drain(l, 5000);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        wire_actor_free(v[i].a);
    }
    struct trajectory *t;
    int taken = 0;
    while (wire_learner_take(l, &t, 10) == ONIC_OK) {
        if (++taken <= 4)
            wire_learner_consumed(l, t);
        else
            wire_learner_dropped(l, t, LEDGER_DROP_DRAIN);
        wire_learner_release(l, t);
    }
    assert_int_equal(taken, 6);
    assert_int_equal(wire_learner_take(l, &t, 10), ONIC_ESTOPPED);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 6);
    assert_int_equal(led.trajectories.consumed, 4);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_DRAIN], 2);
    assert_int_equal(led.trajectories.in_flight, 0);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void booking_twice_is_seen(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(t);
    wire_learner_consumed(l, t);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    struct ledger led = pair_ledger(l);
    assert_int_equal(led.trajectories.consumed_twice, 1);
    assert_int_equal(led.trajectories.consumed, 1);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void the_steady_state_allocates_nothing(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    uint64_t before = 0, least = UINT64_MAX;
    for (uint64_t n = 1; n <= 400; n++) {
        pair_play(a, 0, n);
        pair_consume_one(l, a, n);
        if (n % 100)
            continue;
        /* of one hundred: buffers grow when two messages first share a read, whenever that is */
        uint64_t now = xmalloc_calls();
        least = n > 100 && now - before < least ? now - before : least;
        before = now;
    }
    assert_int_equal(least, 0);
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    assert_int_equal(s.hwm_hit, 0);
    assert_int_equal(s.duplicates, 0);
    assert_int_equal(s.out_of_order, 0);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_refused_with_a_sentence),
        cmocka_unit_test(what_listens_to_everybody_says_so_each_minute),
        cmocka_unit_test(weights_are_at_the_port_after_the_learners),
        cmocka_unit_test(an_actor_without_a_learner_gives_up_after_its_orphan_timeout),
        cmocka_unit_test(a_drain_accounts_for_everything),
        cmocka_unit_test(booking_twice_is_seen),
        cmocka_unit_test(the_steady_state_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
