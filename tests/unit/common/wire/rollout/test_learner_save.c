/* SPDX-License-Identifier: MIT */
/* test_learner_save.c - a learner goes back to a checkpoint without an end: its books. */
#include "common/wire/frame/crc32c.h"
#include "common/wire/rollout/learner_state.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/wire_pair.h"

static const uint64_t *lost_rollback(const struct ledger *l)
{
    return &l->trajectories.lost[LEDGER_LOST_ROLLBACK];
}

struct await_undone {
    struct wire_learner *l;
    struct wire_actor *a;
    uint64_t want;
};

static bool is_undone(void *ctx)
{
    struct await_undone *g = ctx;
    struct onic_err why = {0};
    wire_actor_poll(g->a, 0, &why);
    struct ledger l = pair_ledger(g->l);
    return *lost_rollback(&l) == g->want;
}

/* What is played from now on is played with it. */
static void await_version(struct wire_actor *a, uint64_t want)
{
    uint64_t version = 0;
    for (int64_t end = clock_ms() + 10000; version < want && clock_ms() < end;) {
        assert_ok(wire_actor_poll(a, 10, &err));
        wire_actor_weights(a, &version);
    }
    assert_int_equal(version, want);
}

static void what_was_trained_on_since_is_lost_and_the_books_balance(void **state)
{
    (void)state;
    struct pair_place at = pair_place_open();
    struct wire_learner *l = pair_learner_at(&at, 1);
    struct buf books;
    struct trajectory *t;
    uint64_t undone = 0;
    buf_init(&books, 1 << 20);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(at.address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    pair_consume_one(l, a, 1);
    wire_learner_save(l, &books); /* of version 1 */
    pair_publish(l, 2);
    await_version(a, 2);
    for (uint64_t n = 2; n <= 3; n++) {
        pair_play(a, 0, n);
        pair_consume_one(l, a, n);
    }
    pair_play(a, 0, 4); /* waits */
    assert_non_null(t = pair_take(l, a, TEST_PATIENCE_MS));
    pair_play(a, 0, 5); /* perhaps under way */
    assert_ok(wire_learner_undo(l, books.data, books.len, 1, 2, &undone, &err));
    assert_int_equal(undone, 2);
    wire_learner_undone(l, t);
    wire_learner_release(l, t);
    while (wire_learner_take(l, &t, 0) == ONIC_OK) {
        wire_learner_undone(l, t);
        wire_learner_release(l, t);
    }
    struct await_undone g = {l, a, 4};
    assert_true(wait_until(is_undone, &g, 8000));
    struct ledger ledger = pair_ledger(l);
    assert_int_equal(ledger.trajectories.consumed, 1);
    assert_int_equal(ledger.steps.consumed, PAIR_T * PAIR_E);
    assert_balanced(&ledger);
    pair_publish(l, 3); /* the weights of version 1 again */
    await_version(a, 3);
    pair_play(a, 0, 6);
    pair_consume_one(l, a, 6);
    ledger = pair_ledger(l);
    assert_int_equal(ledger.trajectories.consumed, 2);
    assert_int_equal(*lost_rollback(&ledger), 4);
    assert_balanced(&ledger);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&books);
    temp_dir_remove(at.dir);
}

/* What lies between two roll-backs was played with weights that both left alone. */
static void versions_between_two_roll_backs_are_trained_on(void **state)
{
    (void)state;
    struct pair_place at = pair_place_open();
    struct wire_learner *l = pair_learner_at(&at, 1);
    struct buf books;
    uint64_t undone = 0;
    buf_init(&books, 1 << 20);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(at.address, NULL, 0, NULL);
    wire_learner_save(l, &books);
    assert_ok(wire_learner_undo(l, books.data, books.len, 1, 2, &undone, &err));
    pair_publish(l, 3);
    await_version(a, 3);
    assert_ok(wire_learner_undo(l, books.data, books.len, 3, 4, &undone, &err));
    pair_play(a, 0, 1); /* with 3 */
    pair_consume_one(l, a, 1);
    struct ledger ledger = pair_ledger(l);
    assert_int_equal(*lost_rollback(&ledger), 0);
    assert_balanced(&ledger);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&books);
    temp_dir_remove(at.dir);
}

/* Three of its trajectories were too old and one was lost; nothing was accepted, so that nothing of
 * the account is worth to be kept (peers_prune). */
static void add_and_prune(struct wire_learner *l, uint32_t id, uint64_t incarnation)
{
    pthread_mutex_lock(&l->lock);
    struct peer *p = peer_add(l, id);
    peer_open(l, p, incarnation);
    p->steps_each = 10;
    for (int i = 0; i < 3; i++)
        peer_settle_dropped(l, p, LEDGER_DROP_STALE);
    p->produced = 4;
    peer_close(l, p, LEDGER_LOST_ACTOR, 0);
    assert_true(peer_left_nothing(p));
    peers_prune(l, clock_ms() + 10000 * (int64_t)id);
    assert_null(peer_find(l, id));
    pthread_mutex_unlock(&l->lock);
}

