/* SPDX-License-Identifier: MIT */
/* test_overlay.c - one configuration on top of another. */
#include "common/config/overlay.h"

#include "common/base/log.h"
#include "common/config/options.h"
#include "tests/onic_test.h"
#include "tests/support/strange_option.h"

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

/* A slow host plays fewer environments than the others, by its own word alone. */
static void an_actor_keeps_its_own_number_of_environments(void **state)
{
    (void)state;
    struct config mine, peer;
    config_defaults(&mine);
    config_defaults(&peer);
    set(&peer, "env.count", "64", CONFIG_PEER);
    assert_ok(config_adopt(&mine, &peer, &err));
    assert_int_equal(mine.env_count, 64);
    config_defaults(&mine);
    set(&mine, "env.count", "4", CONFIG_CLI);
    assert_ok(config_adopt(&mine, &peer, &err));
    assert_int_equal(mine.env_count, 4);
    set(&mine, "policy.hidden", "32", CONFIG_CLI);
    set(&peer, "policy.hidden", "64", CONFIG_PEER);
    assert_err(config_adopt(&mine, &peer, &err), ONIC_EINCOMPATIBLE,
               "policy.hidden: this actor was given 32, the learner has 64; leave this to the "
               "learner or start the learner with the same");
}

/* --- whose word counts ------------------------------------------------------------------------ */

static char warned[1 << 14];

static void keep_line(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    snprintf(warned, sizeof warned, "%.*s", (int)len, line);
}

static bool marked(int i, char letter)
{
    return strchr(option_rows[i].who, letter) != NULL;
}

static void a_text_is_portable_by_a_mark_and_other_kinds_without_one(void **state)
{
    static const char *const portable[] = {"env.id",        "env.obs",      "env.options",
                                           "policy.net",    "policy.parts", "reward.model",
                                           "reward.shaping"};
    /* What is overwritten, said, opened, waited for or may be taken of this machine. */
    static const char *const owners[] = {"run.on_exists",
                                         "run.config",
                                         "actors.id",
                                         "actors.orphan_timeout_s",
                                         "actors.step_timeout_s",
                                         "security.allow_insecure",
                                         "log.level",
                                         "log.format",
                                         "gym.memory_mb",
                                         "gym.restarts",
                                         "llm.allow_plain_key",
                                         "embedding.allow_plain_key"};
    int texts = 0, marks = 0;
    (void)state;
    for (int i = 0; i < CONFIG_COUNT; i++) {
        bool text = option_rows[i].type == OPTION_STR;
        texts += text && config_is_portable(i);
        marks += marked(i, 'O');
        assert_false(marked(i, 'P') && !text);
        assert_false(marked(i, 'O') && text);
        assert_int_equal(config_is_portable(i), text ? marked(i, 'P') : !marked(i, 'O'));
        assert_int_equal(config_is_for_actors(i), config_is_portable(i) && marked(i, 'A'));
    }
    for (size_t i = 0; i < sizeof portable / sizeof *portable; i++)
        assert_true(config_is_portable(option_find(portable[i])));
    assert_int_equal(texts, sizeof portable / sizeof *portable);
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
        if (option_find(owners[i]) < 0 || config_is_portable(option_find(owners[i])))
            fail_msg("%s may come from somebody else", owners[i]);
    assert_int_equal(marks, sizeof owners / sizeof *owners);
}

/* What a configuration with one strange value leaves of mine: the strange value or the default. */
static void takes(int i, bool from_peer, bool taken)
{
    static struct config mine, said;
    char key[64], strange[CONFIG_STR_MAX], was[CONFIG_STR_MAX], is[CONFIG_STR_MAX];
    option_key(i, key);
    strange_option_value(i, "strange", strange);
    config_defaults(&mine);
    config_defaults(&said);
    option_text(&mine, i, was);
    set(&said, key, strange, from_peer ? CONFIG_PEER : CONFIG_FILE);
    option_text(&said, i, strange);
    warned[0] = '\0';
    if (from_peer)
        assert_ok(config_adopt(&mine, &said, &err));
    else
        assert_ok(config_take_portable(&mine, &said, NULL, "a file", &err));
    option_text(&mine, i, is);
    if (strcmp(is, taken ? strange : was) != 0)
        fail_msg("%s is %s", key, is);
    if (!taken == !strstr(warned, key))
        fail_msg("of %s the log says: %s", key, warned);
}

