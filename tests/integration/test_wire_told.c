/* SPDX-License-Identifier: MIT */
/* test_wire_told.c - what an actor and a learner say while the other one is not there; by a clock
 * that a test sets forward. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "common/wire/labels/labels.h"
#include "tests/support/files.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_pair.h"

static const int64_t second = 1000000000;

/* --- the actor ------------------------------------------------------------------------------- */

static void a_pause_is_told_with_its_length(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct onic_err e = {0};
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 7, NULL);
    pair_play(a, 7, 1);
    pair_consume_one(l, a, 1);
    said_begin(LOG_WARN);
    skewed_clock_set(11 * second);
    assert_int_equal(wire_actor_poll(a, 10, &e), ONIC_OK);
    assert_said("paused for 1"); /* 11 s, and however long this one waits */
    assert_said("s; the lease may be lost, joining again");
    said_end();
    pair_play(a, 7, 2);
    pair_consume_one(l, a, 2);
    clock_replace(NULL);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* Slow games: longer than the learner waits for READY without a word, and than the actor goes on
 * without a learner. */
static void whoever_builds_its_environments_keeps_its_place_while_it_polls(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct onic_err e = {0};
    pair_publish(l, 1);
    struct wire_actor *a = pair_be_welcomed(&(struct wire_actor_params){
        .learner = p.address, .actor_id = 7, .fixed_options = "", .orphan_timeout_s = 60});
    said_begin(LOG_WARN);
    skewed_clock_set(0);
    for (int i = 0; i < 600; i++) {
        skewed_clock_advance(second / 4);
        assert_int_equal(wire_actor_poll(a, 1, &e), ONIC_OK);
        usleep(1000); /* for the learner's thread */
    }
    pair_be_ready(a, pair_shape(0));
    pair_play(a, 7, 1);
    pair_consume_one(l, a, 1);
    said_end();
    assert_string_equal(said_text, "");
    clock_replace(NULL);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* As for a loop that polls: one jump would be a pause of the actor's own. */
static void let_time_pass_until_said(struct wire_actor *a, const char *part)
{
    char copy[200];
    struct onic_err e = {0};
    snprintf(copy, sizeof copy, "%s", part);
    for (int i = 0; i < 400 && !log_said(copy); i++) {
        skewed_clock_advance(second / 4);
        assert_int_equal(wire_actor_poll(a, 1, &e), ONIC_OK);
    }
    assert_said(part);
}

static void a_silent_learner_is_told_once_and_so_is_its_answer(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct onic_err e = {0};
    struct buf blob;
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 4, NULL);
    pair_play(a, 4, 1);
    pair_consume_one(l, a, 1);
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    buf_init(&blob, 1 << 20);
    wire_learner_save(l, &blob);
    wire_learner_free(l); /* killed */
    struct trajectory *t = wire_actor_take(a);
    pair_fill(t, 4, 2, 1);
    wire_actor_put(a, t);
    said_begin(LOG_INFO);
    skewed_clock_set(0);
    let_time_pass_until_said(a, "has been silent for 8 s; waiting with 1 unsent trajectories");
    let_time_pass_until_said(a, "suspended: the learner is silent address=\"ipc://");
    said_end();
    assert_null(strstr(strstr(said_text, "has been silent") + 1, "has been silent"));
    l = pair_learner_at(&p, 2);
    assert_ok(wire_learner_load(l, blob.data, blob.len, &err));
    said_begin(LOG_INFO);
    pair_publish(l, 1);
    pair_consume_one(l, a, 2);
    assert_said("the learner answers address=\"ipc://");
    said_end();
    clock_replace(NULL);
    wire_actor_free(a);
    wire_learner_free(l);
    buf_release(&blob);
    temp_dir_remove(p.dir);
}

/* No resolver takes a label of more than 63 characters, so none is asked. */
static const char no_name[] =
    "tcp://a-label-of-so-many-characters-that-no-resolver-takes-it-as-part-of-a-name:5555";

