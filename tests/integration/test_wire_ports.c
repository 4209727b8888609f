/* SPDX-License-Identifier: MIT */
/* test_wire_ports.c - the places of the labels port, and the rate of its questions: nobody keeps a
 * learner out. */
#define _DEFAULT_SOURCE

#include <limits.h>
#include <zmq.h>

#include "annotation.pb-c.h"
#include "common/base/log.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "tests/support/audited.h"
#include "tests/support/files.h"
#include "tests/support/labels_desk.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"

enum { PATIENCE_MS = 60000, FULL = 64 };

/* --- the labels port --------------------------------------------------------------------- */

enum { MANY_QUESTIONS = 70000, WITHIN_A_SECOND = 65536 /* ANNOT_RATE_MAX */ };

struct flood {
    struct desk desk;
    int asked, enough; /* labels */
};

static bool has_enough(void *ctx)
{
    struct flood *x = ctx;
    char text[32];
    while (x->asked < MANY_QUESTIONS && x->asked - x->desk.labels < 2048) {
        int n = snprintf(text, sizeof text, "question %d", x->asked++);
        wire_labels_client_ask(x->desk.c, text, (size_t)n);
    }
    desk_turn(&x->desk);
    return x->desk.labels >= x->enough;
}

/* A part of a message waits a little for more. */
static bool has_enough_later(void *ctx)
{
    skewed_clock_advance(1000000);
    return has_enough(ctx);
}

/* The second does not pass, so the answer to more is that they shall be asked again. */
static void questions_of_a_learner_have_a_rate(void **state)
{
    struct flood x = {.enough = WITHIN_A_SECOND - 1024};
    (void)state;
    assert_ok(wire_labels_server_create(&x.desk.s, "tcp://127.0.0.1:*", NULL, false, NULL,
                                        &desk_self, &err));
    assert_ok(wire_labels_client_create(&x.desk.c, wire_labels_server_address(x.desk.s), NULL, NULL,
                                        &err));
    wire_labels_client_ask(x.desk.c, "you see a key", 13);
    assert_true(wait_until(desk_is_answered, &x.desk, PATIENCE_MS));
    skewed_clock_stop();
    assert_true(wait_until(has_enough, &x, PATIENCE_MS));
    x.enough = INT_MAX;
    for (int i = 0; i < 500; i++)
        has_enough(&x);
    assert_in_range(x.desk.labels, 1, WITHIN_A_SECOND + 1);
    x.enough = MANY_QUESTIONS + 1;
    skewed_clock_advance(2000000000);
    assert_true(wait_until(has_enough_later, &x, PATIENCE_MS));
    wire_labels_client_free(x.desk.c);
    wire_labels_server_free(x.desk.s);
}

struct crowd {
    struct desk desk;
    struct wire_labels_client *of[FULL];
    int polled;
    int64_t silent_ns; /* of the dead one */
};

static int crowd_turn(struct crowd *x)
{
    struct wire_labels_client_status st;
    int joined = 0;
    for (int i = 0; i < x->polled; i++) {
        wire_labels_client_poll(x->of[i], 0);
        wire_labels_client_status(x->of[i], &st);
        joined += st.connected;
    }
    desk_turn(&x->desk);
    return joined;
}

/* Where the clock stands still but for this: whoever must ask again does so some day, and nobody is
 * silent because a busy machine was slow. */
static void let_a_little_time_pass(void)
{
    skewed_clock_advance(1000000);
}

static bool all_have_joined(void *ctx)
{
    struct crowd *x = ctx;
    let_a_little_time_pass();
    return crowd_turn(x) == x->polled;
}

/* Then the server knows that they are learners. */
static bool all_are_answered(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    struct label got;
    int answered = 0;
    let_a_little_time_pass();
    crowd_turn(x);
    for (int i = 0; i < x->polled; i++) {
        while (wire_labels_client_next(x->of[i], &got))
            ;
        wire_labels_client_status(x->of[i], &st);
        answered += st.labels_total > 0;
    }
    return answered == x->polled;
}

static bool learner_is_answered(void *ctx)
{
    struct crowd *x = ctx;
    crowd_turn(x);
    return x->desk.labels > 0;
}

