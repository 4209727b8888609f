/* SPDX-License-Identifier: MIT */
/* test_monitor.c - what a learner answers to who asks whether it is well. */
#define _DEFAULT_SOURCE
#include "learner/process/monitor.h"

#include "common/http/http_get.h"
#include "common/http/http_plane.h"
#include "tests/onic_test.h"
#include "tests/support/skewed_clock.h"

enum { ASK_MS = 60000 };

static void it_answers(const struct http_plane *plane, const char *path, int status,
                       const char *sentence)
{
    struct buf b;
    int got;
    buf_init(&b, 4096);
    assert_ok(http_get(http_plane_url(plane), path, ASK_MS, &b, &got, &err));
    assert_int_equal(got, status);
    assert_string_equal(b.data, sentence);
    buf_release(&b);
}

/* Whoever asks may end it. */
static void a_loop_that_stands_is_told(void **state)
{
    const struct http_plane_params p = {.listen = "127.0.0.1:*", .option = "--dashboard.listen"};
    struct http_plane *plane;
    struct monitor m = {.env = "corridor"};
    (void)state;
    assert_ok(http_plane_create(&plane, &p, &err));
    skewed_clock_stop();
    monitor_mount(&m, plane);
    assert_ok(http_plane_start(plane, &err));
    it_answers(plane, "/healthz", 200, "ok\n");
    skewed_clock_advance(179000000000);
    it_answers(plane, "/healthz", 200, "ok\n");
    skewed_clock_advance(2000000000);
    it_answers(plane, "/healthz", 503, "the training loop has not moved for 181 s\n");
    monitor_beat(&m);
    it_answers(plane, "/healthz", 200, "ok\n");
    it_answers(plane, "/readyz", 503, "the learner is starting\n");
    monitor_enter(&m, MONITOR_TRAINING);
    it_answers(plane, "/readyz", 200, "ready\n");
    monitor_enter(&m, MONITOR_DRAINING);
    it_answers(plane, "/readyz", 503, "the learner is ending: it drains\n");
    http_plane_free(plane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_loop_that_stands_is_told, skewed_clock_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
