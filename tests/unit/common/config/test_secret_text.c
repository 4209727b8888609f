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
    {"llm.url", "https://hunter2@h/v1", true},
    {"llm.url", "http://h/v1,http://hunter2@h/v1", true},
    {"llm.url", "https://h/v1?x-api-key=hunter2", true},
    {"llm.url", "https://$hunter2@h/v1", true},
    {"llm.url", "https://h/v1?key=$hunter2", true},
    {"embedding.url", "https://hunter2@h", true},
    {"env.options", "api_key=hunter2", true},
    {"env.options", "size=8;API-KEY=hunter2;a=b", true},
    {"env.options", "my.token=hunter2", true},
    {"env.options", "secret=hunter2", true},
    {"env.options", "db_password=hunter2", true},
    {"env.options", "kw={\"a\": 1, \"api_key\": \"hunter2\"}", true},
    {"env.options", "key=hunter2hunter2", true},
    {"env.options", "key=red;keys=3;num_keys=12345678;key_color=yellowish", false},
    {"env.options", "api_key=;token=/run/secrets/t;password=~/p", false},
    {"env.options", "max_tokens=hunter2hunter2;keyboard=hunter2hunter2", false},
    {"command.run", "X_API_KEY=hunter2 prog", true},
    {"command.run", "env OPENAI_API_KEY='hunter2' prog", true},
    {"command.run", "prog --api-key=hunter2", true},
    {"command.run", "prog -v --api-key hunter2", true},
    {"command.run", "prog --token 'hunter2'", true},
    {"command.run", "prog --key=hunter2", true},
    {"command.run", "curl -H 'Authorization: Bearer hunter2' h", true},
    {"command.run", "curl -H \"x-api-key: hunter2\" h", true},
    {"command.run", "sh -c \"TOKEN=hunter2 prog\"", true},
    {"command.run", "X_API_KEY=$OPENAI_API_KEY prog --token \"$T\" --secret=`cat f`", false},
    {"command.run", "curl -H \"Authorization: Bearer $OPENAI_API_KEY\" h", false},
    {"command.run", "curl -H \"Authorization: Basic $(cat auth)\" -H 'authorization: token $T' h",
     false},
    {"command.run", "curl -H 'Authorization: Basic hunter2' h", true},
    {"command.run", "curl https://h/v1?key=$X_API_KEY https://$X_API_KEY@h https://me:$P@h", false},
    {"command.run", "curl https://h/v1?key=hunter2", true},
    {"command.run", "curl https://$ME:hunter2@h", true},
    {"command.run", "prog --token 12345", true},
    {"env.options", "eos_token=50256;secret=true;kw={\"token\": null, \"my_secret\":-1.5}", false},
    {"env.options", "token=12345678", true},
    {"env.options", "password=1234", true},
    {"command.run", "prog --api-key --verbose --token-file t --key ./client.pem", false},
    {"command.run", "prog --password", false},
    {"command.run", "jq -c '{token: .t}'", false},
    {"command.run", "python3 tokens.py --max-tokens 3 --keys=4 key token", false},
    {"annotator.prompt", "api_key=x", false},
    {"llm.api_key_file", "sk-proj-hunter2hunter2hunter2", true},
    {"embedding.api_key_file", "hf_hunter2hunter2hunter2", true},
    {"llm.api_key_file", "keys/sk-proj-hunter2hunter2hunter2", false},
    {"llm.api_key_file", "sk-openai", false},
    {"llm.api_key_file", "hunter2hunter2hunter2hunter2", false},
    {"llm.proxy_auth_file", "me:hunter2", true},
    {"llm.proxy_auth_file", "./me:hunter2", false},
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
    warned[0] = '\0';
    log_set_writer(keep_line, NULL);
    assert_ok(config_read_stored(&c, text, strlen(text), "old.yaml", &err));
    log_set_writer(NULL, NULL);
    assert_string_equal(c.llm_proxy, "");
    assert_string_equal(c.llm_model, "m");
    assert_non_null(strstr(warned, "is left out option=\"llm.proxy\""));
    assert_null(strstr(warned, "hunter2"));
}

/* Without its options the environment of that run would be another one. */
static void of_a_stored_world_nothing_is_left_out(void **state)
{
    static struct config c;
    const char *text = "env: {options: 'size=8;token=hunter2'}\n";
    (void)state;
    config_defaults(&c);
    assert_err(config_read_stored(&c, text, strlen(text), "old.yaml", &err), ONIC_ECONFIG,
               "env.options holds a password or a key");
}

static void the_sentence_says_where_it_belongs(void **state)
{
    static const char *const said[][3] = {
        {"env.options", "api_key=hunter2", "from a variable of its own, whose name does not end"},
        {"plugin.api_key", "hunter2", "from a variable of its own, whose name does not end"},
        {"command.run", "X_API_KEY=hunter2 p", "from a variable whose name ends with _API_KEY"},
        {"llm.url", "http://hunter2@h", "name a file that holds it (llm.proxy_auth_file, llm."},
    };
    static struct config c;
    (void)state;
    config_defaults(&c);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_err(config_set(&c, said[i][0], said[i][1], CONFIG_CLI, "--x", &err), ONIC_ECONFIG,
                   said[i][2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_refused_and_not_quoted),
        cmocka_unit_test(of_a_stored_run_it_is_left_out),
        cmocka_unit_test(of_a_stored_world_nothing_is_left_out),
        cmocka_unit_test(the_sentence_says_where_it_belongs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
