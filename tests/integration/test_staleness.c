/* SPDX-License-Identifier: MIT */
/* test_staleness.c - nothing is trained on that was played more than train.max_policy_lag weights
 * versions ago: credit keeps trajectories from becoming so old, what does all the same is dropped
 * and counted. Once with links in one process, played by hand, and once with the real programs. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "common/wire/rollout/actor_state.h"
#include "learner/process/batcher.h"
#include "tests/support/program.h"
#include "tests/support/said.h"
#include "tests/support/wire_pair.h"

enum { ACTORS = 12, STEPS = PAIR_T * PAIR_E, UPDATES = 40, LAG = 4 };

struct run {
    struct wire_learner *link;
    struct batcher *batcher;
    struct wire_actor *actor[ACTORS];
    uint64_t played[ACTORS];
    int actors;
    uint64_t version, lag_max, trained;
};

/* batch: trajectories of an update. */
static struct run run_open(int actors, uint64_t lag, int batch)
{
    struct run r = {.actors = actors};
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    p.max_queued = 1000; /* nothing but the lag holds actors back */
    p.shape.E = 0;       /* any */
    p.max_policy_lag = lag;
    p.batch_steps = (uint64_t)batch * STEPS;
    assert_ok(wire_learner_create(&r.link, &p, &err));
    pair_publish(r.link, 0);
    struct batcher_params bp = {
        .wire = r.link, .steps = (int64_t)batch * STEPS, .max_policy_lag = lag};
    r.batcher = batcher_create(&bp);
    for (int i = 0; i < actors; i++)
        r.actor[i] = pair_join(wire_learner_address(r.link), NULL, i, NULL);
    return r;
}

static void run_close(struct run *r)
{
    batcher_book_dropped(r->batcher, LEDGER_DROP_DRAIN);
    batcher_free(r->batcher);
    for (int i = 0; i < r->actors; i++)
        wire_actor_free(r->actor[i]);
    wire_learner_free(r->link);
}

/* Until every actor holds the newest published weights: what is left of lag is the learner's. */
static void pull_all(struct run *r, uint64_t published)
{
    int64_t end = clock_ms() + 30000;
    struct onic_err err = {0};
    for (int i = 0; i < r->actors; i++) {
        uint64_t version = 0;
        while ((!wire_actor_weights(r->actor[i], &version) || version != published) &&
               clock_ms() < end)
            assert_int_equal(wire_actor_poll(r->actor[i], 1, &err), ONIC_OK);
        assert_int_equal(version, published);
    }
}

/* Every actor plays whatever it may: all of them are faster than the learner. */
static void play_all(struct run *r)
{
    struct onic_err err = {0};
    for (int i = 0; i < r->actors; i++) {
        assert_int_equal(wire_actor_poll(r->actor[i], 0, &err), ONIC_OK);
        if (wire_actor_may_start(r->actor[i]))
            pair_play(r->actor[i], (uint32_t)i, r->played[i]++);
    }
}

/* One update, if a batch is there. */
static bool train_unpublished(struct run *r)
{
    int n, rc = batcher_fill(r->batcher, r->version, 2);
    assert_true(!rc || rc == ONIC_ETIMEDOUT);
    if (rc)
        return false;
    struct trajectory *const *held = batcher_held(r->batcher, &n);
    for (int i = 0; i < n; i++) {
        uint64_t lag = r->version - held[i]->weights_version;
        r->lag_max = lag > r->lag_max ? lag : r->lag_max;
        r->trained++;
    }
    batcher_book_consumed(r->batcher);
    batcher_done(r->batcher);
    r->version++;
    return true;
}

static bool train_one(struct run *r)
{
    if (!train_unpublished(r))
        return false;
    pair_publish(r->link, r->version);
    pull_all(r, r->version);
    return true;
}

static uint64_t dropped_as_stale(const struct run *r)
{
    struct ledger l = pair_ledger(r->link);
    assert_balanced(&l);
    return l.trajectories.dropped[LEDGER_DROP_STALE] +
           l.trajectories.dropped[LEDGER_DROP_STALE_ACTOR];
}

/* Twelve actors with windows of two could have 24 trajectories under way, twelve updates of two;
 * with the bound there are ten. */
static void many_actors_of_a_slow_learner_are_held_back_in_time(void **state)
{
    (void)state;
    said_begin(LOG_WARN);
    struct run r = run_open(ACTORS, LAG, 2);
    assert_said("more actors than train.max_policy_lag lets play at the same time; the others "
                "wait. A larger train.batch or train.max_policy_lag lets more play actors=");
    said_end();
    int64_t end = clock_ms() + 60000;
    for (int updates = 0; updates < UPDATES && clock_ms() < end;) {
        for (int i = 0; i < 5; i++)
            play_all(&r);
        updates += train_one(&r);
    }
    assert_int_equal(r.version, UPDATES);
    assert_int_equal(r.trained, 2 * UPDATES);
    assert_true(r.lag_max <= LAG);
    assert_true(r.lag_max >= 3);
    assert_int_equal(dropped_as_stale(&r), 0);
    for (int i = 0; i < ACTORS; i++)
        assert_true(r.played[i] >= 5); /* the room goes round */
    run_close(&r);
}

