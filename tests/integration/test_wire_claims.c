/* SPDX-License-Identifier: MIT */
/* test_wire_claims.c - what an actor that has joined says of itself enters the books only where it
 * can be true, and costs others nothing where it is not. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "common/wire/rollout/place.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_claims.h"

/* --- READY ------------------------------------------------------------------------------- */

/* What was booked in trajectories of one size would be counted in steps of another. */
static void an_account_keeps_the_size_of_its_trajectories(void **state)
{
    struct trajectory_shape shape = pair_shape(0);
    struct raw r;
    (void)state;
    shape.E = 1;
    open_for_any_envs(&r);
    say_ready(&r, NULL);
    is_granted(&r);
    say_ready_with(&r, 1); /* nothing was played: it may think again */
    is_granted(&r);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    trajectory_seal(t->storage);
    send_block(&r, t->storage, 1);
    pair_consume_one(r.l, NULL, 1);
    say_ready_with(&r, 1); /* the same again changes nothing */
    is_granted(&r);
    say_ready_with(&r, 64);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE,
                    "environment steps of a trajectory: actor 256, learner 4");
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.steps.produced, PAIR_T);
    trajectory_free(t);
    assert_alive(&r);
    close_raw(&r);
}

/* Of twenty within a minute three are looked at; another number does not help, nor does another
 * connection. */
static void who_is_refused_again_and_again_is_kept_out_and_counted(void **state)
{
    struct raw r;
    (void)state;
    open_raw(&r);
    skewed_clock_set(0);
    for (int i = 0; i < 20; i++) {
        hello_as(&r, i < 3 ? 5 : 5 + i % 2);
        if (i >= 3) {
            assert_rejected(&r, WIRE_REJECT_RETRY,
                            i % 2 ? "refused 3 times within a minute; it is kept out for another "
                                  : "actor number 5 sent nonsense and is kept out for another ");
            continue;
        }
        is_welcomed(&r, NULL);
        say_ready_with(&r, 99);
        assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE, "env.count: actor 99, learner 3");
    }
    reconnect(&r);
    hello_as(&r, 5);
    assert_rejected(&r, WIRE_REJECT_RETRY,
                    "actor number 5 sent nonsense and is kept out for another ");
    assert_int_equal(bad_so_far(&r), 3);
    assert_alive(&r);
    skewed_clock_advance(61000000000);
    reconnect(&r);
    hello_as(&r, 5);
    is_welcomed(&r, NULL);
    clock_replace(NULL);
    close_raw(&r);
}

/* As many lines as there is room for, each like one of the learner's: looking for every line of one
 * text in the other would take a second with the lock held. */
static void many_lines_are_told_apart_at_once(void **state)
{
    static char lines[60000], word[100];
    struct raw r;
    struct wire_learner_params p = pair_learner_params("");
    (void)state;
    char learner[20000] = "";
    for (int i = 0; i < 1200; i++) /* what is told of them all is longer than a refusal may be */
        snprintf(learner + strlen(learner), 20, "x: %d\n", i);
    p.env_text = learner;
    open_raw_as(&r, &p);
    for (int most = 0; most < 2; most++) {
        int n = most ? 30000 - 1 : 2000;
        lines[0] = '\0';
        for (int i = 0, at = 0; i < n; i++)
            at += snprintf(lines + at, sizeof lines - (size_t)at, most ? "x\n" : "x: %d\n", i);
        int64_t begin = clock_process_cpu_ns();
        for (int i = 0; i < 20; i++) {
            reconnect(&r);
            say_ready_of(&r, NULL, lines, pair_net);
            snprintf(word, sizeof word, "%s",
                     most ? "lines that describe it: actor more than 2048, learner 1200"
                          : "x: actor 1200, learner nothing; x: actor 1201");
            assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE, word);
        }
        assert_true(clock_process_cpu_ns() - begin < 1000000000);
    }
    close_raw(&r);
}

/* --- a trajectory ------------------------------------------------------------------------ */

