/* SPDX-License-Identifier: MIT */
/* run_status.c - see run_status.h.
 *
 * Whether a run lives is what its lock says, which the kernel drops with its holder: a file with a
 * process number could be of a machine that was switched off. What it does is what its learner
 * wrote last, at most 10 s ago (2 s in its first minute). */
#define _GNU_SOURCE
#include "deploy/cli/run_status.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"

enum { STATUS_TAIL_BYTES = 1 << 18, TAIL_LINES = 512 };
/* Lines are at most 10 s apart: what is older than this is nobody's who lives. */
static const double SILENT_S = 60, RATE_OVER_S = 60;

const char *run_state_name(enum run_state state)
{
    static const char *const names[] = {"running", "stopped", "crashed", "finished"};
    return names[state];
}

static double status_number(const json_t *line, const char *key)
{
    const json_t *v = json_object_get(line, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

double run_status_number(const struct run_status *s, const char *key)
{
    return status_number(s->last, key);
}

static bool is_end(const json_t *line)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    return event && strcmp(event, "end") == 0;
}

/* --- metrics.jsonl --------------------------------------------------------------------------- */

/* Takes one line: the last one becomes s->last, and the oldest of its life within a minute gives
 * the rate. */
struct tail {
    json_t *last;
    double time[TAIL_LINES], steps[TAIL_LINES]; /* of the life of the last line, a ring */
    int count;
};

static void take_status_line(struct tail *t, const char *text, size_t len)
{
    json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(line)) {
        json_decref(line);
        return;
    }
    if (is_end(t->last)) /* the next life */
        t->count = 0;
    double time = status_number(line, "time"), steps = status_number(line, "env_steps");
    if (isfinite(time) && isfinite(steps)) {
        int before = t->count ? (t->count - 1) % TAIL_LINES : 0;
        if (t->count && (steps < t->steps[before] || time < t->time[before])) /* rolled back */
            t->count = 0;
        t->time[t->count % TAIL_LINES] = time;
        t->steps[t->count % TAIL_LINES] = steps;
        t->count++;
    }
    json_decref(t->last);
    t->last = line;
}

static double tail_rate(const struct tail *t)
{
    if (t->count < 2)
        return (double)NAN;
    int newest = (t->count - 1) % TAIL_LINES, most = t->count < TAIL_LINES ? t->count : TAIL_LINES,
        oldest = newest;
    for (int i = 1; i < most; i++) {
        int at = (t->count - 1 - i) % TAIL_LINES;
        oldest = at;
        if (t->time[newest] - t->time[at] >= RATE_OVER_S)
            break;
    }
    double dt = t->time[newest] - t->time[oldest];
    return dt > 0 ? (t->steps[newest] - t->steps[oldest]) / dt : (double)NAN;
}

/* The lines at the end of the file, whole ones. ONIC_EAUTH when it may not be read. */
static int read_tail(struct run_status *s, const char *dir, struct onic_err *err)
{
    char path[4096];
    struct tail t = {0};
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    FILE *f = plain_file_read(path, false);
    int fd = f ? fileno(f) : -1, code = errno;
    if (!f && code != ENOENT)
        return file_unreadable(path, code, err);
    off_t size = f ? lseek(fd, 0, SEEK_END) : 0;
    off_t from = size > STATUS_TAIL_BYTES ? size - STATUS_TAIL_BYTES : 0;
    char *text = xmalloc(STATUS_TAIL_BYTES + 1), *rest = text, *line;
    ssize_t n = size > 0 ? pread(fd, text, STATUS_TAIL_BYTES, from) : 0;
    const char *end = text + (n > 0 ? n : 0);
    size_t len;
    if (from)
        run_status_next_line(&rest, end, &len);
    while ((line = run_status_next_line(&rest, end, &len)))
        take_status_line(&t, line, len);
    s->last = t.last;
    s->steps_per_s_1min = tail_rate(&t);
    free(text);
    if (f)
        fclose(f);
    return ONIC_OK;
}

/* --- what it says ---------------------------------------------------------------------------- */

static void read_checkpoint(struct run_status *s, const struct run_status_wish *w,
                            struct stop_state *at)
{
    struct checkpoint_file *newest;
    struct stat st;
    struct onic_err why = {0};
    s->checkpoint_steps = s->checkpoint_age_s = (double)NAN;
    int rc = run_dir_newest(&newest, w->dir, NULL, &why);
    /* what this user may not read may be whole */
    if (rc && rc != ONIC_ENOTFOUND && rc != ONIC_EAUTH && rc != ONIC_EAGAIN)
        snprintf(s->stuck, sizeof s->stuck, "%.350s", why.msg);
    if (rc)
        return;
    stop_of_checkpoint(newest, at);
    s->checkpoint_steps = (double)at->env_steps;
    if (stat(checkpoint_path(newest), &st) == 0)
        s->checkpoint_age_s = clock_wall_s() - (double)st.st_mtim.tv_sec;
    checkpoint_close(newest);
}

static int count_lives(const char *dir)
{
    char text[64];
    long n =
        run_dir_read(dir, "epoch", text, sizeof text, NULL) == ONIC_OK ? strtol(text, NULL, 10) : 0;
    return n > 0 && n <= 1000000000 ? (int)n : 0;
}

