/* SPDX-License-Identifier: MIT */
/* gym_worker.c - see gym_worker.h.
 *
 * There is one message out and one back at a time, so the socket alone orders what both sides do to
 * the memory, and neither can fill its buffer. While we wait we read what the worker prints: a
 * worker that blocks because its pipe is full goes on as soon as somebody waits for it.
 *
 * That a worker is gone shows in the socket. A process that the environment forked in C may hold it
 * open, so every quarter of a second we also ask the kernel. */
#define _GNU_SOURCE
#include "actor/envs/gym/gym_worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/envs/gym/gym_about.h"
#include "actor/envs/gym/gym_output.h"
#include "actor/envs/gym/gym_spawn.h"
#include "actor/envs/progress.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum {
    MESSAGE_MAX = 1 << 16,
    LOOK_MS = 250,
    GOODBYE_MS = 2000,
    LAST_WORDS_MS = 1000,
    MEMORY_EVERY_MS = 1000,
    PAUSE_MS = 500, /* after a start that failed, times how often */
    PAUSE_MAX_MS = 5000,
    LONG_LIFE_MS = 600000
};

struct gym_worker {
    struct gym_order order;
    struct gym_about about;
    struct gym_process process;
    struct gym_memory memory;
    struct gym_output output;
    struct buf told; /* what the first life said of itself: later ones must say the same */
    uint64_t life;
    int64_t born_ms, measured_ms;
    pid_t number; /* of this life's process, also when it has ended; 0: could not be started */
    int deaths;   /* in a row, of short lives */
    bool waiting;
    bool refused; /* another life would end as this one */
    bool *taken;  /* [rows] */
    int nposted;
    uint16_t *posted; /* the message: op, rows */
    char *message;    /* [MESSAGE_MAX] */
    char why[GYM_WORD_MAX];
};

/* --- death ----------------------------------------------------------------------------------- */

static void worker_status_text(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
}

/* Kills what is left; what: why, or NULL: as the status says. */
static void worker_died(struct gym_worker *w, const char *what)
{
    char ended[96], number[16] = "";
    int status = 0;
    if (!gym_has_ended(&w->process, &status) && !what) /* a moment between its socket and its end */
        for (int k = 0; k < GOODBYE_MS / 10 && !gym_has_ended(&w->process, &status); k++)
            usleep(10000);
    gym_output_read(&w->output, w->process.output, w->order.id);
    gym_kill(&w->process, &status);
    gym_memory_unmap(&w->memory);
    worker_status_text(status, ended, sizeof ended);
    const char *last = w->output.last;
    if (w->number > 0)
        snprintf(number, sizeof number, "%d ", (int)w->number);
    snprintf(w->why, sizeof w->why, "its Python process %s%s%s%.300s", number, what ? what : ended,
             !what && last[0] ? "; it last said: " : "", what ? "" : last);
    w->deaths = clock_ms() - w->born_ms < LONG_LIFE_MS ? w->deaths + 1 : 1;
    w->waiting = false;
    w->nposted = 0;
    w->life++;
}

/* faulthandler (worker.py) prints where it is on SIGABRT; then it ends. */
static void worker_hangs(struct gym_worker *w, int limit_ms)
{
    char text[GYM_WORD_MAX];
    gym_output_read(&w->output, w->process.output, w->order.id);
    gym_output_mark(&w->output);
    kill(w->process.pid, SIGABRT);
    struct pollfd p = {.fd = w->process.output, .events = POLLIN};
    int64_t end = clock_ms() + LAST_WORDS_MS;
    while (clock_ms() < end && poll(&p, 1, LAST_WORDS_MS) > 0 &&
           gym_output_read(&w->output, w->process.output, w->order.id))
        ;
    bool stepped = limit_ms == w->order.step_ms, placed = w->output.place[0];
    snprintf(text, sizeof text, "gave no answer for %g s%s%.300s%s%s", limit_ms / 1000.0,
             placed ? " (" : "", w->output.place, placed ? ")" : "",
             stepped ? "; if it is only slow, raise actors.step_timeout_s" : "");
    worker_died(w, text);
}

/* --- messages -------------------------------------------------------------------------------- */

/* Bytes of the answer in w->message, which then ends with a 0; 0: the worker is dead. */
static size_t worker_answer(struct gym_worker *w, int limit_ms)
{
    int64_t end = clock_ms() + limit_ms;
    struct pollfd p[2] = {{.fd = w->process.sock, .events = POLLIN},
                          {.fd = w->process.output, .events = POLLIN}};
    for (;;) {
        int ready = poll(p, 2, LOOK_MS), status;
        env_progress();
        if (ready < 0 && errno != EINTR)
            break;
        if (ready > 0 && p[1].revents && !gym_output_read(&w->output, p[1].fd, w->order.id))
            p[1].fd = -1;
        if (ready > 0 && p[0].revents) {
            ssize_t n = recv(w->process.sock, w->message, MESSAGE_MAX - 1, MSG_DONTWAIT);
            if (n > 0) {
                w->message[n] = '\0';
                return (size_t)n;
            }
            if (n == 0 || (errno != EINTR && errno != EAGAIN))
                break;
        }
        if (ready <= 0 && gym_has_ended(&w->process, &status)) {
            w->process.pid = 0;
            char text[96];
            worker_status_text(status, text, sizeof text);
            worker_died(w, text);
            return 0;
        }
        if (clock_ms() >= end) {
            worker_hangs(w, limit_ms);
            return 0;
        }
    }
    worker_died(w, NULL);
    return 0;
}

