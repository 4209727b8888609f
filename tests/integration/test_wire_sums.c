/* SPDX-License-Identifier: MIT */
/* test_wire_sums.c - steps, processor time and versions that an actor says of itself enter the sums
 * of a run as far as they can be true. */
#include "tests/support/said.h"
#include "tests/support/wire_claims.h"

static void beat_of(struct raw *r, uint64_t env_steps, uint64_t cpu_ms)
{
    uint8_t meta[100], out[1000];
    Onic__Wire__Heartbeat m = ONIC__WIRE__HEARTBEAT__INIT;
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    own.env_steps = env_steps;
    own.cpu_ms = cpu_ms;
    m.own = &own;
    size_t n = onic__wire__heartbeat__pack(&m, meta);
    n = build(out, head(r, FRAME_HEARTBEAT), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
    is_granted(r);
}

/* Of one trajectory of PAIR_T steps, and of the time that a test can take. */
static void assert_sums_can_be(struct raw *r)
{
    struct wire_learner_status s;
    wire_learner_status(r->l, &s);
    assert_int_equal(s.env_steps, PAIR_T);
    assert_true(s.actors_cpu_s >= 64 * 60 && s.actors_cpu_s < 64 * 3600);
}

static void what_an_actor_says_of_itself_is_counted_as_far_as_it_can_be(void **state)
{
    const struct account nothing = {0, 0, PAIR_T};
    char told[] = "an actor says that it has taken more steps";
    struct wire_learner_status s;
    uint8_t secret[16];
    struct raw r;
    (void)state;
    open_with_actor_3(&r, secret);
    say_ready_with(&r, 1);
    is_granted(&r);
    beat_of(&r, PAIR_T - 1, 1234);
    wire_learner_status(r.l, &s);
    assert_int_equal(s.env_steps, PAIR_T - 1);
    assert_true(s.actors_cpu_s > 1.2335 && s.actors_cpu_s < 1.2345);
    said_begin(LOG_WARN);
    beat_of(&r, UINT64_MAX, UINT64_MAX);
    assert_sums_can_be(&r);
    assert_true(log_said(told));
    said_end();
    beat_of(&r, 1, 1);
    come_back_with(&r, secret, &nothing, UINT64_MAX, 1ull << 62);
    is_welcomed(&r, NULL);
    assert_sums_can_be(&r);
    say_ready_with(&r, 1);
    is_granted(&r);
    beat_of(&r, 1, 1);
    say_bye(&r, 1ull << 63, UINT64_MAX - 1);
    assert_sums_can_be(&r);
    close_raw(&r);
}

/* One more than the largest there is would be none. */
static void no_version_is_newer_than_the_newest(void **state)
{
    struct trajectory_shape shape = pair_shape(0);
    struct raw r;
    (void)state;
    open_raw(&r);
    join(&r);
    struct trajectory *t = trajectory_create(&shape);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        pair_fill(t, r.id, seq, seq == 1 ? UINT64_MAX : UINT64_MAX - 1);
        trajectory_seal(t->storage);
        send_block(&r, t->storage, seq);
        struct trajectory *taken = pair_take(r.l, NULL, TEST_PATIENCE_MS);
        assert_non_null(taken);
        assert_int_equal(taken->weights_version, 1);
        wire_learner_consumed(r.l, taken);
        wire_learner_release(r.l, taken);
    }
    trajectory_free(t);
    close_raw(&r);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_actor_says_of_itself_is_counted_as_far_as_it_can_be),
        cmocka_unit_test(no_version_is_newer_than_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
