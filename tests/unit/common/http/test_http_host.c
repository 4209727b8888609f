/* SPDX-License-Identifier: MIT */
/* test_http_host.c - a page is shown under the names it knows, and under no other. */
#include "common/http/http_host.h"

#include "tests/onic_test.h"

static void numbers_and_localhost_pass(void **state)
{
    static const char *const good[] = {"localhost", "LOCALHOST:8080", "localhost.",
                                       "127.0.0.1", "127.0.0.1:80",   "192.168.1.7:9000",
                                       "[::1]",     "[::1]:8080",     "[2001:db8::7]:1"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(http_host_known(good[i], ""));
}

static void other_names_do_not(void **state)
{
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "evil.example:8080",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "127.1",
                                      "127.0.0.1:80@evil.example",
                                      "127.0.0.1 ",
                                      "[::1].evil.example",
                                      "[evil]",
                                      "[::1",
                                      "::1",
                                      ":8080",
                                      "<script>"};
    (void)state;
    assert_false(http_host_known(NULL, "a"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http_host_known(bad[i], "good.example"));
}

static void names_that_were_given_pass(void **state)
{
    (void)state;
    assert_true(http_host_known("gpu7", "gpu7"));
    assert_true(http_host_known("GPU7:8080", "a.example, gpu7"));
    assert_true(http_host_known("a.example.", "a.example,gpu7"));
    assert_false(http_host_known("gpu", "gpu7,a.example"));
    assert_false(http_host_known("gpu77", "gpu7"));
    assert_false(http_host_known("example", "a.example"));
    assert_false(http_host_known("", ",,"));
}

static void a_list_is_of_names(void **state)
{
    (void)state;
    assert_ok(http_host_check("", &err));
    assert_ok(http_host_check("gpu7, run.example.org", &err));
    assert_err(http_host_check("gpu7:8080", &err), ONIC_ECONFIG, "without ports");
    assert_err(http_host_check("*", &err), ONIC_ECONFIG, "dashboard.hosts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_localhost_pass),
        cmocka_unit_test(other_names_do_not),
        cmocka_unit_test(names_that_were_given_pass),
        cmocka_unit_test(a_list_is_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
