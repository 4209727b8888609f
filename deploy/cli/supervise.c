/* SPDX-License-Identifier: MIT */
/* supervise.c - the life of a run on one machine; see supervise.h for the policy.
 *
 * One loop, ten times a second or at a signal: reap, follow logs, restart what is due, watch the
 * learner's pulse. Nothing here touches the data path, so the front end may be slow or stopped
 * without harm to training.
 *
 * The pulse is a pipe that the learner's loop writes to several times a second, also when it waits
 * (pulse.h): a learner that is alive but stuck (stopped, deadlocked, a hanging file system) is
 * named after stall_warn_s and replaced after stall_kill_s; its checkpoint and ledger make that
 * safe. No file is looked at, which may be full, rotated or slow for reasons of its own. Time in
 * which we stood still ourselves is nobody's silence: clock_ms leaves it out.
 *
 * States: RUN -> DRAIN (actors and learner were asked to end) -> REST (learner is gone, everything
 * else ends) -> done. */
#define _GNU_SOURCE
#include "deploy/cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/child.h"
#include "deploy/cli/one_press.h"

enum {
    TICK_MS = 100,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 5000,
    BACKOFF_FORGET_MS = 10000,
    RETIRED_MS = 1000,     /* a part that ended by itself with 0 comes back after this */
    STOOD_STILL_MS = 3000, /* worth a line */
    REST_MS = 25000,       /* longer than the reward server drains: answers that were paid for */
    LOOK_EVERY_MS = 1000,
};

enum state { RUN, DRAIN, REST };

struct supervisor {
    const struct supervise_params *p;
    struct child *children; /* [p->count] */
    struct child *learner;
    struct panel *panel;
    bool relay; /* a terminal is there and the learner draws its panel on it, through us */
    /* of each pair [0] is read here, [1] the learner's */
    int signal_fd, panel_fds[2], pulse_fds[2];
    sigset_t child_mask, old_mask;
    enum state state;
    int64_t state_since_ms;
    int64_t signal_ms; /* of the last SIGINT, SIGTERM or SIGHUP; 0 = none */
    int result;        /* exit code of the run */
    struct onic_err *sentence;
    int64_t pulse_ms, pulse_said_ms, look_ms;
    bool beats;             /* the learner's loop has turned in this life */
    int64_t stood_still_ms; /* clock_stood_still_ms that was told */
};

static void log_to_panel(void *ctx, const char *line, size_t len)
{
    struct supervisor *s = ctx;
    panel_line(s->panel, line, len);
}

static void supervise_enter(struct supervisor *s, enum state state)
{
    if (s->state >= state)
        return;
    s->state = state;
    s->state_since_ms = clock_ms();
    for (int i = 0; i < s->p->count; i++) {
        struct child *c = &s->children[i];
        c->restart_at_ms = 0;
        if (state == REST || c->spec->kind != CHILD_REWARD)
            child_signal(c, SIGTERM);
    }
}

static void end_run(struct supervisor *s, int code, const char *why)
{
    if (s->result == 0) {
        s->result = code;
        err_set(s->sentence, code == 64 ? ONIC_ECONFIG : ONIC_EIO, "%s", why);
    }
    supervise_enter(s, s->learner->pid ? DRAIN : REST);
}

static void kill_all(struct supervisor *s, const char *why)
{
    for (int i = 0; i < s->p->count; i++)
        child_signal(&s->children[i], SIGKILL);
    end_run(s, 75, why);
}

static bool ends_run(int code)
{
    return code == 64 || code == 73 || code == 77 || code == 78;
}

static int64_t oom_kills_since(const struct child *c)
{
    int64_t now = limits_oom_kills("");
    return now < 0 || c->oom_kills < 0 ? -1 : now - c->oom_kills;
}

