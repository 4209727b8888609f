/* SPDX-License-Identifier: MIT */
/* test_panel.c - the panel on a screen that interprets its escape codes, and its text. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/metrics/panel.h"
#include "common/metrics/registry.h"
#include "tests/onic_test.h"

/* A terminal of 200 rows that knows what panel.c uses: newline, carriage return, cursor up, clear
 * to the end. */
struct screen {
    char row[200][256];
    int y, x;
};

static void interpret(struct screen *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            s->y++;
            s->x = 0;
        } else if (p[i] == '\r') {
            s->x = 0;
        } else if (p[i] == '\033') {
            assert_int_equal(p[++i], '[');
            int number = 0;
            while (p[++i] >= '0' && p[i] <= '9')
                number = number * 10 + (p[i] - '0');
            if (p[i] == 'A') {
                s->y -= number;
                assert_true(s->y >= 0);
            } else {
                assert_int_equal(p[i], 'J');
                memset(s->row[s->y] + s->x, 0, sizeof s->row[0] - (size_t)s->x);
                for (int r = s->y + 1; r < 200; r++)
                    memset(s->row[r], 0, sizeof s->row[0]);
            }
        } else {
            s->row[s->y][s->x++] = p[i];
            assert_true(s->x < 255);
        }
    }
}

static void drain(int fd, struct screen *s)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        interpret(s, bytes, (size_t)n);
}

static void lines_scroll_above_a_block_that_is_redrawn(void **state)
{
    (void)state;
    static struct screen s;
    memset(&s, 0, sizeof s);
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    struct panel *p = panel_create(PANEL_TERMINAL, fds[1]);
    panel_line(p, "first\n", 6);
    panel_show(p, "a 1\nb 1\n");
    panel_line(p, "second\n", 7);
    panel_show(p, "a 2\nb 2\nc 2\n");
    panel_line(p, "third\n", 6);
    panel_show(p, "a 3\n");
    drain(fds[0], &s);
    assert_string_equal(s.row[0], "first");
    assert_string_equal(s.row[1], "second");
    assert_string_equal(s.row[2], "third");
    assert_string_equal(s.row[3], "a 3");
    assert_string_equal(s.row[4], "");
    panel_clear(p);
    panel_line(p, "last\n", 5);
    drain(fds[0], &s);
    assert_string_equal(s.row[3], "last");
    panel_free(p);
    close(fds[0]);
    close(fds[1]);
}

static void a_line_wider_than_the_terminal_is_cut_between_characters(void **state)
{
    (void)state;
    static struct screen s;
    memset(&s, 0, sizeof s);
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0); /* not a terminal: 80 columns are assumed */
    struct panel *p = panel_create(PANEL_TERMINAL, fds[1]);
    char wide[300];
    for (int i = 0; i < 100; i++)
        memcpy(wide + i * 2, "\xc3\xa9", 2);
    memcpy(wide + 200, "\n", 2);
    panel_show(p, wide);
    panel_show(p, wide);
    drain(fds[0], &s);
    assert_int_equal(strlen(s.row[0]), 79 * 2);
    assert_string_equal(s.row[1], "");
    panel_free(p);
    close(fds[0]);
    close(fds[1]);
}

static void without_a_terminal_only_lines_pass(void **state)
{
    (void)state;
    int fds[2];
    char bytes[64] = {0};
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    struct panel *p = panel_create(PANEL_OFF, fds[1]);
    panel_show(p, "block\n");
    panel_line(p, "line\n", 5);
    panel_free(p);
    assert_int_equal(read(fds[0], bytes, sizeof bytes), 5);
    assert_string_equal(bytes, "line\n");
    close(fds[0]);
    close(fds[1]);
}

