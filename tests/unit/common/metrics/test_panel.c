/* SPDX-License-Identifier: MIT */
/* test_panel.c - the panel on a screen that interprets its escape codes, and its text. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/metrics/panel.h"
#include "common/metrics/registry.h"
#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"

/* A terminal of 200 rows that knows what panel.c uses: newline, carriage return, cursor up, clear
 * to the end, colours. A line that is too wide goes on in the next row, and lines are folded when
 * the window becomes narrower. */
struct screen {
    char row[200][256];
    int y, x, cols, colours;
};

static void put_cell(struct screen *s, char c)
{
    if (s->x == s->cols) {
        s->x = 0;
        s->y++;
    }
    s->row[s->y][s->x++] = c;
}

/* Returns where the sequence ends. */
static size_t sequence(struct screen *s, const char *p, size_t i)
{
    int number = 0;
    assert_int_equal(p[++i], '[');
    while (p[++i] >= '0' && p[i] <= '9')
        number = number * 10 + (p[i] - '0');
    if (p[i] == 'A') {
        s->y -= number;
        assert_true(s->y >= 0);
    } else if (p[i] == 'm') {
        s->colours++;
    } else {
        assert_int_equal(p[i], 'J');
        memset(s->row[s->y] + s->x, 0, sizeof s->row[0] - (size_t)s->x);
        for (int r = s->y + 1; r < 200; r++)
            memset(s->row[r], 0, sizeof s->row[0]);
    }
    return i;
}

static void interpret(struct screen *s, const char *p, size_t n)
{
    s->cols = s->cols ? s->cols : 200;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n') {
            s->y++;
            s->x = 0;
        } else if (p[i] == '\r') {
            s->x = 0;
        } else if (p[i] == '\033') {
            i = sequence(s, p, i);
        } else {
            put_cell(s, p[i]);
        }
    }
}

