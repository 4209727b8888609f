/* SPDX-License-Identifier: MIT */
/* test_wire_deterministic.c - lock-step: which weights each trajectory was played with, and where
 * an actor resumes. */
#define _DEFAULT_SOURCE
#include "tests/support/said.h"
#include "tests/support/wire_pair.h"

enum { SNAPSHOT = 40, R = 2 };

static struct wire_learner *lockstep(const char *address, uint32_t epoch, int actors,
                                     const struct buf *blob)
{
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params(address);
    p.epoch = epoch;
    p.deterministic = true;
    p.deterministic_actors = actors;
    p.deterministic_rounds = R;
    p.shape.snapshot_bytes = SNAPSHOT;
    assert_ok(wire_learner_create(&l, &p, &err));
    if (blob)
        assert_ok(wire_learner_load(l, blob->data, blob->len, &err));
    return l;
}

static struct wire_actor *join(const char *address, int id, struct wire_welcome *w)
{
    struct wire_actor *a = NULL;
    struct wire_actor_params p = {.learner = address, .actor_id = id};
    struct onic_err e = {0};
    assert_int_equal(wire_actor_create(&a, &p, &e), ONIC_OK);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    int rc;
    while ((rc = wire_actor_welcome(a, 20, w, &e)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    assert_int_equal(rc, ONIC_OK);
    assert_true(w->deterministic);
    struct wire_ready r = {.shape = pair_shape(SNAPSHOT),
                           .env_text = pair_env,
                           .net_text = pair_net,
                           .weights_floats = PAIR_WEIGHTS};
    assert_int_equal(wire_actor_ready(a, &r, &e), ONIC_OK);
    return a;
}

/* One round of R trajectories, trained on, next version published. g: index of its first one. */
static void play_round(struct wire_learner *l, struct wire_actor *a, uint64_t g)
{
    for (uint64_t k = 0; k < R; k++)
        pair_play(a, 0, g + k);
    for (uint64_t k = 0; k < R; k++) {
        struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
        assert_non_null(t);
        assert_int_equal(wire_learner_index(t), g + k);
        assert_int_equal(t->weights_version, (g + k) / R);
        assert_int_equal(t->env_steps_before, (g + k) * PAIR_T * PAIR_E);
        wire_learner_consumed(l, t);
        wire_learner_release(l, t);
    }
}

static void assert_resume(const struct wire_welcome *w, uint64_t last_played)
{
    assert_int_equal(w->resume_len, PAIR_E * SNAPSHOT);
    for (size_t i = 0; i < w->resume_len; i++)
        assert_int_equal(w->resume[i], last_played & 0xff);
}

static void a_rollout_waits_for_exactly_its_weights(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/t", dir);
    struct wire_learner *l = lockstep(address, 1, 1, NULL);
    pair_publish(l, 0);
    struct wire_welcome w;
    struct wire_actor *a = join(address, 0, &w);
    assert_null(w.resume);
    struct onic_err e = {0};
    for (uint64_t v = 0; v < 4; v++) {
        play_round(l, a, v * R);
        for (int i = 0; i < 30; i++) {
            assert_int_equal(wire_actor_poll(a, 2, &e), ONIC_OK);
            assert_false(wire_actor_may_start(a)); /* version v is used up */
        }
        pair_publish(l, v + 1);
    }
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(dir);
}

static void a_killed_actor_resumes_after_its_last_accepted_trajectory(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/t", dir);
    struct wire_learner *l = lockstep(address, 1, 1, NULL);
    pair_publish(l, 0);
    struct wire_welcome w;
    struct wire_actor *a = join(address, 0, &w);
    play_round(l, a, 0);
    pair_publish(l, 1);
    pair_play(a, 0, R); /* accepted, not trained on */
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(t);
    wire_actor_free(a);
    a = join(address, 0, &w);
    assert_resume(&w, R);
    pair_play(a, 0, R + 1);
    struct trajectory *u = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(u);
    assert_int_equal(wire_learner_index(u), R + 1);
    assert_int_equal(u->weights_version, 1);
    wire_learner_consumed(l, t);
    wire_learner_consumed(l, u);
    wire_learner_release(l, t);
    wire_learner_release(l, u);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, R + 2);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(dir);
}

static void a_restored_learner_takes_actors_back_to_what_its_weights_know(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/t", dir);
    struct wire_learner *l = lockstep(address, 1, 1, NULL);
    pair_publish(l, 0);
    struct wire_welcome w;
    struct wire_actor *a = join(address, 0, &w);
    play_round(l, a, 0);
    pair_publish(l, 1);
    pair_play(a, 0, R); /* accepted before the checkpoint is written, but not part of the weights */
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    struct buf blob;
    buf_init(&blob, 1 << 20);
    wire_learner_save(l, &blob);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    wire_learner_free(l);

    l = lockstep(address, 2, 1, &blob);
    pair_publish(l, 1);
    struct onic_err e = {0};
    int rc = ONIC_OK;
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while (!rc && clock_ms() < end)
        rc = wire_actor_poll(a, 20, &e);
    assert_int_equal(rc, ONIC_ETIMEDOUT); /* exit 75: the supervisor starts it again */
    assert_string_equal(e.msg, "the learner was restarted; restart the actor to resume exactly");
    wire_actor_free(a);
    a = join(address, 0, &w);
    assert_resume(&w, R - 1);
    play_round(l, a, R);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(dir);
}

static void only_the_stated_number_of_actors_may_take_part(void **state)
{
    (void)state;
    char dir[256], address[300];
    temp_dir_create(dir);
    snprintf(address, sizeof address, "ipc://%s/t", dir);
    struct wire_learner *l = lockstep(address, 1, 2, NULL);
    pair_publish(l, 0);
    struct wire_welcome w;
    struct wire_actor *a = join(address, -1, &w);
    assert_int_equal(w.actor_id, 0);
    struct wire_actor *b = join(address, -1, &w);
    assert_int_equal(w.actor_id, 1);
    struct wire_actor *c = NULL;
    struct wire_actor_params p = {.learner = address, .actor_id = 2};
    struct onic_err e = {0};
    assert_int_equal(wire_actor_create(&c, &p, &e), ONIC_OK);
    int rc;
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    while ((rc = wire_actor_welcome(c, 20, &w, &e)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    assert_int_equal(rc, ONIC_EINCOMPATIBLE);
    assert_string_equal(e.msg, "actors.id: actor 2, learner 0..1");
    struct wire_actor *d = NULL; /* whoever asks for any number waits for one to be free */
    p.actor_id = -1;
    said_begin(LOG_WARN);
    assert_ok(wire_actor_create(&d, &p, &err));
    for (end = clock_ms() + TEST_PATIENCE_MS; clock_ms() < end;) {
        assert_int_equal(wire_actor_welcome(d, 20, &w, &e), ONIC_EAGAIN);
        if (log_said((char[]){"all 2 actors of this deterministic run are there"}))
            break;
    }
    assert_said("all 2 actors of this deterministic run are there");
    said_end();
    wire_actor_free(d);
    wire_actor_free(a);
    wire_actor_free(b);
    wire_actor_free(c);
    wire_learner_free(l);
    temp_dir_remove(dir);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rollout_waits_for_exactly_its_weights),
        cmocka_unit_test(a_killed_actor_resumes_after_its_last_accepted_trajectory),
        cmocka_unit_test(a_restored_learner_takes_actors_back_to_what_its_weights_know),
        cmocka_unit_test(only_the_stated_number_of_actors_may_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
