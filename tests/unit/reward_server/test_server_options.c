/* SPDX-License-Identifier: MIT */
/* What the options mean for a server: where its labels lie, who is asked, how much may wait. */
#include "tests/onic_test.h"

#include "reward_server/server_options.h"

static struct config cfg;
static struct server_params params;

static int setup(void **state)
{
    (void)state;
    config_defaults(&cfg);
    snprintf(cfg.listen_address, sizeof cfg.listen_address, "ipc:///tmp/x");
    snprintf(cfg.annotator_id, sizeof cfg.annotator_id, "rules");
    return 0;
}

static void labels_lie_in_the_run_where_no_file_is_named(void **state)
{
    (void)state;
    assert_ok(server_options(&params, &cfg, &err));
    assert_string_equal(params.store_path, "labels.sqlite");
    assert_string_equal(params.run_dir, "");
    snprintf(cfg.run_dir, sizeof cfg.run_dir, "runs/a");
    assert_ok(server_options(&params, &cfg, &err));
    assert_string_equal(params.store_path, "runs/a/labels.sqlite");
    assert_string_equal(params.run_dir, "runs/a");
    snprintf(cfg.labels_path, sizeof cfg.labels_path, "b.sqlite");
    assert_ok(server_options(&params, &cfg, &err));
    assert_string_equal(params.store_path, "b.sqlite");
    assert_string_equal(params.run_dir, ""); /* nothing of the server lies there */
}

static void who_is_asked_and_how_often(void **state)
{
    (void)state;
    snprintf(cfg.annotator_id, sizeof cfg.annotator_id, "command");
    snprintf(cfg.command_run, sizeof cfg.command_run, "true");
    snprintf(cfg.annotator_fallback, sizeof cfg.annotator_fallback, "rules");
    cfg.annotator_vote = 3;
    cfg.annotator_noise = 0.25;
    cfg.annotator_seed = 7;
    assert_ok(server_options(&params, &cfg, &err));
    const struct annotator_order *o = &params.annotators;
    assert_int_equal(o->n, 2);
    assert_string_equal(o->member[1].v->id, "rules");
    assert_true(o->member[0].varies && o->member[0].may_leave);
    assert_int_equal(o->member[0].effort, ANNOTATOR_MAY_COST);
    assert_false(o->member[1].varies || o->member[1].may_leave);
    assert_int_equal(o->member[1].effort, ANNOTATOR_AT_ONCE);
    assert_int_equal(o->vote, 3);
    assert_close(o->noise, 0.25, 0, 0);
    assert_int_equal(o->seed, 7);
}

static void what_may_wait(void **state)
{
    (void)state;
    cfg.annotator_queue_entries = 100;
    cfg.annotator_queue_bytes = 100000;
    cfg.annotator_oldest_share = 0.125;
    cfg.security_allow_insecure = true;
    assert_ok(server_options(&params, &cfg, &err));
    assert_int_equal(params.queue_entries, 100);
    assert_int_equal(params.queue_bytes, 100000);
    assert_close(params.oldest_share, 0.125, 0, 0);
    assert_true(params.allow_insecure);
}

static void what_is_no_good_is_said_before_anything_is_opened(void **state)
{
    (void)state;
    snprintf(cfg.annotator_id, sizeof cfg.annotator_id, "oracle");
    assert_err(server_options(&params, &cfg, &err), ONIC_ECONFIG, "annotator.id is \"oracle\"");
    cfg.listen_address[0] = '\0';
    assert_err(server_options(&params, &cfg, &err), ONIC_ECONFIG, "--listen=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(labels_lie_in_the_run_where_no_file_is_named, setup),
        cmocka_unit_test_setup(who_is_asked_and_how_often, setup),
        cmocka_unit_test_setup(what_may_wait, setup),
        cmocka_unit_test_setup(what_is_no_good_is_said_before_anything_is_opened, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
