/* SPDX-License-Identifier: MIT */
/* terminal.c - see terminal.h.
 *
 * Two things of the terminal are changed, echo with line editing and the cursor, and only by a
 * process in the foreground: one in the background would be stopped for trying. What was changed
 * is kept in static variables, because signal handlers undo it. */
#define _GNU_SOURCE
#include "deploy/cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "common/base/clock.h"
#include "common/base/shown.h"
#include "deploy/cli/screen.h"

enum { TEXT_BYTES_MAX = 1 << 20, FRAME_BYTES_MAX = 1 << 23, STACK_BYTES = 1 << 16 };
enum { ROWS_DEFAULT = 24, COLS_DEFAULT = 80, LINGER_MS = 1000, ASK_OVER_MS = 1000 };
enum { ESCAPE = 27 };

static const double SPEED_MAX = 100, SPEED_MIN = 0.2;

static struct termios saved, ours; /* the terminal's settings before us, and as we want them */
static struct sigaction before[NSIG];
static bool coloured; /* the frames are */
static volatile sig_atomic_t changed, stops, suspends, returned, resized, gone;

/* --- changing and restoring ------------------------------------------------------------------ */

static bool in_foreground(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

/* Settings that are no longer ours are somebody else's by now. A shell that took the foreground
 * when a script of its was killed may well have left ours as they were. */
static bool may_restore(void)
{
    struct termios now;
    return in_foreground() || (tcgetattr(STDIN_FILENO, &now) == 0 && now.c_lflag == ours.c_lflag);
}

/* Only what a signal handler may call. The window is left as it is, below it goes on. */
static void restore(void)
{
    static const char end[] = "\x1b[0m\x1b[?7h\x1b[?25h\r\n";
    size_t skip = coloured ? 0 : 4;
    sigset_t touching, old;
    if (!changed)
        return;
    changed = 0;
    sigemptyset(&touching);
    sigaddset(&touching, SIGTTOU); /* in the background it would stop us */
    sigprocmask(SIG_BLOCK, &touching, &old);
    if (may_restore())
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    ssize_t n = write(STDOUT_FILENO, end + skip, sizeof end - 1 - skip);
    (void)n; /* where the terminal is gone there is nothing to restore */
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void terminal_put(const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(STDOUT_FILENO, data, n);
        if (done < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, 100);
        else if (done < 0 && errno != EINTR)
            gone = 1;
        if (gone || (done < 0 && stops))
            return;
        data += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

static void terminal_enter(struct terminal *t)
{
    t->keys = in_foreground() && (changed || tcgetattr(STDIN_FILENO, &saved) == 0);
    if (!t->keys)
        return;
    ours = saved;
    ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    ours.c_cc[VMIN] = 1;
    ours.c_cc[VTIME] = 0;
    changed = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &ours);
    terminal_put("\x1b[?25l\x1b[2J", 10);
}

/* --- signals --------------------------------------------------------------------------------- */

/* Signals that end a process, but those which end it well. */
static const int deadly[] = {SIGQUIT, SIGILL,  SIGABRT, SIGFPE,    SIGSEGV, SIGBUS,  SIGSYS,
                             SIGTRAP, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2,
                             SIGXCPU, SIGXFSZ, SIGPWR,  SIGSTKFLT, SIGIO};

static void on_deadly(int sig)
{
    restore();
    sigaction(sig, &before[sig], NULL);
    raise(sig); /* delivered on return */
}

static void terminal_on_stop(int sig)
{
    if (stops++) {
        restore();
        signal(sig, SIG_DFL);
        raise(sig);
    }
}

static void on_suspend(int sig)
{
    (void)sig;
    suspends = 1;
}

static void on_return(int sig)
{
    (void)sig;
    returned = 1;
}

static void on_resize(int sig)
{
    (void)sig;
    resized = 1;
}

static void terminal_handle(int sig, void (*handler)(int))
{
    struct sigaction now;
    memset(&now, 0, sizeof now);
    now.sa_handler = handler;
    now.sa_flags = SA_ONSTACK; /* games run on small stacks of their own */
    if (sigaction(sig, NULL, &before[sig]) == 0 && before[sig].sa_handler != SIG_IGN)
        sigaction(sig, &now, NULL);
}

static void handle_stops(void)
{
    static char stack[STACK_BYTES];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    terminal_handle(SIGINT, terminal_on_stop);
    terminal_handle(SIGTERM, terminal_on_stop);
    terminal_handle(SIGHUP, terminal_on_stop);
}

static void handle_all(void)
{
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++)
        terminal_handle(deadly[i], on_deadly);
    terminal_handle(SIGTSTP, on_suspend);
    terminal_handle(SIGCONT, on_return);
    terminal_handle(SIGWINCH, on_resize);
    atexit(restore);
}

/* --- drawing --------------------------------------------------------------------------------- */

bool terminal_colour(void)
{
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(term && strcmp(term, "dumb") == 0) && !(no && no[0]);
}

static struct screen terminal_window(const struct terminal *t)
{
    struct winsize size = {0};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return (struct screen){.rows = size.ws_row ? size.ws_row : ROWS_DEFAULT,
                           .cols = size.ws_col ? size.ws_col : COLS_DEFAULT,
                           .colour = t->colour};
}

static void terminal_draw(struct terminal *t)
{
    char state[64], speed[32] = "full speed";
    if (t->speed > 0)
        snprintf(speed, sizeof speed, "%.3g steps/s", t->speed);
    snprintf(state, sizeof state, "%s, %s", t->paused ? "paused" : "playing", speed);
    struct screen_status status = {
        .state = state,
        .keys = t->paused ? "space goes on, n one step, + faster, - slower, q quit"
                          : "space pauses, n one step, + faster, - slower, q quit",
        .few_keys = "space n + - q"};
    if (t->person)
        status = (struct screen_status){t->prompt, "Ctrl-C quits", "Ctrl-C"};
    if (!t->keys)
        status.keys = status.few_keys = "no keys in the background";
    struct screen s = terminal_window(t);
    buf_reset(&t->out);
    screen_frame(&s, t->picture.data, t->text.data, &status, &t->out);
    terminal_put(t->out.data, t->out.len); /* in one piece: nobody sees half a frame */
}

static void stand_still(void)
{
    restore();
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    terminal_handle(SIGTSTP, on_suspend);
}

static bool has_ended(struct terminal *t)
{
    if (!t->over || clock_ms() - t->asked_ms < ASK_OVER_MS)
        return false;
    t->asked_ms = clock_ms();
    return t->over(t->over_ctx);
}

/* Signals since the last call. A program that had the keys waits in the background, as editors do.
 */
static void attend(struct terminal *t)
{
    t->quit |= stops > 0 || gone || ferror(stdout); /* of the latter main.c says why */
    t->quit |= has_ended(t);
    bool lost = t->keys && !in_foreground();
    while (t->tty && !t->quit && (suspends || returned || lost)) {
        bool stop = suspends || (t->keys && !in_foreground());
        lost = false;
        suspends = returned = 0;
        if (stop) {
            stand_still();
            /* Where nobody could continue us, the system does not stop us. */
            t->quit |= stops > 0 || (!returned && !in_foreground());
            returned = 1; /* perhaps still in the background: look again */
        } else {
            terminal_enter(t);
            resized = 1;
        }
    }
    if (t->tty && !t->quit && resized) {
        resized = 0;
        terminal_draw(t);
    }
}

/* --- keys ------------------------------------------------------------------------------------ */

static void on_key(struct terminal *t, int key)
{
    if (key == 'q' || key == 3 || key == 4) /* also Ctrl-C and Ctrl-D, as bytes */
        t->quit = true;
    else if (key == ' ')
        t->paused = !t->paused;
    else if (key == 'n')
        t->single = t->paused = true;
    else if (key == '+' && t->speed > 0)
        t->speed = t->speed * 1.5 > SPEED_MAX ? 0 : t->speed * 1.5;
    else if (key == '-')
        t->speed = t->speed == 0 ? SPEED_MAX : t->speed > SPEED_MIN ? t->speed / 1.5 : t->speed;
}

/* The key at the beginning of what a terminal sent, 0 for one that is none of ours; returns its
 * bytes. */
static size_t key_at(const char *s, size_t n, int *key)
{
    static const int arrow[] = {ENV_KEY_UP, ENV_KEY_DOWN, ENV_KEY_RIGHT, ENV_KEY_LEFT};
    size_t at = 1;
    *key = s[0] == '\n' ? '\r' : (unsigned char)s[0] < 0x80 ? s[0] : 0;
    if (s[0] != ESCAPE || n == 1)
        return 1;
    *key = (unsigned char)s[1] < 0x80 ? 0x80 | s[1] : 0; /* held with Alt */
    if (s[1] != '[' && s[1] != 'O')
        return 2;
    for (at = 2; at < n && s[at] < 0x40;) /* ESC [ 1 ; 5 A */
        at++;
    *key = at < n && s[at] >= 'A' && s[at] <= 'D' ? arrow[s[at] - 'A'] : 0;
    return at < n ? at + 1 : n;
}

static void take_keys(struct terminal *t, const char *keys, size_t n)
{
    int key;
    for (size_t at = 0; at < n;) {
        at += key_at(keys + at, n - at, &key);
        if (!t->person)
            on_key(t, key);
        else if (key && t->waiting < TERMINAL_KEYS_MAX)
            t->key[t->waiting++] = key;
    }
}

/* Waits at most so long for a key and handles it. */
static void await_key(struct terminal *t, int timeout_ms)
{
    char keys[64];
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&fd, t->keys ? 1 : 0, timeout_ms) <= 0)
        return;
    ssize_t n = read(STDIN_FILENO, keys, sizeof keys);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        t->quit = true;
    if (n > 0)
        take_keys(t, keys, (size_t)n);
    if (n > 0)
        resized = 1; /* the status line tells */
}

