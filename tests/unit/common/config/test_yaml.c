/* SPDX-License-Identifier: MIT */
/* test_yaml.c - what a file may hold, what it may not, and the sentence that says so. */
#include <stdlib.h>

#include "common/config/config.h"
#include "tests/support/said.h"

static int read_text(struct config *c, const char *text, struct onic_err *err)
{
    return config_read_text(c, text, strlen(text), "f.yaml", CONFIG_FILE, err);
}

static void a_yaml_file_sets_what_it_names(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_ok(
        read_text(&c,
                  "# comment\ntrain:\n  lr: 3e-4\n  batch: 1e4\nenv: {id: 'corridor', obs: ~}\n"
                  "run:\n  deterministic: yes\nreward:\n",
                  &err));
    assert_close(c.train_lr, 3e-4, 0, 0);
    assert_int_equal(c.train_batch, 10000);
    assert_string_equal(c.env_id, "corridor");
    assert_string_equal(c.env_obs, "");
    assert_true(c.run_deterministic);
    assert_int_equal(config_origin_of(&c, "train.lr"), CONFIG_FILE);
    assert_int_equal(config_origin_of(&c, "train.gamma"), CONFIG_DEFAULT);
}

static void an_empty_file_changes_nothing(void **state)
{
    (void)state;
    struct config a, b;
    config_defaults(&a);
    config_defaults(&b);
    assert_ok(config_read_text(&a, "", 0, "peer", CONFIG_PEER, &err));
    assert_memory_equal(&a, &b, sizeof a);
}

static void bad_yaml_names_file_line_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"train:\n  lrr: 1\n", "f.yaml:2: unknown option 'train.lrr', did you mean 'train.lr'?"},
        {"trian:\n  lr: 1\n", "f.yaml:1: unknown section 'trian', did you mean 'train'?"},
        {"env:\n  lr: 1\n", "did you mean 'train.lr'?"},
        {"zzzzzz:\n  lr: 1\n",
         "f.yaml:1: unknown section 'zzzzzz'; the sections are run, env, actors, compat, policy, "},
        {"count_power: 3\n", "written 'reward: {count_power: ...}'"},
        {"train:\n\n  lr: 2\n", "f.yaml:3: train.lr is '2', must be a number from 0 to 1"},
        {"train: {lr: nan}\n", "must be a number"},
        {"train: {lr: }\n", "must be a number"},
        {"train: {lr: 1x}\n", "must be a number"},
        {"train: {lr: 0x1.8}\n", "must be a number"},
        {"train: {lr: .inf}\n", "train.lr is '.inf', must be a number from 0 to 1"},
        {"train: {lr: .nan}\n", "train.lr is '.nan', must be a number from 0 to 1"},
        {"train: {lr: Null}\n", "train.lr has no value, must be a number from 0 to 1"},
        {"run: {deterministic: ~}\n", "run.deterministic has no value, must be true or false"},
        {"run: {deterministic: tRUE}\n", "run.deterministic is 'tRUE', must be true or false"},
        {"train: {batch: 1_000}\n", "train.batch is '1_000', must be a whole number"},
        {"train: {batch: ' 5'}\n", "train.batch is ' 5', must be a whole number"},
        {"train: {batch: 1.5}\n",
         "train.batch is '1.5', must be a whole number from 1 to 16777216"},
        {"train: {batch: 99999999999999999999}\n", "must be a whole number"},
        {"train: {batch: -1}\n", "must be a whole number"},
        {"run: {deterministic: maybe}\n", "run.deterministic is 'maybe', must be true or false"},
        {"log: {level: loud}\n", "must be one of error, warn, info, debug"},
        {"log: {level: inf}\n", "must be one of"},
        {"train: {lr: 0.1, lr: 0.2}\n", "'train.lr' is given twice, first in line 1"},
        {"train: &a {lr: 0.1}\n", "anchors are not supported"},
        {"train: {lr: &a 0.1}\n", "anchors are not supported"},
        {"train: *a\n", "aliases are not supported"},
        {"train: {lr: !!float 0.1}\n", "tags are not supported"},
        {"train: !t {lr: 0.1}\n", "tags are not supported"},
        {"train: {lr: {a: 1}}\n", "nested deeper than section and key: lr"},
        {"train: [1, 2]\n", "lists are not supported"},
        {"train: {lr: [1]}\n", "lists are not supported; write one value after lr"},
        {"- a\n", "lists are not supported"},
        {"hello\n", "f.yaml:1: the file must hold 'section:' lines"},
        {"train: 5\n", "expected 'key: value' lines"},
        {"train: {lr: 0.1}\n---\nenv: {}\n",
         "f.yaml:2: only one document is allowed in a file; remove '---'"},
        {"train:\n\tlr: 1\n", "f.yaml:2: this is not valid YAML"},
        {"train: {lr: 0.1\n", "this is not valid YAML"},
        {"env: {id: \"a\\u0007b\"}\n", "without control characters"},
        {"env: {id: \"a\\0b\"}\n", "f.yaml:1: a zero byte is not allowed"},
        {"env: {id: x}\nrun: {dir: '\xfcx'}\n",
         "f.yaml:2: the byte 0xfc is not UTF-8 text; save the file as UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c, before;
        config_defaults(&c);
        before = c;
        assert_err(read_text(&c, cases[i].text, &err), ONIC_ECONFIG, cases[i].part);
        assert_memory_equal(&c, &before, sizeof c); /* nothing half-read */
    }
}