static bool worker_send(struct gym_worker *w, const void *bytes, size_t n)
{
    ssize_t sent;
    do
        sent = send(w->process.sock, bytes, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)n)
        return true;
    worker_died(w, NULL);
    return false;
}

/* Resident megabytes of the process; 0: not known. */
static size_t worker_memory_mb(const struct gym_worker *w)
{
    char path[64];
    unsigned long all, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)w->process.pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &all, &resident) != 2)
        resident = 0;
    fclose(f);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE) >> 20;
}

static void worker_measure(struct gym_worker *w)
{
    char text[96];
    int64_t now = clock_ms();
    if (w->process.pid == 0 || now - w->measured_ms < MEMORY_EVERY_MS)
        return;
    w->measured_ms = now;
    size_t mb = worker_memory_mb(w);
    if (mb <= w->order.memory_mb)
        return;
    snprintf(text, sizeof text, "took %zu MB of memory, gym.memory_mb allows %zu", mb,
             w->order.memory_mb);
    worker_died(w, text);
}

/* --- a life ---------------------------------------------------------------------------------- */

static int worker_stillborn(struct gym_worker *w, struct onic_err *err)
{
    return err_set(err, ONIC_ECONFIG, "%s cannot be played with %s: %s", w->order.id,
                   w->order.python, w->why);
}

static bool worker_ask(struct gym_worker *w)
{
    struct buf text;
    buf_init(&text, MESSAGE_MAX);
    buf_printf(&text, "protocol=1\nname=%s\nmodule=%s\nmax_steps=%d\noptions=%s\n", w->order.name,
               w->order.module, w->order.max_steps, w->order.options);
    if (w->told.len) /* what it has found out by playing, which takes time and chance */
        buf_printf(&text, "captions=%s\nsuccess=%s\n", w->about.captions ? "yes" : "no",
                   w->about.success ? "yes" : "no");
    bool sent = worker_send(w, text.data, text.len);
    buf_release(&text);
    return sent;
}

static int worker_read_description(struct gym_worker *w, struct onic_err *err)
{
    static const char refused[] = "refused\n";
    if (strncmp(w->message, refused, sizeof refused - 1) == 0) {
        w->refused = true;
        int rc = err_set(err, ONIC_ECONFIG, "%s", w->message + sizeof refused - 1);
        worker_died(w, "had nothing to play");
        return rc;
    }
    if (w->told.len && strcmp(w->told.data, w->message) != 0) {
        w->refused = true;
        worker_died(w, "describes another environment than in its first life");
        return err_set(err, ONIC_ECONFIG, "%s: %s", w->order.id, w->why);
    }
    if (w->told.len)
        return ONIC_OK;
    buf_puts(&w->told, w->message);
    return gym_about_read(&w->about, w->message, w->order.id, err);
}

static int worker_share(struct gym_worker *w, struct onic_err *err)
{
    struct buf text;
    int rc = gym_memory_map(&w->memory, w->process.memory, (size_t)w->order.rows, &w->about.actions,
                            w->about.obs.obs_bytes, err);
    if (rc)
        return rc;
    buf_init(&text, MESSAGE_MAX);
    gym_memory_text(&w->memory, &text);
    bool sent = worker_send(w, text.data, text.len);
    buf_release(&text);
    return sent ? ONIC_OK : worker_stillborn(w, err);
}

/* A module of ours is in no folder of the user's. */
static bool worker_module_is_here(const char *module)
{
    return module[0] && strncmp(module, "onic.", 5) != 0;
}

static int worker_start(struct gym_worker *w, struct onic_err *err)
{
    w->output = (struct gym_output){.held = true};
    w->born_ms = w->measured_ms = clock_ms();
    int rc = gym_spawn(&w->process, w->order.python, worker_module_is_here(w->order.module), err);
    w->number = w->process.pid;
    if (rc)
        return rc;
    if (!worker_ask(w) || worker_answer(w, w->order.start_ms) == 0)
        return worker_stillborn(w, err);
    rc = worker_read_description(w, err);
    if (!rc)
        rc = worker_share(w, err);
    w->output.held = false;
    return rc;
}