/* Sends it with what is wrong with it. */
static void is_answered_when(struct raw *r, struct trajectory *t,
                             void (*spoil)(struct trajectory *), uint64_t seq)
{
    pair_fill(t, r->id, seq, 1);
    memset(t->obs, 0, (PAIR_T + 1) * PAIR_E * PAIR_OBS);
    spoil(t);
    trajectory_seal(t->storage);
    send_block(r, t->storage, seq);
    is_granted(r);
}

static void observe_too_much(struct trajectory *t)
{
    const float absurd = 3e38f;
    memcpy(t->obs + 7 * PAIR_OBS + 4, &absurd, sizeof absurd);
}

static void list_one_more(struct trajectory *t)
{
    t->flags[PAIR_T * PAIR_E - 1] = 0;
}

static void number_anothers(struct trajectory *t)
{
    t->episode_id[0] = episode_id((int)t->episode_seed[0] + 1, 0, 1);
}

static void spoil_nothing(struct trajectory *t)
{
    (void)t;
}

static void what_an_actor_lists_is_held_against_its_steps(void **state)
{
    static void (*const wrong[])(struct trajectory *) = {observe_too_much, list_one_more,
                                                         number_anothers};
    struct wire_learner_params p = pair_learner_params("");
    struct trajectory_shape shape = pair_shape(0);
    struct raw r;
    uint64_t seq = 1;
    (void)state;
    obs_spec_add(&p.obs, "place", OBS_F32, 1, (int[]){PAIR_OBS / 4});
    open_raw_as(&r, &p);
    join(&r);
    struct trajectory *t = trajectory_create(&shape);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        is_answered_when(&r, t, wrong[i], seq++);
        struct ledger led = pair_ledger(r.l);
        assert_int_equal(led.trajectories.dropped[LEDGER_DROP_INVALID], i + 1);
        is_answered_when(&r, t, spoil_nothing, seq++);
        pair_consume_one(r.l, NULL, seq - 1);
    }
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_INVALID], sizeof wrong / sizeof *wrong);
    trajectory_free(t);
    close_raw(&r);
}

/* --- numbers ----------------------------------------------------------------------------- */

static int numbers_kept(struct wire_learner *l)
{
    struct wire_learner_actor one;
    int all = 0;
    wire_learner_actors(l, &one, 1, &all);
    return all;
}

static bool keeps_none(void *ctx)
{
    return numbers_kept(ctx) == 0;
}

/* A number takes memory, and room in each checkpoint, for as long as the run lasts. */
static void numbers_that_nothing_came_of_are_not_kept(void **state)
{
    struct raw r;
    struct buf empty, blob;
    (void)state;
    open_raw(&r);
    skewed_clock_set(0);
    buf_init(&empty, 1 << 20);
    buf_init(&blob, 1 << 20);
    wire_learner_save(r.l, &empty);
    for (int i = 0; i < 1000; i++) {
        hello_as(&r, i);
        is_welcomed(&r, NULL);
        say_bye(&r, 0, 0);
        if (i % 10 == 9) {
            skewed_clock_advance(20000000); /* as many as are admitted */
            reconnect(&r);
        }
    }
    wire_learner_save(r.l, &blob);
    assert_int_equal(blob.len, empty.len);
    skewed_clock_advance(2000000000);
    assert_true(wait_until(keeps_none, r.l, TEST_PATIENCE_MS));
    buf_release(&empty);
    buf_release(&blob);
    clock_replace(NULL);
    close_raw(&r);
}

static void a_connection_is_given_few_numbers_within_a_minute(void **state)
{
    struct raw r;
    (void)state;
    open_raw(&r);
    for (int i = 0; i < 10; i++) {
        hello_as(&r, i);
        is_welcomed(&r, NULL);
        say_bye(&r, 0, 0);
    }
    hello_as(&r, 10);
    assert_rejected(&r, WIRE_REJECT_RETRY,
                    "this connection was given 10 actor numbers within a minute; asking again");
    reconnect(&r);
    hello_as(&r, 10);
    is_welcomed(&r, NULL);
    close_raw(&r);
}

