/* SPDX-License-Identifier: MIT */
/* test_monitor.c - what a reward server answers to who asks whether it is well. */
#define _DEFAULT_SOURCE
#include "reward_server/monitor.h"

#include "common/http/http_get.h"
#include "tests/onic_test.h"
#include "tests/support/skewed_clock.h"

enum { ASK_MS = 60000 };

static void it_answers(const struct reward_monitor *m, const char *path, int status,
                       const char *sentence)
{
    struct buf b;
    int got;
    buf_init(&b, 4096);
    assert_ok(http_get(reward_monitor_url(m), path, ASK_MS, &b, &got, &err));
    assert_int_equal(got, status);
    assert_string_equal(b.data, sentence);
    buf_release(&b);
}

/* Whoever asks may end it. */
static void a_loop_that_stands_is_told(void **state)
{
    const struct reward_monitor_params p = {.listen = "127.0.0.1:*", .hosts = ""};
    struct reward_monitor *m;
    (void)state;
    skewed_clock_stop();
    assert_ok(reward_monitor_open(&m, &p, &err));
    assert_ok(reward_monitor_start(m, &err));
    it_answers(m, "/healthz", 200, "ok\n");
    it_answers(m, "/readyz", 503, "the server is starting\n");
    skewed_clock_advance(59000000000);
    it_answers(m, "/healthz", 200, "ok\n");
    skewed_clock_advance(2000000000);
    it_answers(m, "/healthz", 503, "the server's loop has not moved for 61 s\n");
    reward_monitor_begin(m);
    reward_monitor_end(m, "");
    it_answers(m, "/healthz", 200, "ok\n");
    it_answers(m, "/readyz", 200, "ready\n");
    reward_monitor_begin(m);
    reward_monitor_end(m, "the language model is away");
    it_answers(m, "/readyz", 503, "the language model is away\n");
    reward_monitor_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_loop_that_stands_is_told, skewed_clock_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
