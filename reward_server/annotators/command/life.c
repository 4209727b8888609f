/* SPDX-License-Identifier: MIT */
/* life.c - one life of a user's program; see command_impl.h.
 *
 * A life is over when the process has exited and its stdout and stderr have ended, in any order:
 * answers and last words may still be in the pipes when it dies. What comes later is waited for a
 * moment only (a grandchild may hold a pipe, a program may close its stdout and stay). The process
 * group is killed whole. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/command/command_impl.h"

enum {
    LINE_MAX_BYTES = 1 << 16,
    ERR_LINE_MAX = 1000,
    ERR_LINES_A_SECOND = 20,
    SECOND_MS = 500 /* for the second of exit and end of stdout */
};

struct line_reader {
    char *text;
    size_t len, max;
    bool skip; /* the rest of a line that was too long */
};

struct life {
    uv_process_t process;
    uv_pipe_t in, out, err;
    uv_timer_t timer;
    int open; /* handles not closed */
    struct life_events events;
    bool dead, exited, eof, err_eof; /* dead: no more events */
    char why[100], reply[LINE_MAX_BYTES], trace[ERR_LINE_MAX], last_words[LIFE_WORDS_MAX];
    struct line_reader out_line, err_line;
    char chunk[4096]; /* of a read under way */
    int64_t second;   /* stderr: lines of this second */
    int lines, left_out;
};

struct write_job {
    uv_write_t req;
    char *text;
};

static void on_closed(uv_handle_t *h)
{
    struct life *l = h->data;
    if (--l->open == 0)
        free(l);
}

static void close_all(struct life *l)
{
    uv_handle_t *all[] = {(uv_handle_t *)&l->process, (uv_handle_t *)&l->in, (uv_handle_t *)&l->out,
                          (uv_handle_t *)&l->err, (uv_handle_t *)&l->timer};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!uv_is_closing(all[i]))
            uv_close(all[i], on_closed);
}

/* --- what it says ---------------------------------------------------------------------------- */

/* Adds bytes and calls each for every whole line; false when a line is longer than max. */
static bool life_read_lines(struct line_reader *r, const char *bytes, size_t n,
                            void (*each)(struct life *l, const char *line, size_t len),
                            struct life *l)
{
    bool fits = true;
    for (size_t i = 0; i < n && !l->dead; i++) {
        if (bytes[i] == '\n') {
            if (!r->skip)
                each(l, r->text, r->len);
            r->len = 0;
            r->skip = false;
        } else if (r->len == r->max) {
            if (!r->skip)
                each(l, r->text, r->len);
            r->skip = true;
            fits = false;
        } else {
            r->text[r->len++] = bytes[i];
        }
    }
    return fits;
}

static void tell_err(struct life *l, const char *line, size_t len)
{
    char text[ERR_LINE_MAX + 1];
    int64_t second = clock_ms() / 1000;
    if (len > 0)
        life_printable(l->last_words, sizeof l->last_words, line, len);
    if (second != l->second) {
        if (l->left_out > 0)
            log_info("annotator program", kv("lines_left_out", l->left_out));
        l->second = second;
        l->lines = l->left_out = 0;
    }
    if (++l->lines > ERR_LINES_A_SECOND) {
        l->left_out++;
        return;
    }
    snprintf(text, sizeof text, "%.*s", (int)len, line);
    log_info("annotator program", kv("stderr", (const char *)text));
}

static void tell_line(struct life *l, const char *line, size_t len)
{
    l->events.line(l->events.ctx, line, len);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct life *l = h->data;
    (void)suggested;
    *out = uv_buf_init(l->chunk, sizeof l->chunk);
}

/* --- how it ends ----------------------------------------------------------------------------- */

static void command_life_finish(struct life *l)
{
    if (!l->dead)
        l->events.ended(l->events.ctx, l->why);
}

static void on_second(uv_timer_t *timer)
{
    struct life *l = timer->data;
    if (l->dead)
        return;
    if (!l->exited)
        snprintf(l->why, sizeof l->why, "it closed its output");
    command_life_finish(l);
}

static void half_over(struct life *l)
{
    if (l->exited && l->eof && l->err_eof)
        command_life_finish(l);
    else
        uv_timer_start(&l->timer, on_second, SECOND_MS, 0);
}

static void on_exit_(uv_process_t *p, int64_t status, int signal_number)
{
    struct life *l = p->data;
    l->exited = true;
    if (signal_number)
        snprintf(l->why, sizeof l->why, "it was killed by signal %d", signal_number);
    else
        snprintf(l->why, sizeof l->why, "it ended with code %d", (int)status);
    kill(-p->pid, SIGKILL); /* what it may have started */
    if (!l->dead)
        half_over(l);
}