static void open_crowd(struct crowd *x, struct wire_keys *server, struct wire_keys *each)
{
    memset(x, 0, sizeof *x);
    assert_ok(wire_labels_server_create(&x->desk.s, "tcp://127.0.0.1:*", NULL, false, server,
                                        &desk_self, &err));
    x->polled = FULL;
    for (int i = 0; i < FULL; i++)
        assert_ok(wire_labels_client_create(&x->of[i], wire_labels_server_address(x->desk.s), NULL,
                                            each, &err));
    assert_true(wait_until(all_have_joined, x, PATIENCE_MS));
}

static void add_learner(struct crowd *x, struct wire_keys *keys)
{
    assert_ok(wire_labels_client_create(&x->desk.c, wire_labels_server_address(x->desk.s), NULL,
                                        keys, &err));
    wire_labels_client_ask(x->desk.c, "you see a key", 13);
}

static void close_crowd(struct crowd *x)
{
    for (int i = 0; i < FULL; i++)
        wire_labels_client_free(x->of[i]);
    wire_labels_client_free(x->desk.c);
    wire_labels_server_free(x->desk.s);
}

/* All places are taken by observers that are there for good. */
static void observers_do_not_keep_a_learner_out(void **state)
{
    static struct crowd x;
    char dir[256], keys[300];
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    for (int keyed = 0; keyed < 2; keyed++) {
        struct wire_keys *k[3] = {0};
        if (keyed) {
            k[0] = keys_of(keys, KEY_REWARD_SERVER);
            k[1] = keys_of(keys, KEY_OBSERVER);
            k[2] = keys_of(keys, KEY_LEARNER);
        }
        audited_begin();
        open_crowd(&x, k[0], k[1]);
        add_learner(&x, k[2]);
        assert_true(wait_until(learner_is_answered, &x, PATIENCE_MS));
        close_crowd(&x);
        assert_audited("lost ", keyed ? "observer address=" : "client address=",
                       "a learner has its place now");
        audited_end();
        for (int i = 0; i < 3; i++)
            wire_keys_free(k[i]);
    }
    temp_dir_remove(dir);
}

static bool learner_has_no_room(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    let_a_little_time_pass();
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return strstr(st.waiting_for, "serves 64 learners already") != NULL;
}

/* Time passes: the dead one is silent, the others are heard. Before it is so for 10 s, after which
 * its place is anybody's, time nearly stops. */
static bool learner_is_answered_in_time(void *ctx)
{
    struct crowd *x = ctx;
    int64_t passes = x->silent_ns < INT64_C(6000000000) ? 20000000 : 100000;
    x->silent_ns += passes;
    skewed_clock_advance(passes);
    return learner_is_answered(x);
}

/* All places are learners'; the one that was killed a moment ago still has one. */
static void a_learner_gets_the_place_that_it_had(void **state)
{
    static struct crowd x;
    (void)state;
    skewed_clock_stop(); /* a learner of which nothing is heard for 3 s may lose its place */
    audited_begin();
    open_crowd(&x, NULL, NULL);
    for (int i = 0; i < FULL; i++)
        wire_labels_client_ask(x.of[i], "you see a door", 14);
    assert_true(wait_until(all_are_answered, &x, PATIENCE_MS));
    add_learner(&x, NULL);
    assert_true(wait_until(learner_has_no_room, &x, PATIENCE_MS));
    x.polled--; /* dead */
    assert_true(wait_until(learner_is_answered_in_time, &x, PATIENCE_MS));
    assert_true(x.silent_ns < INT64_C(10000000000));
    close_crowd(&x);
    assert_audited("refused ", "client address=\"127.0.0.1\"", "there is no room for one more");
    audited_end();
}

/* --- who is gone has no place ------------------------------------------------------------ */

/* All places may be taken by those who are gone; observers take nobody's. */
static void open_place(struct crowd *x, struct wire_keys *k[2], char dir[256])
{
    char keys[300];
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    k[0] = keys_of(keys, KEY_REWARD_SERVER);
    k[1] = keys_of(keys, KEY_OBSERVER);
    memset(x, 0, sizeof *x);
    skewed_clock_stop(); /* who is silent for 10 s has lost its place anyway */
    assert_ok(wire_labels_server_create(&x->desk.s, "tcp://127.0.0.1:*", NULL, false, k[0],
                                        &desk_self, &err));
}

static void close_place(struct crowd *x, struct wire_keys *k[2], const char *dir)
{
    close_crowd(x);
    wire_keys_free(k[0]);
    wire_keys_free(k[1]);
    temp_dir_remove(dir);
}

