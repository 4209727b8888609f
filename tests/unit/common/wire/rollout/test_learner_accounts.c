/* SPDX-License-Identifier: MIT */
/* test_learner_accounts.c - ledger text, the ledger page of a killed process, and the memory budget
 * of protobuf. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "annotation.pb-c.h"
#include "common/data/ledger.h"
#include "common/wire/frame/meta.h"
#include "common/wire/rollout/ledger_page.h"
#include "session.pb-c.h"
#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"

static struct ledger some_ledger(void)
{
    struct ledger l = {0};
    l.trajectories = (struct ledger_sums){.produced = 100, .consumed = 70, .in_flight = 5};
    l.trajectories.dropped[LEDGER_DROP_STALE] = 7;
    l.trajectories.dropped[LEDGER_DROP_DRAIN] = 3;
    l.trajectories.lost[LEDGER_LOST_ACTOR] = 4;
    l.trajectories.lost[LEDGER_LOST_ROLLBACK] = 11;
    l.steps.produced = l.steps.consumed = UINT64_MAX / 2;
    return l;
}

static void ledger_survives_its_json(void **state)
{
    (void)state;
    struct ledger l = some_ledger(), back;
    struct buf b;
    buf_init(&b, 8192);
    assert_true(ledger_balanced(&l));
    ledger_json(&l, &b);
    assert_non_null(strstr(
        b.data, "\"trajectories\":{\"produced\":100,\"consumed\":70,\"dropped\":{\"stale\":7,"));
    assert_non_null(strstr(b.data, "\"in_flight\":5,\"consumed_twice\":0,\"balanced\":true}"));
    assert_ok(ledger_parse(&back, b.data, b.len, &err));
    assert_memory_equal(&l, &back, sizeof l);
    for (size_t n = 0; n < b.len - 2; n++)
        assert_int_equal(ledger_parse(&back, b.data, n, NULL), ONIC_EDAMAGED);
    buf_reset(&b);
    ledger_line(&l, &b);
    assert_string_equal(
        b.data, "100 trajectories produced = 70 consumed + 7 dropped(stale) + 3 dropped(drain) + "
                "4 lost(actor) + 11 lost(rollback) + 5 in flight");
    buf_release(&b);
}

static void a_missing_trajectory_is_an_imbalance(void **state)
{
    (void)state;
    struct ledger l = some_ledger();
    l.trajectories.consumed--;
    assert_false(ledger_balanced(&l));
    l.trajectories.consumed++;
    l.steps.produced++;
    assert_false(ledger_balanced(&l));
    struct buf b;
    buf_init(&b, 8192);
    ledger_line(&l, &b);
    assert_non_null(strstr(b.data, "DOES NOT BALANCE"));
    buf_release(&b);
}

static void a_killed_process_leaves_its_page(void **state)
{
    (void)state;
    char dir[256];
    temp_dir_create(dir);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct ledger_page *p;
        struct ledger_page_content old;
        uint8_t run[16] = {1, 2, 3};
        if (ledger_page_open(&p, dir, 5, &old, NULL) != ONIC_OK || old.incarnation != 0)
            _exit(1);
        ledger_page_begin(p, run, 77, 96);
        ledger_page_update(p, 12, 10, 1200);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    struct ledger_page *p = NULL;
    struct ledger_page_content old;
    assert_err(ledger_page_open(&p, dir, 5, &old, &err), ONIC_ECANTCREATE,
               "held by another process");
    kill(child, SIGKILL);
    int status;
    waitpid(child, &status, 0);
    assert_ok(ledger_page_open(&p, dir, 5, &old, &err));
    assert_int_equal(old.incarnation, 77);
    assert_int_equal(old.produced, 12);
    assert_int_equal(old.acked, 10);
    assert_int_equal(old.steps_each, 96);
    assert_int_equal(old.env_steps, 1200);
    assert_int_equal(old.run_id[2], 3);
    ledger_page_close(p);
    assert_err(ledger_page_open(&p, "/proc/nowhere", 5, &old, &err), ONIC_ECANTCREATE,
               "actors.state_dir: cannot create /proc/nowhere: ");
    char far[5000];
    memset(far, 'x', sizeof far - 1);
    far[sizeof far - 1] = '\0';
    assert_err(ledger_page_open(&p, far, 5, &old, &err), ONIC_ECONFIG,
               "actors.state_dir is longer than a path may be");
    close(ready[0]);
    close(ready[1]);
    temp_dir_remove(dir);
}

/* 76 times its wire size when unpacked: sub-messages of two bytes, repeated. */
static void a_message_that_needs_too_much_memory_is_refused(void **state)
{
    (void)state;
    static uint8_t wire[60000];
    struct meta_arena *a = meta_arena_create();
    for (size_t i = 0; i < sizeof wire; i += 2) {
        wire[i] = 0x0a; /* AnnotLabels.labels, length 0 */
        wire[i + 1] = 0;
    }
    assert_null(meta_unpack(a, &onic__wire__annot_labels__descriptor, wire, sizeof wire));
    const Onic__Wire__AnnotLabels *few =
        meta_unpack(a, &onic__wire__annot_labels__descriptor, wire, 400);
    assert_non_null(few);
    assert_int_equal(few->n_labels, 200);
    for (size_t i = 0; i < 200; i++)
        wire[i] = i % 2 ? 1 : 0x78; /* a hundred unknown fields */
    assert_null(meta_unpack(a, &onic__wire__skip__descriptor, wire, 200));
    assert_non_null(meta_unpack(a, &onic__wire__skip__descriptor, wire,
                                20)); /* a newer version's few are fine */
    assert_null(meta_unpack(a, &onic__wire__skip__descriptor, wire, FRAME_META_MAX + 1));
    assert_non_null(meta_unpack(a, &onic__wire__skip__descriptor, NULL, 0));
    meta_arena_free(a);
}

static void text_of_a_peer_is_made_printable(void **state)
{
    (void)state;
    char out[8], hostile_copy[sizeof hostile_text];
    uint8_t evil[] = {'a', 27, '[', '\n', 0, 'b', 'c', 'd', 'e'};
    ProtobufCBinaryData b = {.len = sizeof evil, .data = evil};
    meta_text(out, sizeof out, &b);
    assert_string_equal(out, "a [ ?bc");
    char long_out[64];
    b = (ProtobufCBinaryData){.len = sizeof hostile_text - 1, .data = (uint8_t *)hostile_copy};
    memcpy(hostile_copy, hostile_text, sizeof hostile_copy);
    meta_text(long_out, sizeof long_out, &b);
    assert_null(hostile_text_in(long_out));
    assert_non_null(strstr(long_out, "31md"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ledger_survives_its_json),
        cmocka_unit_test(a_missing_trajectory_is_an_imbalance),
        cmocka_unit_test(a_killed_process_leaves_its_page),
        cmocka_unit_test(a_message_that_needs_too_much_memory_is_refused),
        cmocka_unit_test(text_of_a_peer_is_made_printable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