static void wait_for_step(struct terminal *t, int64_t at_least_ms)
{
    int64_t start = clock_ms();
    t->single = false;
    attend(t);
    while ((t->tty || t->paced) && !t->quit && !t->single) {
        int64_t step = t->speed > 0 ? (int64_t)(1000.0 / t->speed) : 0;
        int64_t due = start + (t->speed > 0 && step < at_least_ms ? at_least_ms : step);
        int64_t left = due - clock_ms();
        if (!t->paused && left <= 0) {
            await_key(t, 0);
            attend(t);
            break;
        }
        await_key(t, t->paused || left > 200 ? 200 : (int)left);
        attend(t);
    }
}

void terminal_pace(struct terminal *t)
{
    wait_for_step(t, 0);
}

void terminal_linger(struct terminal *t)
{
    wait_for_step(t, LINGER_MS);
}

void terminal_wait(struct terminal *t, int ms)
{
    int64_t until = clock_ms() + ms, left;
    attend(t);
    while (!t->quit && (left = until - clock_ms()) > 0) {
        await_key(t, left > 200 ? 200 : (int)left);
        attend(t);
    }
}

int terminal_key(struct terminal *t, const char *prompt)
{
    bool begins = !t->person;
    t->person = true;
    snprintf(t->prompt, sizeof t->prompt, "%s", prompt); /* drawn until the next question */
    if (t->tty && (begins || t->waiting == 0))
        terminal_draw(t);
    attend(t);
    while (!t->quit && t->waiting == 0) {
        await_key(t, 200);
        attend(t);
    }
    if (t->quit)
        return 0;
    int key = t->key[0];
    memmove(t->key, t->key + 1, (size_t)--t->waiting * sizeof t->key[0]);
    return key;
}