static void say_hello_and_go(const char *address, struct wire_keys *keys)
{
    void *context = zmq_ctx_new(), *s = NULL;
    const struct sock_options o = {
        .hwm = 16, .max_msg_bytes = 1 << 20, .keys = keys, .peer = KEY_REWARD_SERVER};
    uint8_t out[FRAME_HEADER + 64];
    Onic__Wire__AnnotHello m = ONIC__WIRE__ANNOT_HELLO__INIT;
    struct frame_head h = {.type = FRAME_ANNOT_HELLO, .actor_id = (uint32_t)FRAME_ID_NONE};
    int at_once = 0;
    h.meta_len = (uint32_t)onic__wire__annot_hello__pack(&m, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len));
    assert_ok(sock_connect(&s, context, address, &o, &err));
    zmq_setsockopt(s, ZMQ_IMMEDIATE, &at_once, sizeof at_once);
    assert_int_equal(zmq_send(s, out, FRAME_HEADER + h.meta_len, 0), FRAME_HEADER + h.meta_len);
    sock_close(s, PATIENCE_MS); /* until it is sent */
    zmq_ctx_term(context);
}

static bool newcomer_is_answered(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    let_a_little_time_pass();
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return st.connected || strstr(st.waiting_for, "serves 64 learners already");
}

static bool newcomer_has_a_place(struct crowd *x)
{
    struct wire_labels_client_status st;
    assert_true(wait_until(newcomer_is_answered, x, PATIENCE_MS));
    wire_labels_client_status(x->desk.c, &st);
    return st.connected;
}

static void who_is_gone_when_it_is_heard_gets_no_place(void **state)
{
    static struct crowd x;
    struct wire_keys *k[2];
    char dir[256];
    (void)state;
    open_place(&x, k, dir);
    int files = files_open();
    for (int i = 0; i < FULL; i++)
        say_hello_and_go(wire_labels_server_address(x.desk.s), k[1]);
    assert_true(wait_until(files_are_closed, &files, PATIENCE_MS));
    add_learner(&x, k[1]);
    assert_true(newcomer_has_a_place(&x));
    close_place(&x, k, dir);
}

static bool newcomer_gets_a_place(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    skewed_clock_advance(500000); /* so that there are many turns before all have been silent */
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return st.connected;
}

/* Who is silent and there keeps its place for 10 s; who is gone, for 3 s. */
static void who_has_gone_keeps_no_place(void **state)
{
    static struct crowd x;
    struct wire_keys *k[2];
    char dir[256];
    (void)state;
    audited_begin();
    open_place(&x, k, dir);
    int files = files_open();
    for (int i = 0; i < FULL; i++)
        assert_ok(wire_labels_client_create(&x.of[i], wire_labels_server_address(x.desk.s), NULL,
                                            k[1], &err));
    x.polled = FULL;
    assert_true(wait_until(all_have_joined, &x, PATIENCE_MS));
    x.polled = 0;
    skewed_clock_advance(4000000000);
    add_learner(&x, k[1]);
    assert_false(newcomer_has_a_place(&x));
    wire_labels_client_free(x.desk.c);
    x.desk.c = NULL;
    for (int i = 0; i < FULL; i++) {
        wire_labels_client_free(x.of[i]);
        x.of[i] = NULL;
    }
    assert_true(wait_until(files_are_closed, &files, PATIENCE_MS));
    int64_t gone_ms = clock_ms();
    skewed_clock_advance(600000000); /* they are looked at twice a second */
    add_learner(&x, k[1]);
    assert_true(wait_until(newcomer_gets_a_place, &x, PATIENCE_MS));
    assert_true(clock_ms() - gone_ms < 4000); /* at 10 s of silence all lose it: 6 s from here */
    assert_audited("lost ", "observer address=", "its connection has ended");
    x.polled = 0;
    skewed_clock_advance(20000000000);
    wire_labels_server_tick(x.desk.s);
    assert_audited("lost ", "observer address=", "silent for 10 s");
    close_place(&x, k, dir);
    audited_end();
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(questions_of_a_learner_have_a_rate, skewed_clock_end),
        cmocka_unit_test(observers_do_not_keep_a_learner_out),
        cmocka_unit_test_teardown(a_learner_gets_the_place_that_it_had, skewed_clock_end),
        cmocka_unit_test_teardown(who_is_gone_when_it_is_heard_gets_no_place, skewed_clock_end),
        cmocka_unit_test_teardown(who_has_gone_keeps_no_place, skewed_clock_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
