/* SPDX-License-Identifier: MIT */
/* test_batcher.c - which trajectories make an update, and in which order. */
#include "learner/process/batcher.h"
#include "tests/support/wire_pair.h"

enum { ACTORS = 3, ROUNDS = 2, WAIT_MS = 10000 };

struct batch_scene {
    struct pair_place place;
    struct wire_learner *learner;
    struct wire_actor *actor[ACTORS];
    struct batcher *batcher;
};

static void open_scene(struct batch_scene *s, struct wire_learner_params p, struct batcher_params b)
{
    memset(s, 0, sizeof *s);
    s->place = pair_place_open();
    p.listen = s->place.address;
    assert_ok(wire_learner_create(&s->learner, &p, &err));
    pair_publish(s->learner, 0);
    for (int i = 0; i < ACTORS; i++)
        s->actor[i] = pair_join(s->place.address, NULL, i, NULL);
    b.wire = s->learner;
    s->batcher = batcher_create(&b);
}

static void close_scene(struct batch_scene *s)
{
    batcher_free(s->batcher);
    for (int i = 0; i < ACTORS; i++)
        wire_actor_free(s->actor[i]);
    wire_learner_free(s->learner);
    temp_dir_remove(s->place.dir);
}

struct queue_goal {
    struct wire_learner *learner;
    int queued;
};

static bool has_queued(void *ctx)
{
    struct queue_goal *g = ctx;
    struct wire_learner_status s;
    wire_learner_status(g->learner, &s);
    return s.queued >= g->queued;
}

/* One trajectory of an actor; it has arrived when this returns. */
static void arrive(struct batch_scene *s, int actor, uint64_t n, int queued)
{
    pair_play(s->actor[actor], (uint32_t)actor, n);
    assert_true(wait_until(has_queued, &(struct queue_goal){s->learner, queued}, WAIT_MS));
}

static void a_round_is_in_order_of_actors_whatever_arrived_first(void **state)
{
    static const int order[ACTORS * ROUNDS] = {2, 0, 2, 1, 1, 0};
    struct wire_learner_params p = pair_learner_params("");
    struct batch_scene s;
    uint64_t played[ACTORS] = {0};
    int n;
    (void)state;
    p.deterministic = true;
    p.deterministic_actors = ACTORS;
    p.deterministic_rounds = ROUNDS;
    open_scene(&s, p, (struct batcher_params){.actors = ACTORS, .rounds = ROUNDS});
    for (int i = 0; i < ACTORS * ROUNDS; i++) {
        assert_int_equal(batcher_fill(s.batcher, 0, 0), ONIC_ETIMEDOUT);
        arrive(&s, order[i], played[order[i]]++, 1);
    }
    assert_int_equal(batcher_fill(s.batcher, 0, WAIT_MS), ONIC_OK);
    struct trajectory *const *held = batcher_held(s.batcher, &n);
    assert_int_equal(n, ACTORS * ROUNDS);
    for (int i = 0; i < n; i++) {
        assert_int_equal(held[i]->actor_id, i / ROUNDS);
        assert_int_equal(wire_learner_index(held[i]), i % ROUNDS);
    }
    batcher_book_consumed(s.batcher);
    batcher_done(s.batcher);
    struct ledger led = pair_ledger(s.learner);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, ACTORS * ROUNDS);
    close_scene(&s);
}

/* What came in time may be too old when its turn comes: the weights have moved on while it waited.
 * Each trajectory was played with weights 0. */
static void what_became_too_old_in_the_queue_is_dropped_and_counted(void **state)
{
    enum { LAG = 3 };
    struct batch_scene s;
    int n;
    (void)state;
    open_scene(&s, pair_learner_params(""),
               (struct batcher_params){.steps = PAIR_T * PAIR_E, .max_policy_lag = LAG});
    arrive(&s, 0, 1, 1);
    assert_int_equal(batcher_fill(s.batcher, LAG, WAIT_MS), ONIC_OK);
    batcher_held(s.batcher, &n);
    assert_int_equal(n, 1);
    batcher_book_consumed(s.batcher);
    batcher_done(s.batcher);
    arrive(&s, 1, 1, 1);
    assert_int_equal(batcher_fill(s.batcher, LAG + 1, 200), ONIC_ETIMEDOUT);
    batcher_held(s.batcher, &n);
    assert_int_equal(n, 0);
    struct ledger led = pair_ledger(s.learner);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 1);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_STALE], 1);
    close_scene(&s);
}

static void a_batch_is_whole_trajectories_until_there_are_enough_steps(void **state)
{
    struct batch_scene s;
    int n;
    (void)state;
    open_scene(&s, pair_learner_params(""),
               (struct batcher_params){.steps = PAIR_T * PAIR_E + 1, .max_policy_lag = 100});
    arrive(&s, 1, 1, 1);
    assert_int_equal(batcher_fill(s.batcher, 0, 200), ONIC_ETIMEDOUT);
    arrive(&s, 0, 1, 1);
    assert_int_equal(batcher_fill(s.batcher, 0, WAIT_MS), ONIC_OK);
    struct trajectory *const *held = batcher_held(s.batcher, &n);
    assert_int_equal(n, 2);
    assert_int_equal(held[0]->actor_id, 1); /* in order of arrival */
    assert_int_equal(held[1]->actor_id, 0);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_is_in_order_of_actors_whatever_arrived_first),
        cmocka_unit_test(what_became_too_old_in_the_queue_is_dropped_and_counted),
        cmocka_unit_test(a_batch_is_whole_trajectories_until_there_are_enough_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