static void a_file_above_one_mebibyte_is_refused(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    size_t n = (1 << 20) + 1;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, '#', n);
    assert_err(config_read_text(&c, big, n, "big.yaml", CONFIG_FILE, &err), ONIC_ECONFIG,
               "big.yaml has 1048577 bytes; a configuration may have at most 1 MiB");
    assert_ok(config_read_text(&c, big, n - 1, "big.yaml", CONFIG_FILE, &err));
    free(big);
    assert_err(config_read_file(&c, "/nonexistent/x.yaml", &err), ONIC_ECONFIG,
               "/nonexistent/x.yaml cannot be opened");
    assert_err(config_read_file(&c, "/", &err), ONIC_ECONFIG, "/ cannot be read");
}

static void too_long_text_is_refused(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    char text[CONFIG_STR_MAX + 1];
    memset(text, 'a', sizeof text);
    text[CONFIG_STR_MAX] = '\0';
    assert_err(config_set(&c, "env.id", text, CONFIG_CLI, "--env.id", &err), ONIC_ECONFIG,
               "shorter than 512");
    text[CONFIG_STR_MAX - 1] = '\0';
    assert_ok(config_set(&c, "env.id", text, CONFIG_CLI, "--env.id", &err));
    assert_string_equal(c.env_id, text);
}

static void a_stored_run_may_hold_options_that_are_gone(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    const char text[] = "train: {lr: 0.5, gone: 3}\nvanished: {key: 1}\nrun: {seed: 9}\n";
    said_begin(LOG_WARN);
    assert_ok(config_read_stored(&c, text, strlen(text), "old.yaml", &err));
    said_end();
    assert_said(
        "an option of a stored run is no longer known and is left out option=\"train.gone\"");
    assert_said("is no longer known and is left out option=\"vanished.key\"");
    assert_close(c.train_lr, 0.5, 0, 0);
    assert_int_equal(c.run_seed, 9);
    assert_err(config_read_text(&c, text, strlen(text), "new.yaml", CONFIG_FILE, &err),
               ONIC_ECONFIG, "train.gone");
    const char bad[] = "train: {lr: many}\n"; /* lenient on names, not on values */
    assert_err(config_read_stored(&c, bad, strlen(bad), "old.yaml", &err), ONIC_ECONFIG,
               "old.yaml:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_yaml_file_sets_what_it_names),
        cmocka_unit_test(an_empty_file_changes_nothing),
        cmocka_unit_test(bad_yaml_names_file_line_and_what_to_do),
        cmocka_unit_test(a_file_above_one_mebibyte_is_refused),
        cmocka_unit_test(too_long_text_is_refused),
        cmocka_unit_test(a_stored_run_may_hold_options_that_are_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
