/* SPDX-License-Identifier: MIT */
/* test_environment.c - variables that orchestrators make beside those that a person sets. */
#include <stdlib.h>

#include "common/config/options.h"
#include "tests/onic_test.h"

static void set_all(const char *const (*pairs)[2], int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(setenv(pairs[i][0], pairs[i][1], 1), 0);
}

static void unset_all(const char *const (*pairs)[2], int n)
{
    for (int i = 0; i < n; i++)
        unsetenv(pairs[i][0]);
}

/* One at a time, so that none is passed over only because of another. */
static void variables_of_kubernetes_services_are_passed_over(void **state)
{
    (void)state;
    static const char *const made[][2] = {
        {"ONIC_REWARD_SERVER_SERVICE_HOST", "10.96.0.17"},
        {"ONIC_REWARD_SERVER_SERVICE_PORT", "5556"},
        {"ONIC_REWARD_SERVER_SERVICE_PORT_LABELS", "5556"},
        {"ONIC_REWARD_SERVER_PORT", "tcp://10.96.0.17:5556"},
        {"ONIC_REWARD_SERVER_PORT_5556_TCP", "tcp://10.96.0.17:5556"},
        {"ONIC_REWARD_SERVER_PORT_5556_TCP_ADDR", "10.96.0.17"},
        {"ONIC_REWARD_SERVER_PORT_5556_TCP_PORT", "5556"},
        {"ONIC_REWARD_SERVER_PORT_5556_TCP_PROTO", "tcp"},
        {"ONIC_ANNOTATOR_ID_PORT", "tcp://[fd00::17]:8000"},
        {"ONIC_LLM_PORT", "udp://10.96.0.18:53"},
        {"ONIC_LLM_PORT_53_UDP", "udp://10.96.0.18:53"},
        {"ONIC_LLM_PORT_9_SCTP_PORT", "9"},
        {"ONIC_TRAIN_SERVICE_HOST", "10.96.0.19"},
        {"ONIC_PORT", "tcp://10.96.0.20:5555"},
        {"ONIC_SERVICE_HOST", "10.96.0.20"},
        {"ONIC_LEARNER_PORT", "tcp://10.96.0.21:5555"},
    };
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        struct config c;
        config_defaults(&c);
        set_all(&made[i], 1);
        assert_ok(config_read_env(&c, &err));
        unset_all(&made[i], 1);
    }
}

static void variables_of_docker_links_are_passed_over(void **state)
{
    (void)state;
    static const char *const made[][2] = {
        {"ONIC_REWARD_NAME", "/actor/onic-reward"},
        {"ONIC_REWARD_ENV_LANG", "C.UTF-8"},
        {"ONIC_REWARD_PORT_5556_TCP_START", "tcp://172.17.0.2:5556"},
        {"ONIC_NAME", "/actor/onic"},
        {"ONIC_ENV_LANG", "C.UTF-8"},
    };
    enum { N = sizeof made / sizeof made[0] };
    struct config c;
    config_defaults(&c);
    set_all(made, N);
    assert_ok(config_read_env(&c, &err));
    unset_all(made, N);
}

static void slips_that_only_resemble_them_get_their_sentence(void **state)
{
    (void)state;
    static const char *const slips[][2] = {
        {"ONIC_LISTEN_PORT", "5555"},
        {"ONIC_REWARD_SERVER_PORT", "5556"},
        {"ONIC_REWARD_SERVER_PORTS", "tcp://"},
        {"ONIC_REWARD_SERVER_PORT_TCP", "1"},
        {"ONIC_LLM_PORT_80_HTTP", "80"},
        {"ONIC_ENV_NAME", "corridor"},
        {"ONIC_ENV_LANG", "C"},
        {"ONIC_LISTEN_HOST", "10.0.0.1"},
        {"ONIC_REWARD_SERVERS", "tcp://h:1"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        struct config c;
        config_defaults(&c);
        set_all(&slips[i], 1);
        assert_err(config_read_env(&c, &err), ONIC_ECONFIG, slips[i][0]);
        unset_all(&slips[i], 1);
    }
}

static void an_option_set_on_purpose_is_read_beside_them(void **state)
{
    (void)state;
    static const char *const both[][2] = {
        {"ONIC_REWARD_SERVER", "tcp://reward:5556"},
        {"ONIC_REWARD_SERVER_PORT", "tcp://10.96.0.17:5556"},
    };
    struct config c;
    config_defaults(&c);
    set_all(both, 2);
    assert_ok(config_read_env(&c, &err));
    assert_string_equal(c.reward_server, "tcp://reward:5556");
    unset_all(both, 2);
}

/* Else a Service could set it. */
static void no_option_has_the_name_of_an_injected_variable(void **state)
{
    (void)state;
    static const char *const values[] = {"5555", "tcp://10.0.0.1:5555", "/container/alias"};
    for (int i = 0; i < CONFIG_COUNT; i++)
        for (int v = 0; v < 3; v++) {
            char name[64];
            option_env(i, name);
            if (option_env_is_injected(name, values[v])) {
                print_error("%s\n", name);
                fail();
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_of_kubernetes_services_are_passed_over),
        cmocka_unit_test(variables_of_docker_links_are_passed_over),
        cmocka_unit_test(slips_that_only_resemble_them_get_their_sentence),
        cmocka_unit_test(an_option_set_on_purpose_is_read_beside_them),
        cmocka_unit_test(no_option_has_the_name_of_an_injected_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
