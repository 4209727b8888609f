/* SPDX-License-Identifier: MIT */
/* test_wire_faults.c - restarts, duplicates, fencing, mismatches and old weights, in one process
 * over ipc. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_pair.h"

/* --- R4, R5, R8: the learner dies and comes back from its checkpoint --------------------- */

static void unacknowledged_work_reaches_a_restarted_learner_exactly_once(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 4, NULL);
    for (uint64_t n = 1; n <= 3; n++) {
        pair_play(a, 4, n);
        pair_consume_one(l, a, n);
    }
    struct buf blob;
    buf_init(&blob, 1 << 20);
    wire_learner_save(l, &blob);
    wire_learner_free(l); /* killed: nothing is said to the actor */

    struct onic_err e = {0};
    if (wire_actor_may_start(a)) /* what was credited may still be played while nobody is there */
        pair_play(a, 4, 4);
    l = pair_learner_at(&p, 2);
    assert_ok(wire_learner_load(l, blob.data, blob.len, &err));
    pair_publish(l, 1);
    for (uint64_t n = 4; n <= 10; n++) {
        if (n > 4)
            pair_play(a, 4, n);
        pair_consume_one(l, a, n);
    }
    assert_int_equal(wire_actor_leave(a, 3000, &e), ONIC_OK);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 10);
    assert_int_equal(led.trajectories.consumed, 10);
    assert_int_equal(led.trajectories.consumed_twice, 0);
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ROLLBACK], 0);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(p.dir);
}

static void work_after_the_restored_checkpoint_is_lost_to_the_roll_back_and_counted(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    struct buf blob;
    buf_init(&blob, 1 << 20);
    for (uint64_t n = 1; n <= 9; n++) {
        pair_play(a, 0, n);
        pair_consume_one(l, a, n);
        if (n == 4)
            wire_learner_save(l, &blob);
    }
    struct onic_err e = {0}; /* the last acknowledgement is read before the learner dies */
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    for (int i = 0; i < 20; i++)
        wire_actor_poll(a, 5, &e);
    wire_learner_free(l);

    l = pair_learner_at(&p, 2);
    assert_ok(wire_learner_load(l, blob.data, blob.len, &err));
    pair_publish(l, 1);
    pair_play(a, 0, 10);
    pair_consume_one(l, a, 10);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 10);
    assert_int_equal(led.trajectories.consumed, 5); /* 1..4 and 10 */
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ROLLBACK], 5);
    assert_int_equal(led.steps.lost[LEDGER_LOST_ROLLBACK], 5 * PAIR_T * PAIR_E);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(p.dir);
}

static void queued_but_untrained_work_is_not_in_the_checkpoint(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    struct onic_err e = {0};
    for (uint64_t n = 1; n <= 3; n++)
        pair_play(a, 0, n);
    pair_consume_one(l, a, 1);
    struct trajectory *held =
        pair_take(l, a, TEST_PATIENCE_MS); /* 2 is in a half-filled batch, 3 in the queue */
    assert_non_null(held);
    for (int i = 0; i < 40; i++)
        wire_actor_poll(a, 5, &e);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.in_flight, 2);
    struct buf blob;
    buf_init(&blob, 1 << 20);
    wire_learner_save(l, &blob);
    wire_learner_release(l, held);
    wire_learner_free(l);

    l = pair_learner_at(&p, 2);
    assert_ok(wire_learner_load(l, blob.data, blob.len, &err));
    pair_publish(l, 1);
    pair_play(a, 0, 4);
    pair_consume_one(l, a, 4);
    led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 2);
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ROLLBACK], 2);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(p.dir);
}

static void a_damaged_ledger_blob_is_refused(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    pair_consume_one(l, a, 1);
    struct buf blob;
    buf_init(&blob, 1 << 20);
    wire_learner_save(l, &blob);
    for (size_t n = 0; n < blob.len; n++)
        assert_int_not_equal(wire_learner_load(l, blob.data, n, NULL), ONIC_OK);
    for (size_t i = 0; i < blob.len * 8; i += 7) {
        blob.data[i / 8] ^= (char)(1 << (i % 8));
        assert_int_not_equal(wire_learner_load(l, blob.data, blob.len, NULL), ONIC_OK);
        blob.data[i / 8] ^= (char)(1 << (i % 8));
    }
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(p.dir);
}

