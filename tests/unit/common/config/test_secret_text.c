/* SPDX-License-Identifier: MIT */
/* test_secret_text.c - a password or a key is no value of an option: it would be written down. */
#include "common/base/log.h"
#include "common/config/options.h"
#include "tests/onic_test.h"

static char warned[4096];

static void keep_line(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    snprintf(warned, sizeof warned, "%.*s", (int)len, line);
}

static const struct {
    const char *key, *value;
    bool secret;
} cases[] = {
    {"llm.proxy", "http://user:hunter2@proxy:3128", true},
    {"llm.proxy", "user:hunter2@proxy:3128", true},
    {"llm.proxy", "socks5h://u:hunter2@[::1]:1", true},
    {"llm.proxy", "http://proxy:3128", false},
    {"llm.proxy", "proxy:3128", false},
    {"llm.url", "http://u:hunter2@h/v1", true},
    {"llm.url", "http://a/v1,https://u:hunter2@b/v1", true},
    {"llm.url", "https://h/v1?key=hunter2", true},
    {"llm.url", "https://h/v1?a=1&API_KEY=hunter2&b=2", true},
    {"llm.url", "https://a/v1?a=1,https://h/v1?sig=hunter2", true},
    {"embedding.url", "https://h/v1?token=hunter2", true},
    {"llm.url", "https://h/v1?api-version=2024-02-01", false},
    {"llm.url", "https://h/v1?key=&keys=3", false},
    {"llm.url", "http://h:8000/v1/a@b:c", false},
    {"llm.model", "llama3:8b@q4", false},
    {"command.run", "curl -s http://u:hunter2@h/x", true},
    {"command.run", "python3 a.py --user a:b@c", false},
    {"env.options", "map=a;b=c:d@e", false},
};

static void a_secret_is_refused_and_not_quoted(void **state)
{
    static struct config c;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct onic_err err = {0};
        config_defaults(&c);
        int rc = config_set(&c, cases[i].key, cases[i].value, CONFIG_CLI, "--x", &err);
        if (rc != (cases[i].secret ? ONIC_ECONFIG : ONIC_OK))
            fail_msg("%s=%s: %d %s", cases[i].key, cases[i].value, rc, err.msg);
        if (cases[i].secret) {
            assert_non_null(strstr(err.msg, "holds a password or a key, which would be written"));
            assert_null(strstr(err.msg, "hunter2"));
        }
    }
}

/* An older onic took it: what is left of the run can still be read. */
static void of_a_stored_run_it_is_left_out(void **state)
{
    static struct config c;
    const char *text = "llm: {proxy: 'http://u:hunter2@h:1', model: m}\n";
    (void)state;
    config_defaults(&c);
    log_set_writer(keep_line, NULL);
    assert_ok(config_read_stored(&c, text, strlen(text), "old.yaml", &err));
    log_set_writer(NULL, NULL);
    assert_string_equal(c.llm_proxy, "");
    assert_string_equal(c.llm_model, "m");
    assert_non_null(strstr(warned, "is left out option=\"llm.proxy\""));
    assert_null(strstr(warned, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_refused_and_not_quoted),
        cmocka_unit_test(of_a_stored_run_it_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