static void each_option_is_taken_or_left_aside_and_named(void **state)
{
    (void)state;
    log_set_writer(keep_line, NULL);
    for (int i = 0; i < CONFIG_COUNT; i++) {
        takes(i, false, config_is_portable(i));
        takes(i, true, config_is_for_actors(i));
    }
    log_set_writer(NULL, NULL);
}

static void no_portable_text_may_be_a_path(void **state)
{
    static const char *const paths[] = {"/etc/passwd", "a/b", "../x", ".", "~", "k=~/x", "..;k=v"};
    static struct config mine, said, given;
    (void)state;
    for (int i = 0; i < CONFIG_COUNT; i++)
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
            char key[64], wanted[300];
            if (option_rows[i].type != OPTION_STR || !config_is_portable(i))
                continue;
            option_key(i, key);
            config_defaults(&mine);
            config_defaults(&said);
            set(&said, key, paths[k], CONFIG_FILE);
            snprintf(wanted, sizeof wanted, "a file says %s=%s: give --%s=...", key, paths[k], key);
            assert_err(config_take_portable(&mine, &said, NULL, "a file", &err), ONIC_ECONFIG,
                       wanted);
            config_defaults(&given);
            set(&given, key, "mine", CONFIG_CLI);
            assert_ok(config_take_portable(&mine, &said, &given, "a file", &err));
            set(&said, key, paths[k], CONFIG_PEER);
            snprintf(wanted, sizeof wanted, "the learner says %s=%s", key, paths[k]);
            if (config_is_for_actors(i)) {
                assert_err(config_adopt(&mine, &said, &err), ONIC_EINCOMPATIBLE, wanted);
                set(&mine, key, paths[k], CONFIG_CLI); /* this actor was given the same */
                assert_ok(config_adopt(&mine, &said, &err));
            }
        }
}

/* Gymnasium's worker reads the values as JSON. */
static void options_of_an_environment_hide_no_path(void **state)
{
    static const char *const hidden[] = {"map=\"\\u002fetc\\u002fhostname\"", "a=1;b=[\"..\"]",
                                         "a={\"k\":\"~root\"}", "a=b\\c"};
    static struct config mine, said;
    (void)state;
    for (size_t k = 0; k < sizeof hidden / sizeof *hidden; k++) {
        config_defaults(&mine);
        config_defaults(&said);
        set(&said, "env.options", hidden[k], CONFIG_FILE);
        assert_err(config_take_portable(&mine, &said, NULL, "a file", &err), ONIC_ECONFIG,
                   "give --env.options=...");
        set(&said, "env.options", hidden[k], CONFIG_PEER);
        assert_err(config_adopt(&mine, &said, &err), ONIC_EINCOMPATIBLE, "give --env.options=...");
    }
    set(&said, "env.options", "size=0.5;name=\"a.b\";on=true", CONFIG_PEER);
    assert_ok(config_adopt(&mine, &said, &err));
}

/* What the command line decides needs no word. */
static void what_is_given_is_not_named(void **state)
{
    static struct config mine, said, given;
    (void)state;
    log_set_writer(keep_line, NULL);
    config_defaults(&mine);
    config_defaults(&said);
    config_defaults(&given);
    set(&said, "env.plugin", "/x.so", CONFIG_FILE);
    set(&said, "env.nle", "/y", CONFIG_FILE);
    set(&given, "env.plugin", "", CONFIG_CLI);
    warned[0] = '\0';
    assert_ok(config_take_portable(&mine, &said, &given, "run/c", &err));
    log_set_writer(NULL, NULL);
    assert_string_equal(mine.env_plugin, "");
    assert_string_equal(mine.env_nle, "");
    assert_non_null(
        strstr(warned, "options that only the command line, the environment and a configuration "
                       "named there decide are left aside options=\"env.nle\" of=\"run/c\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_given_is_put_on_top),
        cmocka_unit_test(the_file_of_a_value_is_kept),
        cmocka_unit_test(a_peers_word_is_adopted_unless_it_contradicts),
        cmocka_unit_test(an_actor_keeps_its_own_number_of_environments),
        cmocka_unit_test(a_text_is_portable_by_a_mark_and_other_kinds_without_one),
        cmocka_unit_test(each_option_is_taken_or_left_aside_and_named),
        cmocka_unit_test(no_portable_text_may_be_a_path),
        cmocka_unit_test(options_of_an_environment_hide_no_path),
        cmocka_unit_test(what_is_given_is_not_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