/* Trajectories of one actor are as large as five batches, of the other as half of one: one of the
 * former is an update, so both have room. */
static void actors_of_all_sizes_play(void **state)
{
    (void)state;
    struct run r = run_open(1, LAG, 2);
    struct trajectory_shape wide = pair_shape(0);
    wide.E = 10 * PAIR_E;
    r.actor[r.actors++] = pair_join_as(wire_learner_address(r.link), NULL, 1, NULL, wide);
    int64_t end = clock_ms() + 60000;
    while ((r.played[0] < 2 || r.played[1] < 2) && clock_ms() < end)
        play_all(&r); /* their windows, before any update */
    assert_true(r.played[0] >= 2 && r.played[1] >= 2);
    while (r.version < UPDATES && clock_ms() < end) {
        for (int i = 0; i < 5; i++)
            play_all(&r);
        train_one(&r);
    }
    assert_int_equal(r.version, UPDATES);
    assert_true(r.lag_max <= LAG);
    assert_int_equal(dropped_as_stale(&r), 0);
    assert_true(r.played[0] >= UPDATES / 4 && r.played[1] >= UPDATES / 4);
    run_close(&r);
}

/* With a bound of 1 actors and learner take turns. */
static void the_smallest_bound_is_lock_step(void **state)
{
    (void)state;
    struct run r = run_open(3, 1, 2);
    int64_t end = clock_ms() + 60000;
    while (r.version < 20 && clock_ms() < end) {
        play_all(&r);
        train_one(&r);
    }
    assert_int_equal(r.version, 20);
    assert_true(r.lag_max <= 1);
    assert_int_equal(dropped_as_stale(&r), 0);
    run_close(&r);
}

/* Ten trajectories may be played with the same weights, however many updates have been made of them
 * without publishing others: the last two are four versions old then. */
static void updates_that_are_not_published_count(void **state)
{
    (void)state;
    struct run r = run_open(3, LAG, 2);
    int64_t end = clock_ms() + 60000;
    while (r.version < 5 && clock_ms() < end) {
        play_all(&r);
        train_unpublished(&r);
    }
    for (int i = 0; i < 20; i++) {
        play_all(&r);
        assert_false(train_unpublished(&r));
    }
    assert_int_equal(r.version, 5);
    assert_int_equal(r.lag_max, LAG);
    assert_int_equal(r.played[0] + r.played[1] + r.played[2], 10);
    assert_int_equal(dropped_as_stale(&r), 0);
    pair_publish(r.link, r.version);
    while (r.version < 6 && clock_ms() < end) {
        play_all(&r);
        train_unpublished(&r);
    }
    assert_int_equal(r.version, 6);
    run_close(&r);
}

/* An actor that takes as long for one trajectory as the others for the batches of many updates. */
static void what_a_slow_actor_played_too_long_ago_is_dropped_and_counted(void **state)
{
    (void)state;
    struct run r = run_open(2, LAG, 1);
    struct wire_actor *slow = r.actor[1];
    struct onic_err err = {0};
    uint64_t version;
    assert_int_equal(pair_wait_start(slow, TEST_PATIENCE_MS, &err), ONIC_OK);
    wire_actor_weights(slow, &version);
    struct trajectory *t = wire_actor_take(slow);
    pair_fill(t, 1, 0, version);
    int64_t end = clock_ms() + 60000;
    r.actors = 1;
    while (r.version < version + LAG && clock_ms() < end) {
        play_all(&r);
        train_one(&r);
    }
    r.actors = 2;
    assert_int_equal(r.version, version + LAG);
    wire_actor_put(slow, t); /* of the very age that is still allowed: accepted */
    struct wire_learner_status s;
    do {
        wire_actor_poll(slow, 5, &err);
        wire_learner_status(r.link, &s);
    } while (s.queued == 0 && clock_ms() < end);
    assert_int_equal(dropped_as_stale(&r), 0);
    r.version++; /* and older than that when its turn comes */
    while (dropped_as_stale(&r) == 0 && clock_ms() < end)
        train_one(&r);
    assert_int_equal(dropped_as_stale(&r), 1);
    assert_true(r.lag_max <= LAG);
    run_close(&r);
}

struct said {
    int warnings;
    char line[1024];
};

static void note_line(void *ctx, const char *line, size_t len)
{
    struct said *s = ctx;
    if (!strstr(line, "too old to be trained on"))
        return;
    s->warnings++;
    snprintf(s->line, sizeof s->line, "%.*s", (int)len, line);
}

/* As above, again and again: nothing that the second actor plays is used. */
static void waste(struct run *r, int times)
{
    struct wire_actor *slow = r->actor[1];
    struct onic_err err = {0};
    int64_t end = clock_ms() + 60000;
    for (int i = 0; i < times; i++) {
        uint64_t version, before = dropped_as_stale(r);
        assert_int_equal(pair_wait_start(slow, TEST_PATIENCE_MS, &err), ONIC_OK);
        wire_actor_weights(slow, &version);
        struct trajectory *t = wire_actor_take(slow);
        pair_fill(t, 1, r->played[1]++, version);
        r->actors = 1;
        while (r->version < version + LAG + 1 && clock_ms() < end) {
            play_all(r);
            train_one(r);
        }
        r->actors = 2;
        wire_actor_put(slow, t);
        while (dropped_as_stale(r) == before && clock_ms() < end)
            wire_actor_poll(slow, 5, &err);
        assert_int_equal(dropped_as_stale(r), before + 1);
    }
}