static void plan_restart(struct supervisor *s, struct child *c, int cause)
{
    char text[96], hint[DEATH_HINT_MAX];
    int64_t now = clock_ms();
    if (now - c->started_ms >= BACKOFF_FORGET_MS)
        c->backoff_ms = 0;
    c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    c->restart_at_ms = now + c->backoff_ms;
    death_text(cause, text, sizeof text);
    death_hint(cause, oom_kills_since(c), hint, sizeof hint);
    if (hint[0])
        log_warn("a part of the run died and is started again",
                 kv("part", (const char *)c->spec->role), kv("cause", (const char *)text),
                 kv("in_s", c->backoff_ms / 1000.0), kv("why", (const char *)hint),
                 kv("said", (const char *)c->last_words));
    else
        log_warn("a part of the run died and is started again",
                 kv("part", (const char *)c->spec->role), kv("cause", (const char *)text),
                 kv("in_s", c->backoff_ms / 1000.0), kv("said", (const char *)c->last_words));
    if (c == s->learner)
        panel_clear(s->panel);
}

static void end_run_by_death(struct supervisor *s, const struct child *c, int cause, int times)
{
    char what[128], hint[DEATH_HINT_MAX], count[64] = "", why[CHILD_LINE_MAX + 1024];
    death_sentence(cause, what, sizeof what);
    death_hint(cause, oom_kills_since(c), hint, sizeof hint);
    if (!ends_run(cause))
        snprintf(count, sizeof count, ", %d time%s by now (run.restarts)", times,
                 times == 1 ? "" : "s");
    snprintf(why, sizeof why, "%s %s%s%s%s: %.500s", c->spec->role, what, count,
             hint[0] ? "; " : "", hint, c->last_words[0] ? c->last_words : "it said nothing");
    end_run(s, death_exit_code(cause), why);
}

/* Nobody answered an actor because the learner was away: no fault of the actor's. */
static bool missed_learner(const struct supervisor *s, const struct child *c, int cause)
{
    return cause == 75 && c->spec->kind == CHILD_ACTOR &&
           (!s->learner->pid || s->learner->started_ms > c->started_ms);
}

/* Another process has its place, whoever made that: a warning, and never the end of the run, which
 * else everybody who can join could bring about. */
static bool was_fenced(int cause)
{
    return cause == 76;
}

static int book_death(const struct supervisor *s, struct child *c, int cause)
{
    int64_t lived_ms = clock_ms() - c->started_ms;
    bool no_fault = missed_learner(s, c, cause) || was_fenced(cause);
    return no_fault ? 0 : deaths_book(&c->deaths, cause, lived_ms);
}

/* A part died (or could not be made) while the run goes on. */
static void on_cause(struct supervisor *s, struct child *c, int cause)
{
    if (cause == 0 && c == s->learner) {
        supervise_enter(s, REST);
        return;
    }
    if (cause == 0) { /* drained by hand or by the learner's end */
        c->restart_at_ms = clock_ms() + RETIRED_MS;
        return;
    }
    c->disk_failed = cause == 74;
    int times = book_death(s, c, cause);
    bool last = s->p->restarts > 0 && times >= s->p->restarts;
    if (last || ends_run(cause))
        end_run_by_death(s, c, cause, times);
    else
        plan_restart(s, c, cause);
}

/* A disk that filled up while the run went on also keeps the next life from starting: still the
 * bounded 74, not the 73 of a run that cannot begin. */
static int cause_of(const struct child *c, int status)
{
    int cause = death_cause(status);
    if (cause == -SIGKILL && c->stalled)
        return DEATH_NO_PULSE;
    return cause == 73 && c->disk_failed ? 74 : cause;
}

/* Will this death end the run with the child's newest line as its sentence? */
static bool is_last(const struct supervisor *s, const struct child *c, int cause)
{
    struct child then = *c;
    if (s->state != RUN || cause <= 0)
        return false;
    return ends_run(cause) || (s->p->restarts > 0 && book_death(s, &then, cause) >= s->p->restarts);
}

static bool pulse_was_felt(struct supervisor *s)
{
    char beats[512];
    bool any = false;
    while (read(s->pulse_fds[0], beats, sizeof beats) > 0)
        any = true;
    s->beats |= any;
    return any;
}

/* A learner that was asked to end in its first tenths of a second, when signals are not caught yet:
 * nothing was under way. */
static bool had_not_begun(struct supervisor *s, int cause)
{
    pulse_was_felt(s);
    return cause == -SIGTERM && !s->beats;
}