static void on_out(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct life *l = stream->data;
    if (l->dead || n == 0)
        return;
    if (n < 0) {
        uv_read_stop(stream);
        l->eof = true;
        half_over(l);
    } else if (!life_read_lines(&l->out_line, buf->base, (size_t)n, tell_line, l) && !l->dead) {
        snprintf(l->why, sizeof l->why, "it wrote a line longer than %d bytes", LINE_MAX_BYTES);
        command_life_finish(l);
    }
}

static void on_err(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct life *l = stream->data;
    if (n >= 0) {
        if (!l->dead)
            life_read_lines(&l->err_line, buf->base, (size_t)n, tell_err, l);
        return;
    }
    uv_read_stop(stream);
    l->err_eof = true;
    if (l->dead)
        return;
    if (l->err_line.len > 0 && !l->err_line.skip) /* without a newline */
        tell_err(l, l->err_line.text, l->err_line.len);
    if (l->exited && l->eof)
        command_life_finish(l);
}

static void on_written(uv_write_t *req, int status)
{
    struct write_job *job = (struct write_job *)req;
    (void)status; /* a program that does not read is noticed by its silence */
    free(job->text);
    free(job);
}

const char *life_last_words(const struct life *l)
{
    return l->last_words;
}

void life_printable(char *out, size_t size, const char *bytes, size_t len)
{
    size_t n = 0;
    while (len > 0 && (unsigned char)*bytes <= ' ') {
        bytes++;
        len--;
    }
    for (; n < len && n + 1 < size; n++)
        out[n] = (unsigned char)bytes[n] < ' ' || bytes[n] == 127 ? ' ' : bytes[n];
    n = utf8_whole(out, n);
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

/* --- the interface --------------------------------------------------------------------------- */

/* The shell puts the limit of open files back to what the user had. */
static char *shell_text(const char *command)
{
    size_t size = strlen(command) + 64;
    char *text = xcalloc(1, size);
    unsigned long long files = process_files_before();
    if (files)
        snprintf(text, size, "ulimit -S -n %llu 2>/dev/null\n%s", files, command);
    else
        snprintf(text, size, "%s", command);
    return text;
}

static int spawn(struct life *l, uv_loop_t *loop, const char *command)
{
    char shell[] = "sh", flag[] = "-c", *text = shell_text(command);
    char *args[] = {shell, flag, text, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&l->in},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&l->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&l->err}};
    uv_process_options_t o = {.exit_cb = on_exit_,
                              .file = "/bin/sh",
                              .args = args,
                              .flags = UV_PROCESS_DETACHED,
                              .stdio_count = 3,
                              .stdio = stdio};
    int rc = uv_spawn(loop, &l->process, &o);
    free(text);
    return rc;
}

int life_start(struct life **out, uv_loop_t *loop, const char *command,
               const struct life_events *events, struct onic_err *err)
{
    struct life *l = xcalloc(1, sizeof *l);
    signal(SIGPIPE, SIG_IGN); /* it may end, or close its stdin, before it is written to */
    l->events = *events;
    l->out_line = (struct line_reader){.text = l->reply, .max = sizeof l->reply};
    l->err_line = (struct line_reader){.text = l->trace, .max = sizeof l->trace};
    uv_pipe_init(loop, &l->in, 0);
    uv_pipe_init(loop, &l->out, 0);
    uv_pipe_init(loop, &l->err, 0);
    uv_timer_init(loop, &l->timer);
    int rc = spawn(l, loop, command);
    l->open = 5;
    l->process.data = l->in.data = l->out.data = l->err.data = l->timer.data = l;
    if (rc) {
        l->dead = true;
        close_all(l);
        return err_set(err, ONIC_EIO, "it cannot be started: %s", uv_strerror(rc));
    }
    uv_read_start((uv_stream_t *)&l->out, on_alloc, on_out);
    uv_read_start((uv_stream_t *)&l->err, on_alloc, on_err);
    *out = l;
    return ONIC_OK;
}

void life_write(struct life *l, char *text)
{
    struct write_job *job = xcalloc(1, sizeof *job);
    uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));
    job->text = text;
    if (uv_write(&job->req, (uv_stream_t *)&l->in, &buf, 1, on_written) != 0)
        on_written(&job->req, -1);
}

/* True when the process is gone and read; waits for it at most so long. */
static bool gone(pid_t pid, int64_t patience_ms)
{
    int64_t until = clock_ms() + patience_ms;
    for (;;) {
        pid_t got = waitpid(pid, NULL, WNOHANG);
        if (got != 0) /* read here, or by the loop before */
            return true;
        if (clock_ms() >= until)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

void life_end(struct life *l, int patience_ms)
{
    pid_t pid = l->process.pid;
    l->dead = true;
    if (!uv_is_closing((uv_handle_t *)&l->in))
        uv_close((uv_handle_t *)&l->in, on_closed); /* its stdin ends now, not in the loop */
    if (!l->exited) {
        bool over = patience_ms > 0 && gone(pid, patience_ms);
        kill(-pid, SIGKILL);
        if (!over)
            gone(pid, 1000);
    }
    close_all(l);
}