/* Its sums are those of closed accounts, which a checkpoint has; what it says of itself after a
 * restart, of which the learner does not know any more, is on both sides of the books. */
static void books_of_who_was_forgotten_balance_after_a_restart(void **state)
{
    (void)state;
    struct pair_place at = pair_place_open();
    struct wire_learner *l = pair_learner_at(&at, 1);
    struct buf books;
    buf_init(&books, 1 << 20);
    for (uint32_t id = 5; id < 9; id++)
        add_and_prune(l, id, 1ull << 32 | id);
    struct ledger before = pair_ledger(l);
    assert_int_equal(before.trajectories.produced, 16);
    assert_int_equal(before.trajectories.dropped[LEDGER_DROP_STALE], 12);
    assert_int_equal(before.steps.lost[LEDGER_LOST_ACTOR], 40);
    assert_balanced(&before);
    wire_learner_save(l, &books);
    wire_learner_free(l);
    l = pair_learner_at(&at, 2);
    assert_ok(wire_learner_load(l, books.data, books.len, &err));
    struct ledger after = pair_ledger(l);
    assert_memory_equal(&after, &before, sizeof after);
    pthread_mutex_lock(&l->lock);
    books_unknown_account(l, 4, 3, 10);
    pthread_mutex_unlock(&l->lock);
    after = pair_ledger(l);
    assert_int_equal(after.trajectories.produced, 20);
    assert_balanced(&after);
    wire_learner_free(l);
    buf_release(&books);
    temp_dir_remove(at.dir);
}

/* Shorter, and with the checksum of what is left. */
static void books_cut(struct buf *b, size_t bytes)
{
    b->len -= bytes;
    uint64_t sum = crc32c(0, b->data, b->len - sizeof sum);
    memcpy(b->data + b->len - sizeof sum, &sum, sizeof sum);
}

static void books_that_are_damaged_change_nothing(void **state)
{
    (void)state;
    struct pair_place at = pair_place_open();
    struct wire_learner *l = pair_learner_at(&at, 1);
    struct buf books;
    uint64_t undone = 7;
    buf_init(&books, 1 << 20);
    wire_learner_save(l, &books);
    books.data[30] ^= 1;
    assert_err(wire_learner_undo(l, books.data, books.len, 1, 2, &undone, &err), ONIC_EDAMAGED,
               "checksum differs");
    assert_err(wire_learner_undo(l, "ONLS", 4, 1, 2, &undone, &err), ONIC_EDAMAGED, "wrong magic");
    books.data[30] ^= 1;
    books.data[4]++;
    books_cut(&books, 0);
    assert_err(wire_learner_load(l, books.data, books.len, &err), ONIC_EINCOMPATIBLE,
               "the checkpoint's ledger has format ");
    books.data[4]--;
    books_cut(&books, 0);
    assert_ok(wire_learner_load(l, books.data, books.len, &err));
    books_cut(&books, 8);
    assert_err(wire_learner_load(l, books.data, books.len, &err), ONIC_EDAMAGED,
               "the checkpoint's ledger is damaged: it ends in the middle");
    books_cut(&books, books.len - 40);
    assert_err(wire_learner_undo(l, books.data, books.len, 1, 2, &undone, &err), ONIC_EDAMAGED,
               "the checkpoint's ledger is damaged: it ends in the middle");
    assert_int_equal(undone, 7);
    wire_learner_free(l);
    buf_release(&books);
    temp_dir_remove(at.dir);
}

/* A learner that cannot train on what an actor alone sends. */
static void an_accused_actor_is_put_out(void **state)
{
    (void)state;
    struct pair_place at = pair_place_open();
    struct wire_learner *l = pair_learner_at(&at, 1);
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(at.address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(t);
    uint64_t incarnation = t->incarnation;
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    wire_learner_accuse(l, 0, incarnation - 1); /* who had its number before */
    for (uint64_t n = 2; n <= 4; n++) {
        pair_play(a, 0, n);
        pair_consume_one(l, a, n);
    }
    wire_learner_accuse(l, 0, incarnation);
    int rc = ONIC_OK;
    struct onic_err why = {0};
    for (int64_t end = clock_ms() + 8000; !rc && clock_ms() < end;)
        rc = wire_actor_poll(a, 20, &why);
    assert_int_equal(rc, ONIC_EINTERNAL);
    assert_non_null(strstr(why.msg, "numbers from which no finite gradient can be made"));
    struct ledger ledger = pair_ledger(l);
    assert_balanced(&ledger);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(at.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_trained_on_since_is_lost_and_the_books_balance),
        cmocka_unit_test(versions_between_two_roll_backs_are_trained_on),
        cmocka_unit_test(books_of_who_was_forgotten_balance_after_a_restart),
        cmocka_unit_test(books_that_are_damaged_change_nothing),
        cmocka_unit_test(an_accused_actor_is_put_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