static void say_end(struct run_status *s)
{
    if (s->exit_code > 0)
        snprintf(s->why, sizeof s->why, "its last life ended with exit code %d", s->exit_code);
    else if (!s->last)
        snprintf(s->why, sizeof s->why, "its only life ended before it had written a line");
    else
        snprintf(s->why, sizeof s->why,
                 "its last life wrote no end: it was killed, or the machine went down");
}

/* Not held by anybody. */
static void judge_ended(struct run_status *s, const struct stop_params *stop,
                        const struct stop_state *at)
{
    unsigned reached = stop_reached(stop, at);
    if (reached) {
        s->state = RUN_FINISHED;
        snprintf(s->why, sizeof s->why, "%s", stop_text(reached));
    } else if (s->exit_code == 0) {
        s->state = RUN_STOPPED;
        snprintf(s->why, sizeof s->why, "it was drained%s",
                 s->stuck[0] ? "" : "; the same command goes on");
    } else {
        s->state = RUN_CRASHED;
        say_end(s);
    }
    if (s->stuck[0] && !reached) {
        size_t n = strlen(s->why);
        snprintf(s->why + n, sizeof s->why - n, ", and it cannot go on: %.350s", s->stuck);
    }
}

static void judge_running(struct run_status *s, double since)
{
    double time = run_status_number(s, "time");
    s->state = RUN_RUNNING;
    s->last_is_older = s->last && since > 0 && time < since - 1;
    if (!s->last || s->last_is_older)
        snprintf(s->why, sizeof s->why, "it is starting");
    else if (is_end(s->last))
        snprintf(s->why, sizeof s->why,
                 "its learner has ended, and is started again or waited for");
    else if (s->age_s > SILENT_S)
        snprintf(s->why, sizeof s->why, "its learner has not written a line for %.0f s", s->age_s);
    else if (json_string_value(json_object_get(s->last, "waiting_for")))
        snprintf(s->why, sizeof s->why, "it waits: %s",
                 json_string_value(json_object_get(s->last, "waiting_for")));
}

static void judge(struct run_status *s, const struct run_status_wish *w,
                  const struct stop_state *at)
{
    double since;
    int locked = run_status_locked(w->dir, &since);
    s->locked_known = locked >= 0;
    if (locked < 0)
        locked = s->last && !is_end(s->last) && s->age_s < SILENT_S;
    if (locked)
        judge_running(s, s->locked_known ? since : 0);
    else
        judge_ended(s, &w->stop, at);
}

static void measure(struct run_status *s, const struct stop_params *stop)
{
    bool alive = s->state == RUN_RUNNING && !s->last_is_older && !is_end(s->last);
    double wall_s = run_status_number(s, "wall_s"), rate = s->steps_per_s_1min;
    s->steps = run_status_number(s, "env_steps");
    if (!isfinite(s->steps))
        s->steps = isfinite(s->checkpoint_steps) ? s->checkpoint_steps : 0;
    s->steps_per_s = alive ? run_status_number(s, "perf/_fps") : 0;
    if (!alive)
        s->steps_per_s_1min = rate = 0;
    s->progress = fmin(1, s->steps / (double)stop->frames);
    if (stop->wall_s > 0 && isfinite(wall_s))
        s->progress = fmin(1, fmax(s->progress, wall_s / stop->wall_s));
    if (s->state == RUN_FINISHED)
        s->progress = 1;
    double left = rate > 0 ? ((double)stop->frames - s->steps) / rate : (double)INFINITY;
    if (alive && stop->wall_s > 0 && isfinite(wall_s))
        left = fmin(left, stop->wall_s - wall_s);
    s->eta_s = alive && isfinite(left) ? fmax(0, left) : (double)NAN;
    s->eta_at_most = stop->success > 0;
}

static void judge_annotator(struct run_status *s, bool wants_labels)
{
    const char *waits = json_string_value(json_object_get(s->last, "annot/waiting_for"));
    double connected = run_status_number(s, "annot/connected");
    s->annotator_why = waits ? waits : "";
    if (!wants_labels)
        s->annotator = "none";
    else if (s->state != RUN_RUNNING || s->last_is_older || !isfinite(connected))
        s->annotator = "unknown";
    else if (connected < 1)
        s->annotator = "unreachable";
    else
        s->annotator = waits ? "waiting" : "ok";
}

int run_status_read(struct run_status *out, const struct run_status_wish *w, struct onic_err *err)
{
    struct run_status *s = out;
    struct stop_state at = {0};
    *s = (struct run_status){.exit_code = -1, .age_s = (double)NAN};
    int rc = read_tail(s, w->dir, err);
    if (rc)
        return rc;
    s->lives = count_lives(w->dir);
    s->age_s = s->last ? clock_wall_s() - run_status_number(s, "time") : (double)NAN;
    if (is_end(s->last) && isfinite(run_status_number(s, "exit")))
        s->exit_code = (int)run_status_number(s, "exit");
    read_checkpoint(s, w, &at);
    double wall_s = run_status_number(s, "wall_s");
    at.wall_s = isfinite(wall_s) ? wall_s : 0;
    judge(s, w, &at);
    measure(s, &w->stop);
    judge_annotator(s, w->wants_labels);
    s->has_ledger = run_dir_ledger(w->dir, &s->ledger, NULL) == ONIC_OK;
    run_status_warnings(s, w->dir);
    return ONIC_OK;
}

void run_status_free(struct run_status *s)
{
    json_decref(s->last);
    s->last = NULL;
}
