/* SPDX-License-Identifier: MIT */
/* test_trained_net.c - when the scoring weights are renewed. */
#include "learner/reward/trained_net_options.h"
#include "tests/onic_test.h"

enum { FLOATS = 4 };

static struct trained_net *create(struct trained_net *t, int refresh)
{
    struct config cfg;
    struct trained_net_params p;
    config_defaults(&cfg);
    cfg.reward_refresh = refresh;
    trained_net_options(&p, &cfg);
    trained_net_init(t, FLOATS, 0, &p);
    return t;
}

/* A step every so many updates (0: none), until a renewal; the updates it took, 0: none came. */
static int updates_until_renewed(struct trained_net *t, int updates_per_step, bool always)
{
    for (int update = 1; update <= 1000; update++) {
        if (updates_per_step && update % updates_per_step == 0) {
            t->grads[0] = 1.0f;
            trained_net_step(t, 0.5);
        }
        uint64_t version = t->version;
        bool renewed = trained_net_refresh(t, always);
        assert_int_equal(t->version, version + renewed);
        if (renewed) {
            assert_memory_equal(t->scoring, t->trained, FLOATS * sizeof(float));
            return update;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_renewed_every_refresh_updates),
        cmocka_unit_test(few_steps_wait_for_those_that_are_owed),
        cmocka_unit_test(refresh_of_one_renews_after_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