static void fold(struct screen *s, int cols)
{
    static struct screen old;
    old = *s;
    memset(s, 0, sizeof *s);
    s->cols = cols;
    for (int y = 0; y < old.y; y++) {
        for (const char *c = old.row[y]; *c; c++)
            put_cell(s, *c);
        s->y++;
        s->x = 0;
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
    assert_int_equal(strlen(s.row[0]), 76 * 2 + 3);
    assert_string_equal(s.row[0] + 76 * 2, "...");
    assert_string_equal(s.row[1], "");
    panel_free(p);
    close(fds[0]);
    close(fds[1]);
}

/* --- in a window ------------------------------------------------------------------------------ */

struct window {
    int fd, other;
    struct panel *panel;
    struct screen screen;
};

static void resize(struct window *w, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    assert_int_equal(ioctl(w->fd, TIOCSWINSZ, &size), 0);
}

static void open_window(struct window *w, int rows, int cols)
{
    struct termios raw;
    memset(w, 0, sizeof *w);
    w->screen.cols = cols;
    w->fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(w->fd >= 0 && grantpt(w->fd) == 0 && unlockpt(w->fd) == 0);
    w->other = open(ptsname(w->fd), O_RDWR | O_NOCTTY);
    assert_true(w->other >= 0);
    assert_int_equal(tcgetattr(w->other, &raw), 0);
    raw.c_oflag &= ~(tcflag_t)OPOST;
    assert_int_equal(tcsetattr(w->other, TCSANOW, &raw), 0);
    resize(w, rows, cols);
    w->panel = panel_create(PANEL_TERMINAL, w->other);
}

static void close_window(struct window *w)
{
    panel_free(w->panel);
    close(w->other);
    close(w->fd);
}

/* What was written to the window since: the kernel hands it over in its own time and in parts, so
 * until a mark that is written after it. Returns its length. */
static size_t read_window(struct window *w, char *bytes, size_t size)
{
    enum { MARK = '\5' };
    struct pollfd readable = {.fd = w->fd, .events = POLLIN};
    size_t n = 0;
    assert_int_equal(write(w->other, &(char){MARK}, 1), 1);
    while (!n || bytes[n - 1] != MARK) {
        assert_int_equal(poll(&readable, 1, 20000), 1);
        ssize_t got = read(w->fd, bytes + n, size - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    return n - 1;
}

static void show(struct window *w)
{
    static char bytes[65536];
    interpret(&w->screen, bytes, read_window(w, bytes, sizeof bytes));
}

static void say(struct window *w, const char *line)
{
    panel_line(w->panel, line, strlen(line));
}

static const char warning[] =
    "2026-11-23T19:30:00.123Z warn learner something is wrong here and it takes long to say\n";

static void a_line_above_the_block_is_shortened_to_the_window(void **state)
{
    static struct window w;
    (void)state;
    open_window(&w, 24, 40);
    say(&w, warning); /* nothing is below it yet: all of it */
    panel_show(w.panel, "block\n");
    say(&w, warning);
    say(&w, "Aborted (core dumped), and this line is of nobody's form\n");
    show(&w);
    struct screen *s = &w.screen;
    assert_string_equal(s->row[0], "2026-11-23T19:30:00.123Z warn learner so");
    assert_string_equal(s->row[3], "19:30:00 warn learner something is w...");
    assert_string_equal(s->row[4], "Aborted (core dumped), and this line...");
    assert_string_equal(s->row[5], "block");
    assert_string_equal(s->row[6], "");
    assert_int_equal(s->colours, 4); /* two warnings, each on and off */
    close_window(&w);
}

static void colours_are_for_warnings_and_can_be_declined(void **state)
{
    static struct window w;
    static const char red[] = "\033[31m19:30:00 error learner nothing is\033[0m\n";
    char bytes[4096];
    (void)state;
    open_window(&w, 24, 100);
    panel_show(w.panel, "block\n");
    say(&w, "2026-11-23T19:30:00.123Z info learner all is well\n");
    size_t n = read_window(&w, bytes, sizeof bytes);
    assert_null(memmem(bytes, n, "m19:30", 6));
    say(&w, "2026-11-23T19:30:00.123Z error learner nothing is\n");
    n = read_window(&w, bytes, sizeof bytes);
    assert_non_null(memmem(bytes, n, red, sizeof red - 1));
    close_window(&w);
    setenv("NO_COLOR", "1", 1);
    open_window(&w, 24, 100);
    unsetenv("NO_COLOR");
    panel_show(w.panel, "block\n");
    say(&w, warning);
    show(&w);
    assert_int_equal(w.screen.colours, 0);
    close_window(&w);
}

static void a_window_may_become_narrower_wider_and_low(void **state)
{
    static struct window w;
    static const char block[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nb\ncccccccccccccccccccccc\n";
    (void)state;
    open_window(&w, 24, 60);
    say(&w, "above\n");
    panel_show(w.panel, block);
    show(&w);
    resize(&w, 24, 20);
    fold(&w.screen, 20);
    assert_string_equal(w.screen.row[2], "aaaaaaaaaa"); /* the rest of the first line */
    say(&w, "between\n");
    panel_show(w.panel, block);
    show(&w);
    struct screen *s = &w.screen;
    assert_string_equal(s->row[0], "above");
    assert_string_equal(s->row[1], "between");
    assert_string_equal(s->row[2], "aaaaaaaaaaaaaaaa...");
    assert_string_equal(s->row[3], "b");
    assert_string_equal(s->row[4], "cccccccccccccccc...");
    assert_string_equal(s->row[5], "");
    resize(&w, 3, 60); /* two rows and the cursor's */
    s->cols = 60;
    panel_show(w.panel, block);
    show(&w);
    assert_string_equal(s->row[2], "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(s->row[3], "b");
    assert_string_equal(s->row[4], "");
    panel_clear(w.panel);
    show(&w);
    assert_string_equal(s->row[2], "");
    close_window(&w);
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

static void what_a_peer_says_does_not_act_on_the_terminal(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {.every_s = 10, .quiet = true, .title = hostile_text};
    assert_ok(metrics_create(&m, &p, &err));
    metrics_text(m, "waiting", hostile_text);
    metrics_text(m, "ledger", hostile_text);
    for (int brief = 0; brief < 2; brief++) {
        metrics_panel_text(m, brief);
        for (char *at = m->text.data; (at = strchr(at, '\n')) != NULL;)
            *at = ' ';
        assert_non_null(strstr(m->text.data, "31m"));
        assert_null(hostile_text_in(m->text.data));
    }
    metrics_free(m);
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

/* 95 % of the last 20 episodes may as well be 77 or 99. */
static void a_success_rate_is_shown_with_its_interval(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {.every_s = 10, .quiet = true};
    assert_ok(metrics_create(&m, &p, &err));
    for (int i = 0; i < 20; i++)
        metrics_mean_over(m, "policy_stats/success_rate", i > 0, 400);
    metrics_panel_text(m, false);
    assert_non_null(strstr(m->text.data, "success 95.0 % (76.4 .. 99.1)\n"));
    metrics_free(m);
}

static void shows_bar(struct metrics *m, int full, const char *rest)
{
    char want[200] = "    [";
    for (int i = 0; i < 24; i++)
        strcat(want, i < full ? "#" : "-");
    strcat(strcat(want, "]"), rest);
    metrics_panel_text(m, false);
    if (!strstr(m->text.data, want))
        fail_msg("'%s' is not in: %s", want, m->text.data);
}

/* The end that is nearest: so many frames, a success rate, a time. */
static void the_bar_is_full_at_whichever_end_comes_first(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {.every_s = 10, .quiet = true};
    assert_ok(metrics_create(&m, &p, &err));
    metrics_panel_text(m, false);
    assert_null(strchr(m->text.data, '[')); /* without an end */
    m->params.frames_total = 2000;
    shows_bar(m, 0, "   0 % of 2,000 steps\n");
    metrics_set(m, "env_steps", 1000);
    shows_bar(m, 12, "  50 % of 2,000 steps\n");
    metrics_set(m, "env_steps", 1999);
    shows_bar(m, 23, "  99 % of 2,000 steps\n");
    metrics_set(m, "env_steps", 2600); /* the last batch may be beyond it */
    shows_bar(m, 24, " 100 % of 2,000 steps\n");
    metrics_set(m, "env_steps", 100);
    m->params.stop_success = 0.5;
    for (int i = 0; i < 200; i++)
        metrics_mean_over(m, "policy_stats/success_rate", 1, 400);
    shows_bar(m, 12, "  50 % of success 0.5\n"); /* it takes a whole window */
    m->params.stop_success = 1;
    shows_bar(m, 12, "  50 % of success 1\n");
    for (int i = 0; i < 200; i++)
        metrics_mean_over(m, "policy_stats/success_rate", 1, 400);
    shows_bar(m, 24, " 100 % of success 1\n");
    m->params.stop_success = 0;
    m->params.frames_total = 0;
    m->params.stop_wall_s = 7200;
    m->started -= 3600 + 1;
    shows_bar(m, 12, "  50 % of 2:00:00  ETA 59:");
    metrics_free(m);
}

static void the_time_left_is_that_of_the_first_end_and_none_at_the_end(void **state)
{
    (void)state;
    struct metrics *m = NULL;
    struct metrics_params p = {.every_s = 10, .quiet = true, .frames_total = 2000};
    assert_ok(metrics_create(&m, &p, &err));
    metrics_set(m, "env_steps", 1000);
    m->fps[0] = (struct fps_sample){.at = 0, .steps = 0};
    m->fps[1] = (struct fps_sample){.at = 10, .steps = 100}; /* 10 per second */
    m->fps_count = m->fps_next = 2;
    metrics_panel_text(m, true);
    assert_non_null(strstr(m->text.data, "  ETA 1:40"));
    m->params.stop_wall_s = 3600;
    metrics_panel_text(m, true);
    assert_non_null(strstr(m->text.data, "  ETA 1:40")); /* the frames come first */
    m->params.frames_total = 2000000;
    metrics_panel_text(m, true);
    assert_non_null(strstr(m->text.data, "  ETA 59:")); /* the clock */
    m->params.stop_success = 0.95;
    metrics_panel_text(m, true);
    assert_non_null(strstr(m->text.data, "  ETA at most 59:"));
    assert_ok(metrics_end(m, 0, 0, &err));
    metrics_panel_text(m, true);
    assert_null(strstr(m->text.data, "ETA"));
    assert_non_null(strstr(m->text.data, "1,000 steps"));
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_scroll_above_a_block_that_is_redrawn),
        cmocka_unit_test(a_line_wider_than_the_terminal_is_cut_between_characters),
        cmocka_unit_test(a_line_above_the_block_is_shortened_to_the_window),
        cmocka_unit_test(colours_are_for_warnings_and_can_be_declined),
        cmocka_unit_test(a_window_may_become_narrower_wider_and_low),
        cmocka_unit_test(without_a_terminal_only_lines_pass),
        cmocka_unit_test(a_relayed_block_is_one_datagram_and_never_blocks),
        cmocka_unit_test(what_a_peer_says_does_not_act_on_the_terminal),
        cmocka_unit_test(the_text_shows_what_is_known_and_nothing_else),
        cmocka_unit_test(a_success_rate_is_shown_with_its_interval),
        cmocka_unit_test(the_bar_is_full_at_whichever_end_comes_first),
        cmocka_unit_test(the_time_left_is_that_of_the_first_end_and_none_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