/* --- R9: the actor dies ------------------------------------------------------------------ */

static void a_killed_actors_page_tells_what_it_had_produced(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 2, p.state);
    pair_play(a, 2, 1);
    pair_consume_one(l, a, 1);
    struct onic_err e = {0};
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    /* two are finished while the learner cannot hear it: their sequence numbers exist only on the
     * page */
    struct trajectory *t = wire_actor_take(a);
    pair_fill(t, 2, 2, 1);
    wire_learner_free(l);
    wire_actor_put(a, t);
    wire_actor_free(a); /* killed */
    l = pair_learner_at(&p, 2);
    pair_publish(l, 1);
    a = pair_join(p.address, NULL, 2, p.state);
    pair_play(a, 2, 1);
    pair_consume_one(l, a, 1);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    /* this learner started from nothing: what the first one acknowledged is a roll-back, the rest
     * died with the actor */
    assert_int_equal(led.trajectories.produced, 3);
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ROLLBACK], 1);
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ACTOR], 1);
    assert_int_equal(led.steps.lost[LEDGER_LOST_ACTOR], PAIR_T * PAIR_E);
    assert_int_equal(led.trajectories.consumed, 1);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void a_killed_actor_that_is_restarted_at_once_gets_its_number_back(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    int64_t begin = clock_ms();
    for (uint64_t life = 0; life < 5; life++) {
        struct wire_actor *a = pair_join(p.address, NULL, 3, p.state);
        pair_play(a, 3, 1);
        pair_consume_one(l, a, 1);
        wire_actor_free(a); /* killed: its connection closes, its lease would last 10 s more */
    }
    assert_true(clock_ms() - begin < 20000); /* waiting for four leases takes 40 s */
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 5);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* --- R10: identity ----------------------------------------------------------------------- */

static void a_second_actor_of_a_living_number_is_told_who_has_it(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 7, NULL), *b = NULL;
    struct wire_actor_params bp = {.learner = p.address, .actor_id = 7};
    struct wire_welcome w;
    struct onic_err e = {0}, ignored = {0};
    assert_ok(wire_actor_create(&b, &bp, &err));
    int rc = ONIC_EAGAIN;
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (rc == ONIC_EAGAIN && clock_ms() < end) {
        assert_int_equal(wire_actor_poll(a, 5, &ignored), ONIC_OK);
        rc = wire_actor_welcome(b, 5, &w, &e);
    }
    assert_int_equal(rc, ONIC_EFENCED);
    char pid[100];
    snprintf(pid, sizeof pid, ", pid %d); give this one another --actors.id, or none",
             (int)getpid());
    assert_non_null(strstr(e.msg, "actor number 7 is in use by a process that is alive (host "));
    assert_non_null(strstr(e.msg, pid));
    pair_play(a, 7, 1); /* the holder goes on */
    pair_consume_one(l, a, 1);
    wire_actor_free(a);
    wire_actor_free(b);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void a_replaced_actor_is_fenced(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 7, NULL);
    pair_play(a, 7, 1);
    pair_consume_one(l, a, 1);
    struct trajectory *t = wire_actor_take(a);
    skewed_clock_set(11000000000); /* a is stopped for 11 s: its lease runs out */
    struct wire_actor *b = pair_join(p.address, NULL, 7, NULL);
    pair_play(b, 7, 1);
    pair_consume_one(l, b, 1);
    struct onic_err e = {0};
    pair_fill(t, 7, 2, 1);
    wire_actor_put(a, t); /* and goes on */
    int rc = ONIC_OK;
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (!rc && clock_ms() < end)
        rc = wire_actor_poll(a, 10, &e);
    assert_int_equal(rc, ONIC_EFENCED);
    assert_non_null(strstr(e.msg, "actor 7 is now another process (host "));
    assert_non_null(strstr(e.msg, "; this one ends"));
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    assert_true(s.fenced >= 1);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 2);
    clock_replace(NULL);
    wire_actor_free(a);
    wire_actor_free(b);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void a_lost_actor_that_returns_goes_on_where_it_was(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 7, NULL);
    pair_play(a, 7, 1);
    pair_consume_one(l, a, 1);
    struct trajectory *t = wire_actor_take(a);
    said_begin(LOG_WARN);
    skewed_clock_set(75000000000);
    int64_t end = clock_ms() + 3000;
    struct wire_learner_status s;
    do {
        wire_learner_status(l, &s);
    } while (s.actors_connected && clock_ms() < end);
    assert_int_equal(s.actors_connected, 0);
    assert_said("actor 7 (host ");
    assert_said("lost: lease expired after 7");
    assert_said("s; last seq 1, 0 in flight actor=7");
    pair_fill(t, 7, 2, 1);
    wire_actor_put(a, t);
    pair_consume_one(l, a, 2);
    said_end();
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 2);
    assert_int_equal(led.trajectories.consumed, 2);
    clock_replace(NULL);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* --- R11 --------------------------------------------------------------------------------- */

