/* SPDX-License-Identifier: MIT */
/* test_wire_annotation.c - captions out, labels in: bursts, restarts of the server, lost answers,
 * BUSY. */
#define _DEFAULT_SOURCE

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/wire/labels/labels.h"
#include "tests/onic_test.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"

static const struct wire_labels_identity self = {.identity = "class/rules/v1/goal:score",
                                                 .annotator = "rules",
                                                 .model = "-",
                                                 .goal = "score",
                                                 .goal_version = "3"};

struct bench {
    char dir[256], address[300];
    struct wire_labels_server *s;
    struct wire_labels_client *c;
    struct strmap *asked; /* by the server's count */
    uint64_t next_id, received;
};

static void open_bench(struct bench *b)
{
    memset(b, 0, sizeof *b);
    temp_dir_create(b->dir);
    snprintf(b->address, sizeof b->address, "ipc://%s/a", b->dir);
    assert_ok(wire_labels_server_create(&b->s, b->address, NULL, false, NULL, &self, &err));
    assert_ok(wire_labels_client_create(&b->c, b->address, NULL, NULL, &err));
    b->asked = strmap_create(64);
}

static void close_bench(struct bench *b)
{
    wire_labels_client_free(b->c);
    wire_labels_server_free(b->s);
    strmap_free(b->asked);
    temp_dir_remove(b->dir);
}

/* Receives what was asked, and answers it unless `deaf`. */
static void serve(struct bench *b, bool deaf)
{
    struct wire_labels_ask q;
    while (wire_labels_server_recv(b->s, &q)) {
        (*strmap_put(b->asked, q.question, q.question_len, NULL))++;
        struct label l = {.id = ++b->next_id,
                          .state = q.question[0] == '?' ? LABEL_ABSTAINED : LABEL_ANSWERED,
                          .value = (double)(q.question_len % 2),
                          .confidence = 0.5,
                          .asked_at = 10,
                          .answered_at = 11,
                          .question = q.question,
                          .question_len = q.question_len,
                          .source = "rules"};
        if (!deaf)
            assert_true(wire_labels_server_send(b->s, q.client, &l, 1));
    }
    wire_labels_server_tick(b->s);
}

static void exchange(struct bench *b, uint64_t want, int timeout_ms)
{
    int64_t end = clock_ms() + timeout_ms;
    struct label l;
    while (b->received < want && clock_ms() < end) {
        wire_labels_client_poll(b->c, 2);
        serve(b, false);
        while (wire_labels_client_next(b->c, &l)) {
            b->received++;
            assert_close(l.value, l.question_len % 2, 0, 0);
            assert_string_equal(l.source, "rules");
            assert_int_equal(l.state, l.question[0] == '?' ? LABEL_ABSTAINED : LABEL_ANSWERED);
        }
    }
    assert_int_equal(b->received, want);
}

static void ask_numbers(struct bench *b, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "you hit the newt %d times", i);
        wire_labels_client_ask(b->c, text, (size_t)n);
    }
}

static void labels_come_back_and_identity_is_told(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    assert_true(wire_labels_client_ask(b.c, "you see a door", 14));
    assert_false(wire_labels_client_ask(b.c, "you see a door", 14));
    assert_true(wire_labels_client_ask(b.c, "?odd", 4));
    assert_false(wire_labels_client_ask(b.c, "", 0));
    exchange(&b, 2, TEST_PATIENCE_MS);
    assert_false(wire_labels_client_ask(b.c, "you see a door", 14));
    assert_string_equal(wire_labels_client_identity(b.c)->identity, self.identity);
    assert_string_equal(wire_labels_client_identity(b.c)->goal_version, "3");
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_true(st.connected);
    assert_int_equal(st.asked_total, 2);
    assert_int_equal(st.labels_total, 1);
    assert_int_equal(st.abstained_total, 1);
    assert_int_equal(st.outstanding + st.waiting, 0);
    assert_string_equal(st.waiting_for, "");
    close_bench(&b);
}

static void a_burst_of_twenty_thousand_captions_is_answered_completely(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    ask_numbers(&b, 0, 20000);
    exchange(&b, 20000, 20000);
    size_t it = 0, len;
    const char *key;
    uint64_t times;
    while (strmap_next(b.asked, &it, &key, &len, &times))
        assert_int_equal(times, 1);
    close_bench(&b);
}

static _Atomic int64_t frozen_ns;
static int64_t frozen(void)
{
    return frozen_ns;
}

static uint64_t asked_after(struct bench *b, int64_t ms)
{
    struct wire_labels_client_status st;
    frozen_ns += ms * 1000000;
    wire_labels_client_poll(b->c, 0);
    wire_labels_client_status(b->c, &st);
    return st.asked_total;
}

