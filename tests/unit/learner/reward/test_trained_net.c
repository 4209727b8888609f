/* SPDX-License-Identifier: MIT */
/* test_trained_net.c - when the scoring weights are renewed, and who trains the others. */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "learner/reward/side_thread.h"
#include "learner/reward/trained_net_options.h"
#include "tests/onic_test.h"

enum { FLOATS = 4 };

/* A model whose steps wait until they may be taken, if it says so. */
static struct {
    struct trained_net *net;
    bool waits;
    sem_t may_step;
    pthread_t by;
    int drawn, looks;
} w;

static void draw(void *model, int k)
{
    (void)model, (void)k;
    w.drawn++;
}

static double loss(void *model, int k)
{
    (void)model, (void)k;
    struct timespec end; /* which comes only if it is the test's own thread that waits */
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 30;
    if (w.waits)
        sem_timedwait(&w.may_step, &end);
    w.by = pthread_self();
    memset(w.net->grads, 0, FLOATS * sizeof(float));
    w.net->grads[0] = 1.0f;
    return 0.5;
}

static void draw_held(void *model)
{
    (void)model;
}

static struct heldout_measure look(void *model)
{
    (void)model;
    w.looks++;
    return (struct heldout_measure){1, 1, 1, 0};
}

static const struct trained_net_work WORK = {draw, loss, draw_held, look};

static struct trained_net *create_with(struct trained_net *t, int refresh, bool deterministic)
{
    struct config cfg;
    struct trained_net_params p;
    config_defaults(&cfg);
    cfg.reward_refresh = refresh;
    cfg.reward_steps_max = 1;
    cfg.reward_train_share = 1;
    cfg.run_deterministic = deterministic;
    trained_net_options(&p, &cfg);
    memset(&w, 0, sizeof w);
    w.net = t;
    sem_init(&w.may_step, 0, 0);
    trained_net_init(t, FLOATS, 0, &p, &WORK, NULL);
    return t;
}

static struct trained_net *create(struct trained_net *t, int refresh)
{
    return create_with(t, refresh, true);
}

static bool update(struct trained_net *t, bool steps, bool always)
{
    t->schedule.owed += steps;
    bool renewed = trained_net_begin(t, 0, steps, always);
    trained_net_end(t, steps, renewed);
    return renewed;
}

/* A step every so many updates (0: none), until a renewal; the updates it took, 0: none came. */
static int updates_until_renewed(struct trained_net *t, int updates_per_step, bool always)
{
    for (int n = 1; n <= 1000; n++) {
        uint64_t version = t->version;
        bool renewed = update(t, updates_per_step && n % updates_per_step == 0, always);
        assert_int_equal(t->version, version + renewed);
        if (renewed) {
            assert_memory_equal(t->scoring, t->trained, FLOATS * sizeof(float));
            return n;
        }
    }
    return 0;
}

static void weights_are_renewed_every_refresh_updates(void **state)
{
    (void)state;
    struct trained_net t;
    /* Enough steps are taken: it does not matter whether more are owed. */
    for (uint64_t owed = 0; owed <= 100; owed += 100) {
        create(&t, 64)->schedule.owed = owed;
        assert_int_equal(updates_until_renewed(&t, 8, false), 64);
        assert_int_equal(updates_until_renewed(&t, 8, false), 64);
        assert_int_equal(t.version, 2);
        trained_net_release(&t);
    }
}

static void few_steps_wait_for_those_that_are_owed(void **state)
{
    (void)state;
    struct trained_net t;
    create(&t, 64)->schedule.owed = 100;
    assert_int_equal(updates_until_renewed(&t, 20, false), 64); /* there were no scores at all */
    assert_int_equal(updates_until_renewed(&t, 20, false), 160);
    assert_int_equal(updates_until_renewed(&t, 400, false), 512);
    assert_int_equal(updates_until_renewed(&t, 0, true), 512);
    assert_int_equal(updates_until_renewed(&t, 8, true), 64);
    t.schedule.owed = 0; /* none will come: what was learned counts */
    assert_int_equal(updates_until_renewed(&t, 60, false), 64);
    assert_int_equal(updates_until_renewed(&t, 0, false), 0);
    trained_net_release(&t);
}

