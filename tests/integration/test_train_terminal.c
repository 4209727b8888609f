/* SPDX-License-Identifier: MIT */
/* test_train_terminal.c - `onic train` as somebody at a terminal sees it: a panel that stays whole
 * below lines that fit, in a window that changes, and what is left at the end. */
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/pty.h"

static char dir[256];
static struct pty t;

static int terminal_setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    return 0;
}

static int terminal_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* A run without an end whose language model nobody reaches: it warns. */
#define TRAIN                                                                                      \
    "exec onic train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --annotator.id=llm "          \
    "--llm.url=http://127.0.0.1:1/v1 --llm.model=m --llm.breaker_s=0.1 --llm.backoff_s=0.01 "      \
    "--actors.count=1 --train.batch=1024 --stop.success=0.99 --frames=1000000000"

static int rows_with(const char *part)
{
    int n = 0;
    for (int r = 0; r < t.vt.rows; r++)
        n += strstr(t.vt.cell[r], part) != NULL;
    return n;
}

/* How many panels were drawn since. */
static bool is_redrawn(void *ctx)
{
    size_t *from = ctx;
    int n = 0;
    pty_read(&t);
    for (const char *p = t.bytes + *from; (p = strstr(p, "--- minigrid")) != NULL; p++)
        n++;
    return n >= 5;
}

static void await_redrawn(void)
{
    size_t from = t.len;
    assert_true(wait_until(is_redrawn, &from, 60000));
}

static void panel_is_whole(void)
{
    await_redrawn(); /* what was under way when the window changed is gone */
    int wrapped = t.vt.wrapped;
    await_redrawn();
    assert_int_equal(rows_with("--- minigrid"), 1);
    assert_int_equal(rows_with("ledger  "), 1);
    assert_int_equal(t.vt.wrapped, wrapped);
}

static void lines_fit_above_a_panel_that_stays_whole(void **state)
{
    (void)state;
    pty_start(&t, 24, 80, dir, TRAIN);
    pty_await(&t, "--- minigrid:KeyCorridorS3R3  hash");
    int wrapped = t.vt.wrapped;
    pty_await(&t, " warn reward-server language model is not asked");
    pty_await(&t, "waiting labels: ");
    pty_await(&t, "ETA at most ");
    pty_await(&t, "    [-");
    pty_await(&t, "-]   0 % of ");
    assert_int_equal(t.vt.wrapped, wrapped);
    assert_int_equal(t.vt.unknown, 0);
    assert_true(t.vt.colours >= 2);
    panel_is_whole();
    pty_resize(&t, 16, 50);
    panel_is_whole();
    pty_resize(&t, 30, 120);
    panel_is_whole();
    pty_type(&t, "\x03");
    assert_int_equal(pty_end(&t), 0);
    assert_int_equal(rows_with("--- minigrid"), 0);
    assert_int_equal(rows_with("ETA"), 0);
    assert_true(rows_with("goes on") == 1);
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

static void colours_are_declined(void **state)
{
    (void)state;
    pty_start(&t, 24, 80, dir, "export NO_COLOR=1; " TRAIN);
    pty_await(&t, " warn reward-server language model is not asked");
    pty_type(&t, "\x03");
    assert_int_equal(pty_end(&t), 0);
    assert_int_equal(t.vt.colours, 0);
    pty_close(&t);
}

int main(void)
{
#define AT_TERMINAL(name) cmocka_unit_test_setup_teardown(name, terminal_setup, terminal_teardown)
    const struct CMUnitTest tests[] = {
        AT_TERMINAL(lines_fit_above_a_panel_that_stays_whole),
        AT_TERMINAL(colours_are_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
