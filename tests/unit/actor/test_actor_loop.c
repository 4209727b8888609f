/* SPDX-License-Identifier: MIT */
/* test_actor_loop.c - an actor whose environments take long is heard by its learner as long as they
 * give signs of life, and while one step gives none; by a clock that the test sets forward. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "actor/actor_loop.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_pair.h"

static const int64_t second = 1000000000;

struct waiting {
    struct pair_place place;
    struct wire_learner *learner;
    struct actor actor;
    atomic_int kept; /* how often the watching thread kept the place */
};

static void keep_place_and_count(void *waiting)
{
    struct waiting *s = waiting;
    actor_keep_place(&s->actor);
    atomic_fetch_add(&s->kept, 1);
}

static int setup(void **state)
{
    static struct waiting s;
    memset(&s, 0, sizeof s);
    s.place = pair_place_open();
    s.learner = pair_learner_at(&s.place, 1);
    pair_publish(s.learner, 1);
    s.actor.wire = pair_join(s.place.address, NULL, 7, NULL);
    assert_ok(watch_create(&s.actor.watch, 3600, &err));
    watch_keep(s.actor.watch, "slow", keep_place_and_count, &s);
    pair_play(s.actor.wire, 7, 1);
    pair_consume_one(s.learner, s.actor.wire, 1);
    skewed_clock_set(0);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct waiting *s = *state;
    clock_replace(NULL);
    watch_free(s->actor.watch);
    wire_actor_free(s->actor.wire);
    wire_learner_free(s->learner);
    temp_dir_remove(s->place.dir);
    return 0;
}

/* Twice as long as a lease. */
static void wait_with_signs_of_life(struct waiting *s)
{
    static char lost[] = "lost: lease expired", paused[] = "paused for";
    for (int i = 0; i < 80; i++) {
        skewed_clock_advance(second / 4);
        actor_lives(&s->actor);
        usleep(20000); /* for the learner's thread */
    }
    assert_false(log_said(lost) || log_said(paused));
}

static void signs_of_life_keep_its_place(void **state)
{
    struct waiting *s = *state;
    said_begin(LOG_WARN);
    wait_with_signs_of_life(s);
    said_end();
    assert_int_equal(s->actor.wire_rc, ONIC_OK);
    pair_play(s->actor.wire, 7, 2);
    pair_consume_one(s->learner, s->actor.wire, 2);
}

static bool is_kept(void *waiting)
{
    return atomic_load(&((struct waiting *)waiting)->kept) > 0;
}

/* Twice as long as a lease, in an environment of which nothing is heard. */
static void one_step_without_a_sign_of_life_keeps_it(void **state)
{
    static char lost[] = "lost: lease expired", paused[] = "paused for";
    struct waiting *s = *state;
    said_begin(LOG_WARN);
    watch_begin(s->actor.watch);
    for (int i = 0; i < 7; i++) {
        atomic_store(&s->kept, 0);
        skewed_clock_advance(3 * second);
        assert_true(wait_until(is_kept, s, 10000));
        usleep(50000); /* for the learner's thread */
    }
    watch_end(s->actor.watch);
    assert_said("one step or reset of an environment takes long");
    said_end();
    assert_false(log_said(lost) || log_said(paused));
    assert_int_equal(s->actor.wire_rc, ONIC_OK);
    pair_play(s->actor.wire, 7, 2);
    pair_consume_one(s->learner, s->actor.wire, 2);
}

static void *drain(void *learner)
{
    wire_learner_drain(learner, 3600000);
    return NULL;
}

static bool is_told(void *actor)
{
    skewed_clock_advance(second / 4);
    actor_lives(actor);
    return ((struct actor *)actor)->wire_rc == ONIC_ESTOPPED;
}

static void one_that_is_asked_to_finish_is_heard_until_it_has(void **state)
{
    struct waiting *s = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain, s->learner), 0);
    said_begin(LOG_WARN);
    assert_true(wait_until(is_told, &s->actor, 10000));
    wait_with_signs_of_life(s);
    said_end();
    assert_int_equal(s->actor.wire_rc, ONIC_ESTOPPED);
    assert_ok(wire_actor_leave(s->actor.wire, 5000, &err));
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signs_of_life_keep_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(one_step_without_a_sign_of_life_keeps_it, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_is_asked_to_finish_is_heard_until_it_has, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