static void refresh_of_one_renews_after_every_step(void **state)
{
    (void)state;
    struct trained_net t;
    create(&t, 1)->schedule.owed = 100;
    assert_int_equal(updates_until_renewed(&t, 1, false), 1);
    assert_int_equal(updates_until_renewed(&t, 5, false), 5);
    assert_int_equal(updates_until_renewed(&t, 0, true), 1);
    trained_net_release(&t);
}

static bool is_idle(void *net)
{
    return side_thread_idle(((struct trained_net *)net)->side);
}

/* The policy's updates go on while a step waits, and the weights that score do not change before
 * one of them takes what was learned. */
static void beside_the_policy_another_thread_takes_the_steps(void **state)
{
    (void)state;
    struct trained_net t;
    create_with(&t, 1, false);
    w.waits = true;
    trained_net_beside(&t);
    assert_false(update(&t, true, false));
    assert_int_equal(w.drawn, 1);
    for (int i = 0; i < 10; i++) {
        assert_false(update(&t, false, false));
        assert_int_equal(t.shown.step, 0);
    }
    assert_int_equal(w.drawn, 1); /* one piece at a time */
    sem_post(&w.may_step);
    assert_true(wait_until(is_idle, &t, 60000));
    assert_close(t.scoring[0], 0, 0, 0);
    assert_true(update(&t, false, false));
    assert_true(t.scoring[0] < 0);
    assert_int_equal(t.shown.step, 1);
    assert_close(t.shown.loss, 0.5, 0, 0);
    assert_false(pthread_equal(w.by, pthread_self()));
    assert_true(wait_until(is_idle, &t, 60000)); /* the look */
    assert_int_equal(w.looks, 1);
    trained_net_release(&t);
}

static void between_updates_the_training_thread_takes_them(void **state)
{
    (void)state;
    struct trained_net t;
    create(&t, 1);
    assert_true(update(&t, true, false));
    assert_true(pthread_equal(w.by, pthread_self()));
    assert_int_equal(t.shown.step, 1);
    assert_int_equal(w.looks, 1);
    trained_net_release(&t);
}

/* A state without the step at hand, which is not owed any more, would have lost it. */
static void what_is_saved_holds_the_step_at_hand(void **state)
{
    (void)state;
    struct trained_net t, copy;
    struct buf saved;
    buf_init(&saved, 1 << 16);
    create_with(&t, 1, false);
    trained_net_beside(&t);
    for (int i = 0; i < 200; i++) {
        side_thread_wait(t.side); /* the look that follows a renewal */
        uint64_t before = t.shown.step;
        update(&t, true, false);
        buf_reset(&saved);
        trained_net_save(&t, &saved);
        update(&t, false, false);
        assert_int_equal(t.shown.step, before + 1);
        uint64_t step;
        memcpy(&step, saved.data, sizeof step);
        assert_int_equal(step, before + 1);
    }
    create(&copy, 1);
    assert_int_equal(saved.len, trained_net_bytes(&copy));
    assert_true(trained_net_check(&copy, saved.data));
    trained_net_load(&copy, saved.data, 200);
    assert_memory_equal(copy.trained, t.trained, FLOATS * sizeof(float));
    trained_net_release(&t);
    trained_net_release(&copy);
    buf_release(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_renewed_every_refresh_updates),
        cmocka_unit_test(few_steps_wait_for_those_that_are_owed),
        cmocka_unit_test(refresh_of_one_renews_after_every_step),
        cmocka_unit_test(beside_the_policy_another_thread_takes_the_steps),
        cmocka_unit_test(between_updates_the_training_thread_takes_them),
        cmocka_unit_test(what_is_saved_holds_the_step_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