static void questions_of_several_updates_share_a_message(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    ask_numbers(&b, 0, 1);
    exchange(&b, 1, TEST_PATIENCE_MS);
    frozen_ns = clock_ns();
    clock_replace(frozen);
    ask_numbers(&b, 1, 2);
    assert_int_equal(asked_after(&b, 100), 2); /* nothing was asked for long: at once */
    for (int i = 2; i < 7; i++) {
        ask_numbers(&b, i, i + 1);
        assert_int_equal(asked_after(&b, 10), 2);
    }
    assert_int_equal(asked_after(&b, 50), 7);
    ask_numbers(&b, 7, 7 + 256); /* a full message need not wait */
    assert_int_equal(asked_after(&b, 1), 7 + 256);
    wire_labels_client_wait_for_all(b.c, true);
    ask_numbers(&b, 7 + 256, 8 + 256); /* nor does anybody who waits for the answer */
    assert_int_equal(asked_after(&b, 1), 8 + 256);
    close_bench(&b);
}

static void a_lost_answer_is_asked_for_again(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    skewed_clock_set(0);
    ask_numbers(&b, 0, 300);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (strmap_count(b.asked) < 300 && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    assert_int_equal(strmap_count(b.asked), 300);
    skewed_clock_advance(16000000000);
    exchange(&b, 300, TEST_PATIENCE_MS);
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_true(st.resent_total >= 300);
    close_bench(&b);
}

static void a_restarted_server_is_asked_what_was_open_at_once(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    ask_numbers(&b, 0, 500);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (strmap_count(b.asked) < 500 && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    wire_labels_server_free(b.s);
    for (int i = 0; i < 20; i++)
        wire_labels_client_poll(b.c, 5); /* nothing ever waits for the server */
    assert_ok(wire_labels_server_create(&b.s, b.address, NULL, false, NULL, &self, &err));
    exchange(&b, 500, TEST_PATIENCE_MS);
    close_bench(&b);
}

static void open_questions_do_not_keep_newer_captions_out(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    skewed_clock_set(0);
    ask_numbers(&b, 0, 5000);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (strmap_count(b.asked) < 4096 && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_int_equal(st.outstanding, 4096);
    skewed_clock_advance(6000000000); /* a slow annotator: nothing is answered for 6 s */
    assert_true(wire_labels_client_ask(b.c, "a new thing happens", 19));
    end = clock_ms() + TEST_PATIENCE_MS;
    while (!strmap_get(b.asked, "a new thing happens", 19) && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    assert_non_null(strmap_get(b.asked, "a new thing happens", 19));
    close_bench(&b);
}

/* A lock-step run waits for the labels of its batch, however many and however slow they are. */
static void who_waits_for_all_answers_has_none_set_aside(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    skewed_clock_set(0);
    wire_labels_client_wait_for_all(b.c, true);
    ask_numbers(&b, 0, 70000);
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_int_equal(st.waiting, 70000);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (strmap_count(b.asked) < 4096 && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    skewed_clock_advance(6000000000);
    for (int i = 0; i < 20; i++) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    wire_labels_client_status(b.c, &st);
    assert_int_equal(st.outstanding + st.waiting, 70000);
    assert_int_equal(st.dropped_total, 0);
    close_bench(&b);
}

/* Memory is bounded: what was answered long ago is forgotten, what is open is not. */
static void captions_of_a_week_are_forgotten_and_open_ones_kept(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    wire_labels_client_ask(b.c, "you win", 7);
    exchange(&b, 1, TEST_PATIENCE_MS);
    assert_false(wire_labels_client_ask(b.c, "you win", 7));
    ask_numbers(&b, 0, (1 << 18) + 100);
    assert_true(wire_labels_client_ask(b.c, "you win", 7));
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_int_equal(st.waiting, 65536);
    assert_int_equal(st.dropped_total, (1 << 18) + 101 - 65536);
    assert_false(
        wire_labels_client_ask(b.c, "you hit the newt 262200 times", 29)); /* still waits */
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (strmap_count(b.asked) < 300 && clock_ms() < end) { /* newest first, as before */
        wire_labels_client_poll(b.c, 2);
        serve(&b, true);
    }
    assert_int_equal(*strmap_get(b.asked, "you win", 7), 2);
    assert_non_null(strmap_get(b.asked, "you hit the newt 262243 times", 29));
    assert_null(strmap_get(b.asked, "you hit the newt 200000 times", 29));
    close_bench(&b);
}

static void a_flood_is_held_back_and_nothing_is_lost(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    ask_numbers(&b, 0, 65536 + 3000); /* the first 3000 fall out of the waiting list */
    struct wire_labels_client_status st;
    wire_labels_client_status(b.c, &st);
    assert_int_equal(st.dropped_total, 3000);
    assert_int_equal(st.waiting, 65536);
    exchange(&b, 65536, 20000);
    ask_numbers(&b, 0, 3000); /* seen again: asked again */
    exchange(&b, 65536 + 3000, 20000);
    close_bench(&b);
}

static void another_identity_starts_from_nothing(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    wire_labels_client_ask(b.c, "you win", 7);
    exchange(&b, 1, TEST_PATIENCE_MS);
    wire_labels_server_free(b.s);
    struct wire_labels_identity other = self;
    snprintf(other.identity, sizeof other.identity, "class/rules/v2");
    assert_ok(wire_labels_server_create(&b.s, b.address, NULL, false, NULL, &other, &err));
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    said_begin(LOG_WARN);
    while (strcmp(wire_labels_client_identity(b.c)->identity, other.identity) != 0 &&
           clock_ms() < end) {
        wire_labels_client_poll(b.c, 5);
        serve(&b, false);
    }
    assert_said("the reward server gives labels of another identity now");
    said_end();
    assert_true(wire_labels_client_ask(b.c, "you win", 7));
    exchange(&b, 2, TEST_PATIENCE_MS);
    close_bench(&b);
}

static void one_learner_too_many_is_told_that_there_is_no_room(void **state)
{
    (void)state;
    enum { FULL = 64 };
    struct bench b;
    struct wire_labels_client *c[FULL];
    struct wire_labels_client_status st = {0};
    open_bench(&b);
    for (int i = 0; i < FULL; i++)
        assert_ok(wire_labels_client_create(&c[i], b.address, NULL, NULL, &err));
    int64_t end = clock_ms() + 20000;
    for (int joined = 0; joined < FULL && clock_ms() < end;) {
        joined = 0;
        serve(&b, false);
        for (int i = 0; i < FULL; i++) {
            wire_labels_client_poll(c[i], 0);
            wire_labels_client_status(c[i], &st);
            joined += st.connected;
        }
    }
    for (int i = 0; i < FULL; i++) /* who has asked has a place for good */
        wire_labels_client_ask(c[i], "you see a door", 14);
    while (strmap_count(b.asked) == 0 || *strmap_get(b.asked, "you see a door", 14) < FULL) {
        assert_true(clock_ms() < end);
        serve(&b, false);
        for (int i = 0; i < FULL; i++)
            wire_labels_client_poll(c[i], 0);
    }
    while (!strstr(st.waiting_for, "serves 64 learners already") && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        serve(&b, false);
        wire_labels_client_status(b.c, &st);
    }
    assert_non_null(strstr(st.waiting_for, "serves 64 learners already"));
    for (int i = 0; i < FULL; i++)
        wire_labels_client_free(c[i]);
    close_bench(&b);
}

/* What a server of another make, or one that went wrong, may send. */
static void a_label_that_cannot_be_is_not_taken_and_said(void **state)
{
    struct bench b;
    struct wire_labels_ask q = {0};
    struct label got, l = {.id = 1,
                           .state = LABEL_ANSWERED,
                           .value = 1,
                           .confidence = 1e300, /* infinite as a float, which it is on the wire */
                           .question = "you win",
                           .question_len = 7,
                           .source = "rules"};
    char sentence[] = "a label that cannot be: it is asked again why=\"confidence must be from 0 ";
    bool asked = false;
    (void)state;
    open_bench(&b);
    said_begin(LOG_WARN);
    assert_true(wire_labels_client_ask(b.c, "you win", 7));
    int64_t end = clock_ms() + 60000;
    while (!log_said(sentence) && clock_ms() < end) {
        wire_labels_client_poll(b.c, 2);
        assert_false(wire_labels_client_next(b.c, &got));
        while (wire_labels_server_recv(b.s, &q)) {
            asked = true;
            assert_true(wire_labels_server_send(b.s, q.client, &l, 1));
        }
    }
    assert_true(asked);
    assert_said(sentence);
    said_end();
    l.confidence = 1;
    assert_true(wire_labels_server_send(b.s, 0, &l, 1));
    bool came = false;
    for (end = clock_ms() + 60000; !came && clock_ms() < end;) {
        wire_labels_client_poll(b.c, 2);
        came = wire_labels_client_next(b.c, &got);
    }
    assert_true(came);
    close_bench(&b);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_come_back_and_identity_is_told),
        cmocka_unit_test(a_burst_of_twenty_thousand_captions_is_answered_completely),
        cmocka_unit_test_teardown(questions_of_several_updates_share_a_message, skewed_clock_end),
        cmocka_unit_test_teardown(a_lost_answer_is_asked_for_again, skewed_clock_end),
        cmocka_unit_test(a_restarted_server_is_asked_what_was_open_at_once),
        cmocka_unit_test_teardown(open_questions_do_not_keep_newer_captions_out, skewed_clock_end),
        cmocka_unit_test_teardown(who_waits_for_all_answers_has_none_set_aside, skewed_clock_end),
        cmocka_unit_test(captions_of_a_week_are_forgotten_and_open_ones_kept),
        cmocka_unit_test(a_flood_is_held_back_and_nothing_is_lost),
        cmocka_unit_test(another_identity_starts_from_nothing),
        cmocka_unit_test(one_learner_too_many_is_told_that_there_is_no_room),
        cmocka_unit_test(a_label_that_cannot_be_is_not_taken_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
