/* SPDX-License-Identifier: MIT */
/* test_llm_options.c - options of a language model that do not fit together, before it is asked. */
#include "reward_server/annotators/llm/llm_options.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static struct config *cfg;

static void llm_set(const char *name, const char *value)
{
    assert_ok(config_set(cfg, name, value, CONFIG_CLI, "", &err));
}

static int setup(void **state)
{
    int rc = files_setup(state);
    unsetenv("OPENAI_API_KEY");
    cfg = xmalloc(sizeof *cfg);
    config_defaults(cfg);
    llm_set("llm.url", "http://127.0.0.1:1/v1");
    llm_set("llm.model", "m");
    return rc;
}

static int teardown(void **state)
{
    free(cfg);
    return files_teardown(state);
}

static void refused(const char *part)
{
    static struct llm_options o;
    assert_err(llm_options_read(&o, cfg, &err), ONIC_ECONFIG, part);
}

static void what_one_option_asks_of_another_is_said(void **state)
{
    static struct llm_options o;
    (void)state;
    assert_ok(llm_options_read(&o, cfg, &err));
    llm_set("llm.batch", "4");
    refused("llm.batch needs llm.api=completions: a chat request holds one question");
    llm_set("llm.api", "completions");
    assert_ok(llm_options_read(&o, cfg, &err));
    llm_set("llm.max_cost", "1");
    refused("llm.max_cost needs llm.price_in and llm.price_out (per million tokens)");
    llm_set("llm.price_out", "2");
    assert_ok(llm_options_read(&o, cfg, &err));
    llm_set("llm.ca_file", "/nowhere/ca");
    refused("llm.ca_file /nowhere/ca cannot be read: No such file");
}

static void an_address_tells_no_secret_and_is_one(void **state)
{
    char text[600];
    (void)state;
    assert_err(config_set(cfg, "llm.url", "http://me@127.0.0.1:1/v1", CONFIG_CLI, "", &err),
               ONIC_ECONFIG, "llm.url holds a password or a key");
    snprintf(cfg->llm_url, sizeof cfg->llm_url, "http://me@127.0.0.1:1/v1"); /* past that */
    refused("llm.url holds a user name or a password: give a key in a file instead");
    llm_set("llm.url", "ftp://127.0.0.1/v1");
    refused("llm.url is \"ftp://127.0.0.1/v1\", must be like http://127.0.0.1:8000/v1 or "
            "https://api.openai.com/v1");
    llm_set("llm.url", "");
    refused("annotator llm needs the address of a server, --llm.url=http://127.0.0.1:8000 ");
    int n = snprintf(text, sizeof text, "http://127.0.0.1/");
    memset(text + n, 'x', sizeof text - 1 - (size_t)n);
    text[LLM_URL_MAX - 4] = '\0';
    llm_set("llm.url", text);
    refused("llm.url: an address is longer than ");
}

static void what_a_proxy_is_told_has_two_parts(void **state)
{
    static struct llm_options o;
    const char *path = files_in("auth");
    (void)state;
    llm_set("llm.proxy_auth_file", path);
    files_write_private(path, "sesame\n");
    refused("/auth must hold user:password");
    files_write(path, "me:sesame\n");
    refused("llm.proxy_auth_file is for llm.proxy, which is not set");
    llm_set("llm.proxy", "http://127.0.0.1:1");
    assert_ok(llm_options_read(&o, cfg, &err));
    assert_string_equal(o.proxy_auth, "me:sesame");
    llm_options_wipe(&o);
    assert_string_equal(o.proxy_auth, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_one_option_asks_of_another_is_said),
        TEST(an_address_tells_no_secret_and_is_one),
        TEST(what_a_proxy_is_told_has_two_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