static void a_name_that_does_not_resolve_is_told(void **state)
{
    (void)state;
    struct wire_actor *a = NULL;
    struct wire_welcome w;
    struct onic_err e = {0};
    const struct wire_actor_params p = {.learner = no_name, .actor_id = -1};
    assert_ok(wire_actor_create(&a, &p, &err));
    said_begin(LOG_WARN);
    skewed_clock_set(0);
    for (int i = 0; i < 18; i++) {
        skewed_clock_advance(second / 2);
        assert_int_equal(wire_actor_welcome(a, 1, &w, &e), ONIC_EAGAIN);
    }
    assert_said(":5555 cannot be reached: the name a-label-of-so-many-");
    assert_said("does not resolve: ");
    assert_said(". Trying on");
    said_end();
    clock_replace(NULL);
    wire_actor_free(a);
}

static void who_leaves_a_learner_that_is_gone_says_what_is_unsettled(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct onic_err e = {0};
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(p.address, NULL, 4, NULL);
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    wire_learner_free(l); /* killed */
    struct trajectory *t = wire_actor_take(a);
    pair_fill(t, 4, 1, 1);
    wire_actor_put(a, t);
    said_begin(LOG_WARN);
    assert_ok(wire_actor_leave(a, 100, &err));
    assert_said("left without the learner's answer unsettled=1");
    said_end();
    wire_actor_free(a);
    temp_dir_remove(p.dir);
}

/* A learner begins all the same: labels are no condition of its work. */
static void a_reward_servers_name_that_does_not_resolve_is_told(void **state)
{
    (void)state;
    struct wire_labels_client *c = NULL;
    said_begin(LOG_WARN);
    assert_ok(wire_labels_client_create(&c, no_name, NULL, NULL, &err));
    assert_said("the reward server cannot be reached yet, trying on address=");
    assert_said("the name a-label-of-so-many-");
    said_end();
    wire_labels_client_free(c);
}

/* --- the learner ----------------------------------------------------------------------------- */

struct waiting {
    struct wire_learner *l;
    const char *what;
    struct wire_learner_status s;
};

static bool waits_for(void *ctx)
{
    struct waiting *w = ctx;
    wire_learner_status(w->l, &w->s);
    return strstr(w->s.waiting_for, w->what) != NULL;
}

static void assert_waits_for(struct wire_learner *l, int64_t seconds, const char *what)
{
    struct waiting w = {.l = l, .what = what};
    skewed_clock_advance(seconds * second);
    if (!wait_until(waits_for, &w, TEST_PATIENCE_MS))
        fail_msg("\"%s\", not \"%s\"", w.s.waiting_for, what);
}

static struct wire_learner_status status_of(struct wire_learner *l)
{
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    return s;
}

