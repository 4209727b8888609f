/* SPDX-License-Identifier: MIT */
/* test_config.c - defaults, and values as text and back. */
#include "common/config/config.h"
#include "tests/onic_test.h"

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_int_equal(c.run_frames, 10000000);
    assert_close(c.train_lr, 7e-4, 0, 0);
    assert_true(c.train_normalize_advantage);
    assert_string_equal(c.env_id, "minigrid:KeyCorridorS3R3");
    assert_int_equal(config_origin_of(&c, "train.lr"), CONFIG_DEFAULT);
}

static void the_dump_reads_back_to_the_same_values(void **state)
{
    (void)state;
    static const char *const keys[][2] = {{"env.id", "it's: #a \"quoted\" *x"},
                                          {"env.obs", "null"},
                                          {"train.lr", "0.1234567890123456"},
                                          {"train.gamma", "0.30000000000000004"},
                                          {"train.clip", "1e-9"},
                                          {"run.frames", "123456789012345"},
                                          {"run.deterministic", "true"}};
    struct config a, b;
    config_defaults(&a);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_ok(config_set(&a, keys[i][0], keys[i][1], CONFIG_CLI, "t", &err));
    struct buf text;
    buf_init(&text, 1 << 20);
    config_dump(&a, &text);
    assert_non_null(strstr(text.data, "lr: 0.1234567890123456  # command line"));
    assert_non_null(strstr(text.data, "batch: 4096  # default"));
    config_defaults(&b);
    assert_ok(config_read_text(&b, text.data, text.len, "dump", CONFIG_FILE, &err));
    assert_memory_equal(&a, &b, offsetof(struct config, origin));
    assert_int_equal(config_origin_of(&b, "run.on_exists"), CONFIG_FILE);
    buf_release(&text);
}

static void get_and_set_agree(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    char out[64];
    assert_ok(config_set(&c, "rules.latency_ms", "12.5", CONFIG_AUTO, "t", &err));
    assert_int_equal(config_get(&c, "rules.latency_ms", out, sizeof out), ONIC_OK);
    assert_string_equal(out, "12.5");
    assert_int_equal(config_get(&c, "rules.latency", out, sizeof out), ONIC_ENOTFOUND);
    assert_int_equal(config_get(&c, "env.id", out, 4), ONIC_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(the_dump_reads_back_to_the_same_values),
        cmocka_unit_test(get_and_set_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