int gym_worker_create(struct gym_worker **out, const struct gym_order *order, struct onic_err *err)
{
    struct gym_worker *w = xcalloc(1, sizeof *w);
    w->order = *order;
    w->process = (struct gym_process){.sock = -1, .memory = -1, .output = -1};
    w->taken = xcalloc((size_t)order->rows, sizeof *w->taken);
    w->posted = xcalloc((size_t)order->rows + 1, sizeof *w->posted);
    w->message = xmalloc(MESSAGE_MAX);
    buf_init(&w->told, MESSAGE_MAX);
    int rc = worker_start(w, err);
    *out = w;
    if (rc) {
        gym_worker_free(w);
        *out = NULL;
    }
    return rc;
}

void gym_worker_free(struct gym_worker *w)
{
    if (!w)
        return;
    int status;
    if (w->process.pid > 0 && w->process.sock >= 0) {
        shutdown(w->process.sock, SHUT_WR); /* it closes its environments and goes */
        for (int k = 0; k < GOODBYE_MS / 5 && !gym_has_ended(&w->process, &status); k++) {
            gym_output_read(&w->output, w->process.output, w->order.id);
            usleep(5000);
        }
        gym_output_read(&w->output, w->process.output, w->order.id);
    }
    gym_kill(&w->process, &status);
    gym_memory_unmap(&w->memory);
    free(w->taken);
    free(w->posted);
    free(w->message);
    buf_release(&w->told);
    free(w);
}

static void worker_pause(int tries)
{
    int ms = tries * PAUSE_MS < PAUSE_MAX_MS ? tries * PAUSE_MS : PAUSE_MAX_MS;
    for (; ms > 0; ms -= LOOK_MS) {
        usleep(LOOK_MS * 1000);
        env_progress();
    }
}

/* A start that fails is a death as any other. */
static int worker_start_again(struct gym_worker *w, struct onic_err *err)
{
    int before = w->deaths;
    log_warn("a Python process is started again", kv("env", (const char *)w->order.id),
             kv("why", (const char *)w->why), kv("deaths", w->deaths),
             kv("gym.restarts", w->order.restarts));
    int rc = worker_start(w, err);
    if (rc && w->deaths == before)
        worker_died(w, "could not be started");
    return w->refused ? rc : ONIC_OK;
}

int gym_begin_life(struct gym_worker *w, struct onic_err *err)
{
    int rc = ONIC_OK;
    worker_measure(w);
    for (int tries = 0; !rc && w->process.pid == 0; tries++) {
        if (w->order.restarts && w->deaths >= w->order.restarts)
            return err_set(
                err, ONIC_ECONFIG,
                "%s: %s, death %d in a row (gym.restarts): the environment must be mended",
                w->order.id, w->why, w->deaths);
        worker_pause(tries);
        rc = worker_start_again(w, err);
    }
    return rc;
}

/* --- work ------------------------------------------------------------------------------------ */

void gym_post(struct gym_worker *w, enum gym_op op, int row)
{
    if (w->process.pid == 0)
        return;
    if (w->nposted && w->posted[0] != op) {
        gym_flush(w);
        gym_wait(w);
        if (w->process.pid == 0)
            return;
    }
    w->posted[0] = (uint16_t)op;
    w->posted[++w->nposted] = (uint16_t)row;
}

void gym_flush(struct gym_worker *w)
{
    if (w->nposted == 0 || w->process.pid == 0)
        return;
    size_t n = (size_t)w->nposted + 1;
    w->nposted = 0;
    w->waiting = worker_send(w, w->posted, n * sizeof *w->posted);
}

void gym_wait(struct gym_worker *w)
{
    if (!w->waiting)
        return;
    w->waiting = false;
    worker_answer(w, w->order.step_ms);
    worker_measure(w);
}

void gym_render(struct gym_worker *w, int row, struct buf *out)
{
    uint16_t message[2] = {GYM_RENDER, (uint16_t)row};
    if (w->process.pid == 0)
        return;
    gym_flush(w);
    gym_wait(w);
    if (w->process.pid == 0 || !worker_send(w, message, sizeof message))
        return;
    size_t n = worker_answer(w, w->order.step_ms);
    if (n > 1)
        buf_append(out, w->message + 1, n - 1);
}

/* --- rows ------------------------------------------------------------------------------------ */

int gym_take_row(struct gym_worker *w)
{
    for (int i = 0; i < w->order.rows; i++)
        if (!w->taken[i]) {
            w->taken[i] = true;
            return i;
        }
    return -1;
}

void gym_leave_row(struct gym_worker *w, int row)
{
    w->taken[row] = false;
}

int gym_rows_taken(const struct gym_worker *w)
{
    int n = 0;
    for (int i = 0; i < w->order.rows; i++)
        n += w->taken[i];
    return n;
}

const struct gym_order *gym_worker_order(const struct gym_worker *w)
{
    return &w->order;
}

const struct gym_about *gym_worker_about(const struct gym_worker *w)
{
    return &w->about;
}

const struct gym_memory *gym_rows(const struct gym_worker *w)
{
    return &w->memory;
}

uint64_t gym_life(const struct gym_worker *w)
{
    return w->life;
}

const char *gym_why(const struct gym_worker *w)
{
    return w->why;
}