/* --- from outside ---------------------------------------------------------------------------- */

void terminal_open(struct terminal *t)
{
    const char *term = getenv("TERM");
    t->tty = !t->silent && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
             !(term && strcmp(term, "dumb") == 0);
    t->colour = coloured = terminal_colour();
    buf_init(&t->picture, TEXT_BYTES_MAX);
    buf_init(&t->text, TEXT_BYTES_MAX);
    buf_init(&t->out, FRAME_BYTES_MAX);
    handle_stops();
    if (!t->tty)
        return;
    fflush(stdout);
    handle_all();
    terminal_enter(t);
}

void terminal_close(struct terminal *t)
{
    if (t->tty && !changed)
        terminal_put("\r\n", 2);
    restore();
    t->tty = t->keys = false;
    buf_release(&t->picture);
    buf_release(&t->text);
    buf_release(&t->out);
}

void terminal_show(struct terminal *t, const struct buf *picture, const struct buf *text)
{
    buf_reset(&t->text);
    if (t->title[0])
        buf_printf(&t->text, "%s\n", t->title);
    buf_append(&t->text, text->data, text->len);
    if (t->tty) {
        buf_reset(&t->picture);
        buf_append(&t->picture, picture->data, picture->len);
        shown_clean_lines(t->text.data, t->text.len); /* colours are for pictures */
        terminal_draw(t);
    } else if (!t->silent) { /* one line per step */
        shown_clean_line(t->text.data, t->text.len);
        puts(t->text.data);
        fflush(stdout);
    }
    attend(t);
}