/* --- after a restart --------------------------------------------------------------------- */

/* Whoever was left out is fenced all the same, though its number was forgotten. */
static void who_has_left_does_not_come_back_to_a_forgotten_number(void **state)
{
    struct account none = {0};
    struct raw r;
    uint8_t secret[16];
    (void)state;
    open_raw(&r);
    skewed_clock_set(0);
    hello_as(&r, 9);
    is_welcomed(&r, secret);
    say_bye(&r, 0, 0);
    skewed_clock_advance(2000000000);
    assert_true(wait_until(keeps_none, r.l, TEST_PATIENCE_MS));
    come_back(&r, secret, &none);
    assert_rejected(&r, WIRE_REJECT_FENCED, "actor 9 is now another process");
    skewed_clock_advance(2000000000); /* nobody has it, so it is forgotten again */
    assert_true(wait_until(keeps_none, r.l, TEST_PATIENCE_MS));
    clock_replace(NULL);
    close_raw(&r);
}

static void restart(struct raw *r, const struct buf *blob)
{
    struct wire_learner_params p = pair_learner_params("");
    zmq_close(r->socket);
    wire_learner_free(r->l);
    p.shape.E = 0;
    p.listen = r->address;
    p.epoch = 2;
    assert_ok(wire_learner_create(&r->l, &p, &err));
    assert_ok(wire_learner_load(r->l, blob->data, blob->len, &err));
    pair_publish(r->l, 1);
    connect_raw(r);
}

/* Its secret proves who it is, not what it says. */
static void what_a_lost_life_cannot_have_granted_is_not_booked(void **state)
{
    static const struct account wrong[] = {{1ull << 40, 1ull << 40, 12},
                                           {1ull << 40, (1ull << 40) - 5, 12},
                                           {UINT64_MAX, UINT64_MAX, 12},
                                           {1u << 20, 1u << 20, 12},
                                           {1000000, 1000000, BOUND_STEPS * BOUND_ENVS},
                                           {9, 9, BOUND_STEPS * BOUND_ENVS + 1},
                                           {9, 9, 0}};
    struct trajectory_shape shape = pair_shape(0);
    struct buf blob;
    struct raw r;
    uint8_t secret[16];
    (void)state;
    buf_init(&blob, 1 << 20);
    open_with_actor_3(&r, secret);
    say_ready_with(&r, PAIR_E);
    is_granted(&r);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, 3, 1, 1);
    trajectory_seal(t->storage);
    send_block(&r, t->storage, 1);
    pair_consume_one(r.l, NULL, 1);
    wire_learner_save(r.l, &blob);
    restart(&r, &blob);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        come_back(&r, secret, &wrong[i]);
        assert_rejected(&r, WIRE_REJECT_OTHER_RUN,
                        "cannot have acknowledged as much as this session says");
        struct ledger led = pair_ledger(r.l);
        assert_balanced(&led);
        assert_int_equal(led.trajectories.produced, 1);
    }
    assert_int_equal(bad_so_far(&r), sizeof wrong / sizeof *wrong);
    come_back(&r, secret, &(struct account){41, 40, 12}); /* 39 since the checkpoint: may be */
    is_welcomed(&r, NULL);
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.lost[LEDGER_LOST_ROLLBACK], 39);
    say_ready_in(&r, 2, PAIR_E + 1);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE,
                    "environment steps of a trajectory: actor 16, learner 12");
    led = pair_ledger(r.l);
    assert_balanced(&led);
    trajectory_free(t);
    buf_release(&blob);
    close_raw(&r);
}