static void on_death(struct supervisor *s, struct child *c, int status)
{
    int cause = cause_of(c, status);
    char text[96], why[CHILD_LINE_MAX + 128];
    child_follow(c, s->panel, true, is_last(s, c, cause));
    if (s->state == RUN) {
        on_cause(s, c, cause);
    } else if (c == s->learner) {
        if (cause != 0 && !had_not_begun(s, cause)) {
            death_text(cause, text, sizeof text);
            snprintf(why, sizeof why, "the learner ended its drain with %s: %.900s", text,
                     c->last_words);
            end_run(s, cause < 0 ? 75 : cause, why);
        }
        supervise_enter(s, REST);
    }
}

static void reap_and_follow(struct supervisor *s)
{
    for (int i = 0; i < s->p->count; i++) {
        struct child *c = &s->children[i];
        int status;
        if (child_reap(c, &status))
            on_death(s, c, status);
        else
            child_follow(c, s->panel, false, false);
    }
}

/* False when the run cannot go on where it is: it ends. Logs stay the files that they were. */
static bool may_go_on(struct supervisor *s, const struct child_spec *starting)
{
    struct onic_err err = {0};
    if (!s->p->look)
        return true;
    int rc = s->p->look(s->p->look_ctx, starting, &err);
    if (!rc)
        return true;
    for (int i = 0; i < s->p->count; i++)
        s->children[i].log_stays = true;
    end_run(s, err_exit_code(rc), err.msg);
    return false;
}

static void look_around(struct supervisor *s)
{
    if (log_every_ms(&s->look_ms, LOOK_EVERY_MS))
        may_go_on(s, NULL);
}

static void start_due(struct supervisor *s)
{
    struct child_start how = {.run_dir = s->p->run_dir,
                              .lock_fd = s->p->lock_fd,
                              .panel_fd = s->relay ? s->panel_fds[1] : -1,
                              .pulse_fd = s->pulse_fds[1],
                              .mask = &s->child_mask};
    int64_t now = clock_ms();
    for (int i = 0; i < s->p->count; i++) {
        struct child *c = &s->children[i];
        struct onic_err err = {0};
        if (c->pid || !c->restart_at_ms || now < c->restart_at_ms)
            continue;
        if (!may_go_on(s, c->spec))
            return;
        if (c == s->learner) {
            pulse_was_felt(s); /* of the life before */
            s->beats = false;
        }
        if (child_start(c, &how, &err) != ONIC_OK) {
            snprintf(c->last_words, sizeof c->last_words, "%s", err.msg);
            c->backoff_ms = BACKOFF_MAX_MS; /* what is short now may be there soon */
            on_cause(s, c, err.code == ONIC_ECONFIG ? DEATH_NO_START : err_exit_code(err.code));
            if (s->state != RUN)
                return;
        } else if (c == s->learner) {
            s->pulse_ms = now;
        }
    }
}

static void watch_pulse(struct supervisor *s)
{
    int64_t now = clock_ms();
    if (pulse_was_felt(s) || !s->learner->pid) {
        s->pulse_ms = now;
        return;
    }
    double silent = (double)(now - s->pulse_ms) / 1000.0;
    if (silent >= s->p->stall_kill_s) {
        log_error("the learner does not report and is replaced", kv("silent_s", silent));
        s->learner->stalled = true;
        child_signal(s->learner, SIGKILL);
        s->pulse_ms = now;
    } else if (silent >= s->p->stall_warn_s && now - s->pulse_said_ms >= 10000) {
        s->pulse_said_ms = now;
        log_warn("waiting for the learner: it is running but has not reported",
                 kv("silent_s", silent), kv("replaced_after_s", s->p->stall_kill_s));
    }
}

static void tell_standstill(struct supervisor *s)
{
    int64_t total = clock_stood_still_ms();
    if (total - s->stood_still_ms >= STOOD_STILL_MS)
        log_info("the run stood still (stopped, or the machine was asleep) and goes on",
                 kv("for_s", (double)(total - s->stood_still_ms) / 1000.0));
    s->stood_still_ms = total;
}

static void on_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD || !one_press(&s->signal_ms))
            continue;
        if (s->state == RUN) {
            log_info(
                "draining: work in flight is finished and a checkpoint written; once more to kill");
            supervise_enter(s, s->learner->pid ? DRAIN : REST);
        } else {
            kill_all(s, "the run was killed before its drain was complete; the newest checkpoint "
                        "holds the state");
        }
    }
}