static void every_differing_field_is_named_with_both_values(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct wire_actor_params ap = {.learner = p.address, .actor_id = -1};
    struct wire_actor *a;
    struct wire_welcome w;
    struct onic_err e = {0};
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    assert_ok(wire_actor_create(&a, &ap, &err));
    while (wire_actor_welcome(a, 50, &w, &e) == ONIC_EAGAIN)
        ;
    assert_int_equal(w.config_len, 20);
    assert_memory_equal(w.config_text, "env: {id: corridor}\n", 20);
    struct wire_ready r = {.shape = pair_shape(0),
                           .env_text = "env.id: minigrid:Empty-8x8\nactions: 3\nextra: 1\n",
                           .net_text = "policy.net: nethack-compact\n",
                           .weights_floats = 17};
    r.shape.T = 32;
    assert_ok(wire_actor_ready(a, &r, &err));
    int rc = ONIC_OK;
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (!rc && clock_ms() < end)
        rc = wire_actor_poll(a, 20, &e);
    assert_int_equal(rc, ONIC_EINCOMPATIBLE);
    assert_string_equal(
        e.msg,
        "env.id: actor minigrid:Empty-8x8, learner corridor; extra: actor 1, learner nothing; "
        "policy.net: actor nethack-compact, learner grid-small; core: actor nothing, learner lstm; "
        "train.rollout: actor 32, learner 4; weights: actor 17, learner 300000");
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* --- W3 ---------------------------------------------------------------------------------- */

static void a_slow_actor_reaches_the_current_weights_although_they_keep_moving(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 0, NULL);
    struct onic_err e = {0};
    uint64_t version = 0, v = 1;
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    /* two new versions between any two polls: whatever the actor asks for next is evicted by then
     */
    do {
        for (int i = 0; i < 2 && v < 30; i++)
            pair_publish(l, ++v);
        wire_actor_poll(a, 10, &e);
        wire_actor_weights(a, &version);
    } while (version < 30 && clock_ms() < end);
    assert_int_equal(version, 30);
    const float *w = wire_actor_weights(a, &version);
    for (int i = 0; i < PAIR_WEIGHTS; i++)
        assert_true(w[i] == (float)(30 * 1000 + i % 997));
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unacknowledged_work_reaches_a_restarted_learner_exactly_once),
        cmocka_unit_test(work_after_the_restored_checkpoint_is_lost_to_the_roll_back_and_counted),
        cmocka_unit_test(queued_but_untrained_work_is_not_in_the_checkpoint),
        cmocka_unit_test(a_damaged_ledger_blob_is_refused),
        cmocka_unit_test(a_killed_actors_page_tells_what_it_had_produced),
        cmocka_unit_test(a_killed_actor_that_is_restarted_at_once_gets_its_number_back),
        cmocka_unit_test(a_second_actor_of_a_living_number_is_told_who_has_it),
        cmocka_unit_test(a_replaced_actor_is_fenced),
        cmocka_unit_test(a_lost_actor_that_returns_goes_on_where_it_was),
        cmocka_unit_test(every_differing_field_is_named_with_both_values),
        cmocka_unit_test(a_slow_actor_reaches_the_current_weights_although_they_keep_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