static void what_a_learner_waits_for_is_told(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct wire_actor_params ap = {.learner = p.address, .actor_id = 0};
    struct wire_ready ready = {.shape = pair_shape(0),
                               .env_text = pair_env,
                               .net_text = pair_net,
                               .weights_floats = PAIR_WEIGHTS};
    struct wire_actor *a = NULL;
    struct wire_welcome w;
    struct onic_err e = {0};
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    skewed_clock_set(0);
    assert_waits_for(l, 6, "no actor has connected to ipc://");
    assert_ok(wire_actor_create(&a, &ap, &err));
    while (wire_actor_welcome(a, 20, &w, &e) == ONIC_EAGAIN && clock_ms() < end + 6000)
        ;
    assert_waits_for(l, 6, "1 actors connected, none has its environments ready after ");
    assert_ok(wire_actor_ready(a, &ready, &err));
    for (end = clock_ms() + TEST_PATIENCE_MS; !status_of(l).actors_running && clock_ms() < end;)
        wire_actor_poll(a, 10, &e);
    assert_waits_for(l, 6, "1 actors connected, no weights have been published");
    pair_publish(l, 1);
    assert_int_equal(pair_wait_start(a, TEST_PATIENCE_MS, &e), ONIC_OK);
    assert_waits_for(l, 6, "1 actors connected, none has sent for ");
    wire_actor_free(a); /* killed */
    assert_waits_for(l, 75, "none of 1 known actors is connected to ipc://");
    clock_replace(NULL);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

/* --- what cannot be opened ------------------------------------------------------------------- */

static void what_cannot_be_listened_at_names_its_option(void **state)
{
    (void)state;
    struct wire_learner *l = NULL;
    struct wire_labels_server *s = NULL;
    struct wire_labels_client *c = NULL;
    struct wire_learner_params p = pair_learner_params("");
    char far[130] = "ipc:///";
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG,
               "no address to listen at: give --listen=tcp://127.0.0.1:5555");
    p = pair_learner_params("ipc:///nowhere/t");
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG,
               "--listen=ipc:///nowhere/t: cannot bind: No such file or directory");
    memset(far + sizeof "ipc:///" - 1, 'x', sizeof far - sizeof "ipc:///");
    p = pair_learner_params(far);
    assert_err(wire_learner_create(&l, &p, &err), ONIC_ECONFIG,
               "xxx: the path of an ipc socket may have at most 107 characters; use a shorter one");
    assert_err(wire_labels_server_create(&s, "", NULL, false, NULL, NULL, &err), ONIC_ECONFIG,
               "no address to listen at: give --listen=tcp://127.0.0.1:5557");
    assert_err(wire_labels_client_create(&c, "", NULL, NULL, &err), ONIC_ECONFIG,
               "--reward.server: the address is missing or too long");
}

/* The books are kept by the learner; a page that cannot be had ends no actor. */
static void a_page_that_cannot_be_had_is_told(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    char file[320], below[340];
    pair_publish(l, 1);
    snprintf(file, sizeof file, "%s/file", p.dir);
    snprintf(below, sizeof below, "%s/state", file);
    files_write(file, "");
    said_begin(LOG_WARN);
    wire_actor_free(pair_join(p.address, NULL, 2, below));
    assert_said("actors.state_dir: cannot create ");
    wire_actor_free(pair_join(p.address, NULL, 3, file));
    assert_said("actors.state_dir: cannot open ");
    assert_said("/file/actor-3.ledger: Not a directory");
    said_end();
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

static void trajectories_beyond_all_bounds_are_refused_where_they_are_made(void **state)
{
    (void)state;
    struct pair_place p = pair_place_open();
    struct wire_learner *l = pair_learner_at(&p, 1);
    struct wire_actor_params ap = {.learner = p.address, .actor_id = -1};
    struct wire_ready ready = {.shape = pair_shape(0),
                               .env_text = pair_env,
                               .net_text = pair_net,
                               .weights_floats = PAIR_WEIGHTS};
    struct wire_actor *a = NULL;
    struct wire_welcome w;
    struct onic_err e = {0};
    pair_publish(l, 1);
    assert_ok(wire_actor_create(&a, &ap, &err));
    for (int64_t end = clock_ms() + TEST_PATIENCE_MS; clock_ms() < end;)
        if (wire_actor_welcome(a, 20, &w, &e) == ONIC_OK)
            break;
    ready.shape.E = BOUND_ENVS + 1;
    assert_err(wire_actor_ready(a, &ready, &err), ONIC_ECONFIG,
               "are out of range; use a smaller env.count or train.rollout");
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(p.dir);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_told_with_its_length),
        cmocka_unit_test(whoever_builds_its_environments_keeps_its_place_while_it_polls),
        cmocka_unit_test(a_silent_learner_is_told_once_and_so_is_its_answer),
        cmocka_unit_test(a_name_that_does_not_resolve_is_told),
        cmocka_unit_test(who_leaves_a_learner_that_is_gone_says_what_is_unsettled),
        cmocka_unit_test(a_reward_servers_name_that_does_not_resolve_is_told),
        cmocka_unit_test(what_a_learner_waits_for_is_told),
        cmocka_unit_test(what_cannot_be_listened_at_names_its_option),
        cmocka_unit_test(a_page_that_cannot_be_had_is_told),
        cmocka_unit_test(trajectories_beyond_all_bounds_are_refused_where_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