/* Two may be chance. What wastes everything is named once, with what helps; that it goes on is not
 * said again at once, and an actor that is used is not meant. */
static void an_actor_of_which_nothing_is_used_is_named(void **state)
{
    (void)state;
    struct run r = run_open(2, LAG, 1);
    struct said said = {0};
    log_set_writer(note_line, &said);
    waste(&r, 2);
    assert_int_equal(said.warnings, 0);
    waste(&r, 5);
    log_set_writer(NULL, NULL);
    assert_int_equal(said.warnings, 1);
    assert_non_null(strstr(said.line, " warn "));
    assert_non_null(strstr(said.line, "A smaller env.count"));
    assert_non_null(strstr(said.line, "train.max_policy_lag=4"));
    assert_non_null(strstr(said.line, "actor=1 host="));
    assert_non_null(strstr(said.line, "too_old=3 of_last=3 actors_like_it=0"));
    run_close(&r);
}

/* One in three of its trajectories comes too late: it takes part. */
static void an_actor_of_which_most_is_used_is_not_named(void **state)
{
    (void)state;
    struct run r = run_open(2, LAG, 1);
    struct said said = {0};
    struct onic_err err = {0};
    int64_t end = clock_ms() + 60000;
    log_set_writer(note_line, &said);
    for (int i = 0; i < 6; i++) {
        for (uint64_t want = r.played[1] + 2; r.played[1] < want && clock_ms() < end;) {
            play_all(&r);
            while (train_one(&r))
                ;
        }
        waste(&r, 1);
        wire_actor_poll(r.actor[1], 0, &err);
    }
    log_set_writer(NULL, NULL);
    assert_int_equal(said.warnings, 0);
    run_close(&r);
}

static void no_rollout_begins_with_weights_that_are_far_behind(void **state)
{
    (void)state;
    struct run r = run_open(1, 12, 1);
    struct onic_err err = {0};
    assert_int_equal(pair_wait_start(r.actor[0], TEST_PATIENCE_MS, &err), ONIC_OK);
    r.actor[0]->weights_version = 1 + 2; /* told of version 2, 0 is here: 12 / 6 behind */
    assert_true(wire_actor_may_start(r.actor[0]));
    r.actor[0]->weights_version = 1 + 3;
    assert_false(wire_actor_may_start(r.actor[0]));
    run_close(&r);
}

/* --- the real programs ----------------------------------------------------------------------- */

static void train(const char *options, int lag, int frames)
{
    char dir[256], args[600], run[300];
    struct program p = {0};
    temp_dir_create(dir);
    snprintf(args, sizeof args,
             "train --env.id=corridor --reward.model=none --run-dir=r --frames=%d --env.count=4 "
             "--train.rollout=8 --metrics.every_s=0.1 --train.max_policy_lag=%d %s",
             frames, lag, options);
    int code = program_run(&p, dir, "train", "onic", args, 60000);
    if (code)
        print_error("%d: %s\n", code, program_text(p.err));
    assert_int_equal(code, 0);
    snprintf(run, sizeof run, "%s/r", dir);
    assert_true(metrics_last(run, "env_steps") >= frames);
    for (int i = 0; i < metrics_lines(run); i++) {
        double worst = metrics_at(run, i, "train/version_diff_max");
        assert_true(isnan(worst) || worst <= lag);
    }
    temp_dir_remove(dir);
}

static void a_run_of_many_actors_trains_on_nothing_older(void **state)
{
    (void)state;
    train("--actors.count=6 --train.batch=64 --train.epochs=8", 3, 20000);
}

/* Weights that are hardly ever published would make everything too old, and no update would publish
 * newer ones. */
static void rarely_published_weights_do_not_stop_a_run(void **state)
{
    (void)state;
    train("--actors.count=1 --train.batch=32 --weights.min_interval_s=3600", 2, 2000);
    train("--actors.count=1 --train.batch=32 --weights.min_interval_s=3600", 12, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_actors_of_a_slow_learner_are_held_back_in_time),
        cmocka_unit_test(actors_of_all_sizes_play),
        cmocka_unit_test(the_smallest_bound_is_lock_step),
        cmocka_unit_test(updates_that_are_not_published_count),
        cmocka_unit_test(what_a_slow_actor_played_too_long_ago_is_dropped_and_counted),
        cmocka_unit_test(an_actor_of_which_nothing_is_used_is_named),
        cmocka_unit_test(an_actor_of_which_most_is_used_is_not_named),
        cmocka_unit_test(no_rollout_begins_with_weights_that_are_far_behind),
        cmocka_unit_test(a_run_of_many_actors_trains_on_nothing_older),
        cmocka_unit_test(rarely_published_weights_do_not_stop_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