static void on_panel(struct supervisor *s)
{
    char text[PANEL_TEXT_MAX + 1];
    ssize_t n;
    while ((n = recv(s->panel_fds[0], text, PANEL_TEXT_MAX, MSG_DONTWAIT)) >= 0) {
        text[n] = '\0';
        panel_show(s->panel, text);
    }
}

static bool anything_runs(const struct supervisor *s)
{
    for (int i = 0; i < s->p->count; i++)
        if (s->children[i].pid)
            return true;
    return false;
}

static void enforce_deadlines(struct supervisor *s)
{
    int64_t in_state = clock_ms() - s->state_since_ms;
    if (s->state == DRAIN && (double)in_state >= s->p->drain_s * 1000.0)
        kill_all(s, "the learner did not finish its drain in time and was killed; the newest "
                    "checkpoint holds the state");
    if (s->state == REST && in_state >= REST_MS) {
        s->state_since_ms = clock_ms();
        for (int i = 0; i < s->p->count; i++)
            child_signal(&s->children[i], SIGKILL); /* nothing they hold is worth more waiting */
    }
}

static void supervise_loop(struct supervisor *s)
{
    while (s->state == RUN || anything_runs(s)) {
        struct pollfd fds[2] = {{.fd = s->signal_fd, .events = POLLIN},
                                {.fd = s->panel_fds[0], .events = POLLIN}};
        poll(fds, 2, TICK_MS);
        on_signals(s);
        on_panel(s);
        reap_and_follow(s);
        tell_standstill(s);
        if (s->state == RUN)
            look_around(s);
        if (s->state == RUN) {
            start_due(s);
            watch_pulse(s);
        } else {
            enforce_deadlines(s);
        }
    }
}

static int open_sources(struct supervisor *s, struct onic_err *err)
{
    sigset_t ours;
    int stop[PROCESS_STOPS_MAX], stops = process_stop_signals(stop);
    sigemptyset(&ours);
    for (int i = 0; i < stops; i++)
        sigaddset(&ours, stop[i]);
    sigaddset(&ours, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ours, &s->old_mask);
    s->child_mask = s->old_mask;
    sigaddset(&s->child_mask, SIGINT);
    sigaddset(&s->child_mask, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->signal_fd < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->panel_fds) != 0 ||
        pipe2(s->pulse_fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return err_set(err, ONIC_EIO, "signals cannot be watched: %s", strerror(errno));
    return ONIC_OK;
}

int supervise(const struct supervise_params *p, struct onic_err *sentence)
{
    struct supervisor s = {.p = p,
                           .sentence = sentence,
                           .signal_fd = -1,
                           .panel_fds = {-1, -1},
                           .pulse_fds = {-1, -1}};
    ONIC_ASSERT(p->count >= 1 && p->count <= SUPERVISE_CHILDREN_MAX);
    clock_leave_out_standstills();
    if (open_sources(&s, sentence) != ONIC_OK)
        return 74;
    s.children = xcalloc((size_t)p->count, sizeof *s.children);
    for (int i = 0; i < p->count; i++) {
        s.children[i] = (struct child){.spec = &p->children[i], .log_fd = -1, .restart_at_ms = 1};
        if (p->children[i].kind == CHILD_LEARNER)
            s.learner = &s.children[i];
    }
    ONIC_ASSERT(s.learner != NULL);
    s.relay = p->panel && !log_is_json() && panel_mode_of_stderr() == PANEL_TERMINAL;
    s.panel = panel_create(s.relay ? PANEL_TERMINAL : PANEL_OFF, STDERR_FILENO);
    log_set_writer(log_to_panel, &s);
    s.pulse_ms = clock_ms();
    supervise_loop(&s);
    log_set_writer(NULL, NULL);
    panel_free(s.panel);
    for (int i = 0; i < p->count; i++)
        child_close(&s.children[i]);
    free(s.children);
    close(s.signal_fd);
    close(s.panel_fds[0]);
    close(s.panel_fds[1]);
    close(s.pulse_fds[0]);
    close(s.pulse_fds[1]);
    sigprocmask(SIG_SETMASK, &s.old_mask, NULL);
    return s.result;
}
