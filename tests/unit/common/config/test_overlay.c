/* SPDX-License-Identifier: MIT */
/* test_overlay.c - one configuration on top of another. */
#include "common/config/overlay.h"
#include "tests/onic_test.h"

static void set(struct config *c, const char *key, const char *value, enum config_origin origin)
{
    assert_ok(config_set(c, key, value, origin, key, &err));
}

static void only_what_was_given_is_put_on_top(void **state)
{
    (void)state;
    struct config onto, from;
    config_defaults(&onto);
    config_defaults(&from);
    set(&onto, "train.lr", "0.1", CONFIG_CLI);
    set(&onto, "train.gamma", "0.2", CONFIG_CLI);
    set(&from, "train.lr", "0.3", CONFIG_ENV);
    set(&from, "train.batch", "77", CONFIG_AUTO); /* chosen, not given */
    assert_ok(config_overlay(&onto, &from, &err));
    assert_close(onto.train_lr, 0.3, 0, 0);
    assert_close(onto.train_gamma, 0.2, 0, 0);
    assert_int_equal(onto.train_batch, 4096);
    assert_int_equal(config_origin_of(&onto, "train.lr"), CONFIG_ENV);
}

static void the_file_of_a_value_is_kept(void **state)
{
    (void)state;
    struct config onto, from;
    struct buf out;
    config_defaults(&onto);
    config_defaults(&from);
    assert_ok(config_read_text(&onto, "train: {lr: 0.1}", 16, "stored.yaml", CONFIG_FILE, &err));
    assert_ok(config_read_text(&from, "env: {id: x}", 12, "new.yaml", CONFIG_FILE, &err));
    assert_ok(config_overlay(&onto, &from, &err));
    buf_init(&out, 1 << 20);
    config_dump(&onto, &out);
    assert_non_null(strstr(out.data, "lr: 0.1  # stored.yaml"));
    assert_non_null(strstr(out.data, "id: 'x'  # new.yaml"));
    buf_release(&out);
}

static void a_peers_word_is_adopted_unless_it_contradicts(void **state)
{
    (void)state;
    struct config mine, peer;
    config_defaults(&mine);
    config_defaults(&peer);
    set(&mine, "env.id", "corridor", CONFIG_CLI);
    set(&peer, "env.id", "corridor", CONFIG_PEER);
    set(&peer, "train.rollout", "8", CONFIG_PEER);
    assert_ok(config_adopt(&mine, &peer, &err));
    assert_int_equal(mine.train_rollout, 8);
    set(&peer, "env.id", "minigrid:Empty-5x5", CONFIG_PEER);
    config_defaults(&mine);
    set(&mine, "env.id", "corridor", CONFIG_CLI);
    assert_err(config_adopt(&mine, &peer, &err), ONIC_EINCOMPATIBLE,
               "env.id: this actor was given corridor, the learner has minigrid:Empty-5x5");
    set(&mine, "train.rollout", "16", CONFIG_CLI);
    assert_err(config_adopt(&mine, &peer, &err), ONIC_EINCOMPATIBLE,
               "env.id: this actor was given corridor, the learner has minigrid:Empty-5x5; "
               "train.rollout: this actor was given 16, the learner has 8; ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_given_is_put_on_top),
        cmocka_unit_test(the_file_of_a_value_is_kept),
        cmocka_unit_test(a_peers_word_is_adopted_unless_it_contradicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