static void a_relayed_block_is_one_datagram_and_never_blocks(void **state)
{
    (void)state;
    int fds[2];
    char name[32], bytes[PANEL_TEXT_MAX];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    snprintf(name, sizeof name, "fd:%d", fds[1]);
    setenv("ONIC_PANEL", name, 1);
    assert_int_equal(panel_mode_of_stderr(), PANEL_RELAY);
    struct panel *p = panel_create(PANEL_RELAY, STDERR_FILENO);
    panel_show(p, "one\ntwo\n");
    ssize_t n = recv(fds[0], bytes, sizeof bytes, MSG_DONTWAIT);
    assert_int_equal(n, 8);
    assert_memory_equal(bytes, "one\ntwo\n", 8);
    for (int i = 0; i < 10000; i++) /* nobody reads: blocks are dropped, not waited for */
        panel_show(p, "three\n");
    close(fds[0]);
    panel_show(p, "nobody is there\n"); /* and no SIGPIPE */
    panel_free(p);
    close(fds[1]);
    setenv("ONIC_PANEL", "fd:2", 1); /* stderr is not the relay */
    assert_int_not_equal(panel_mode_of_stderr(), PANEL_RELAY);
    unsetenv("ONIC_PANEL");
}

static void the_text_shows_what_is_known_and_nothing_else(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {
        .every_s = 10, .quiet = true, .title = "corridor, hash", .frames_total = 2000000};
    assert_ok(metrics_create(&m, &p, &err));
    metrics_set(m, "env_steps", 1234567);
    metrics_mean(m, "reward/reward", 0.5);
    metrics_panel_text(m, false);
    assert_non_null(strstr(m->text.data, "--- corridor, hash\n"));
    assert_non_null(strstr(m->text.data, "1,234,567 steps (61.7 %)"));
    assert_non_null(strstr(m->text.data, "return 0.5"));
    assert_null(strstr(m->text.data, "success")); /* the task has none */
    assert_null(strstr(m->text.data, "labels"));
    assert_null(strstr(m->text.data, "waiting"));
    metrics_set(m, "policy_stats/success_rate", 0.957);
    metrics_set(m, "annot/labels_total", 83);
    metrics_set(m, "annot/abstained_total", 17);
    metrics_set(m, "annot/staleness_s", 2.25);
    metrics_set(m, "reward_model/coverage", 0.5);
    metrics_set(m, "reward_model/heldout_accuracy", (double)NAN); /* nothing is held back yet */
    metrics_text(m, "ledger", "produced 5 = consumed 5");
    metrics_text(m, "waiting", "no actor has connected");
    metrics_panel_text(m, false);
    assert_non_null(strstr(m->text.data, "success 95.7 %"));
    assert_non_null(strstr(m->text.data, "labels 83  abstained 17"));
    assert_non_null(strstr(m->text.data, "staleness 2.2 s\nmodel   coverage 50.0 %\n"));
    assert_non_null(strstr(m->text.data, "ledger  produced 5 = consumed 5\n"));
    assert_non_null(strstr(m->text.data, "waiting no actor has connected\n"));
    metrics_set(m, "reward_model/heldout_accuracy", 0.875);
    metrics_set(m, "reward_model/loss", 0.3);
    metrics_panel_text(m, false);
    assert_non_null(strstr(m->text.data, "50.0 %  held-out accuracy 87.5 %  loss 0.3\n"));
    metrics_panel_text(m, true);
    assert_ptr_equal(strchr(m->text.data, 10), m->text.data + m->text.len - 1); /* one line */
    assert_non_null(strstr(m->text.data, "labels 83  abstained 17"));
    assert_non_null(strstr(m->text.data, "waiting: no actor has connected"));
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_scroll_above_a_block_that_is_redrawn),
        cmocka_unit_test(a_line_wider_than_the_terminal_is_cut_between_characters),
        cmocka_unit_test(without_a_terminal_only_lines_pass),
        cmocka_unit_test(a_relayed_block_is_one_datagram_and_never_blocks),
        cmocka_unit_test(the_text_shows_what_is_known_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