static void say_it_has_made(struct raw *r, uint64_t produced)
{
    uint8_t meta[100], out[1000];
    Onic__Wire__Heartbeat m = ONIC__WIRE__HEARTBEAT__INIT;
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    own.produced = produced;
    m.own = &own;
    size_t n = onic__wire__heartbeat__pack(&m, meta);
    n = build(out, head(r, FRAME_HEARTBEAT), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
}

static bool ten_are_made(void *ctx)
{
    return pair_ledger(ctx).trajectories.produced == 10;
}

static bool ten_are_given_up(void *ctx)
{
    return pair_ledger(ctx).trajectories.lost[LEDGER_LOST_ACTOR_UNKNOWN] == 10;
}

/* Whoever has not said READY has trajectories of no known size, and says one when it comes back. */
static void what_was_given_up_is_taken_back_in_the_size_that_it_had(void **state)
{
    struct raw r;
    uint8_t secret[16];
    (void)state;
    skewed_clock_set(0);
    open_with_actor_3(&r, secret);
    say_it_has_made(&r, 10);
    assert_true(wait_until(ten_are_made, r.l, TEST_PATIENCE_MS));
    skewed_clock_advance(125000000000);
    assert_true(wait_until(ten_are_given_up, r.l, TEST_PATIENCE_MS));
    reconnect(&r);
    come_back(&r, secret, &(struct account){10, 0, PAIR_T * PAIR_E});
    is_welcomed(&r, NULL);
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.steps.lost[LEDGER_LOST_ACTOR_UNKNOWN], 0);
    assert_int_equal(led.steps.produced, 10 * PAIR_T * PAIR_E);
    clock_replace(NULL);
    close_raw(&r);
}

/* They are booked in the size that the account has, whatever its actor says now. */
static void who_says_that_its_trajectories_are_small_may_claim_no_more(void **state)
{
    struct buf blob;
    struct raw r;
    uint8_t secret[16];
    (void)state;
    buf_init(&blob, 1 << 20);
    open_with_actor_3(&r, secret);
    say_ready_with(&r, BOUND_ENVS);
    is_granted(&r);
    wire_learner_save(r.l, &blob);
    restart(&r, &blob);
    come_back(&r, secret, &(struct account){500000, 500000, 1});
    assert_rejected(&r, WIRE_REJECT_OTHER_RUN,
                    "cannot have acknowledged as much as this session says");
    come_back(&r, secret, &(struct account){300000, 300000, 1});
    is_welcomed(&r, NULL);
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    buf_release(&blob);
    close_raw(&r);
}

/* The life that is gone went on for so long after its last checkpoint. */
static void the_longer_a_lost_life_lasted_the_more_it_can_have_granted(void **state)
{
    struct account a = {5000000, 5000000, 12};
    uint8_t secret[16];
    (void)state;
    for (int hours = 0; hours < 2; hours++) {
        struct wire_learner_params p = pair_learner_params("");
        struct raw r;
        p.lost_s = hours * 3600.0;
        open_raw_as(&r, &p);
        hello_as(&r, 3);
        is_welcomed(&r, secret);
        struct place of = {.actor_id = 3, .incarnation = r.incarnation + 100};
        memcpy(of.run_id, p.run_id, 16);
        place_secret(p.place_key, &of, secret); /* as a life unknown to this one gave it */
        reconnect(&r);
        r.incarnation = of.incarnation;
        come_back(&r, secret, &a);
        if (hours)
            is_welcomed(&r, NULL);
        else
            assert_rejected(&r, WIRE_REJECT_OTHER_RUN, "cannot have acknowledged as much");
        close_raw(&r);
    }
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_keeps_the_size_of_its_trajectories),
        cmocka_unit_test(who_is_refused_again_and_again_is_kept_out_and_counted),
        cmocka_unit_test(many_lines_are_told_apart_at_once),
        cmocka_unit_test(what_an_actor_lists_is_held_against_its_steps),
        cmocka_unit_test(numbers_that_nothing_came_of_are_not_kept),
        cmocka_unit_test(a_connection_is_given_few_numbers_within_a_minute),
        cmocka_unit_test(who_has_left_does_not_come_back_to_a_forgotten_number),
        cmocka_unit_test(what_a_lost_life_cannot_have_granted_is_not_booked),
        cmocka_unit_test(what_was_given_up_is_taken_back_in_the_size_that_it_had),
        cmocka_unit_test(who_says_that_its_trajectories_are_small_may_claim_no_more),
        cmocka_unit_test(the_longer_a_lost_life_lasted_the_more_it_can_have_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
