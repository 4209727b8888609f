/* SPDX-License-Identifier: MIT */
/* supervise.c - the life of a run on one machine; see supervise.h for the policy.
 *
 * One loop, ten times a second or at a signal: reap, follow logs, restart what is due, watch the
 * learner's pulse. Nothing here touches the data path, so the front end may be slow or stopped
 * without harm to training.
 *
 * The pulse is the size of metrics.jsonl, which the learner writes at least every metrics.every_s
 * also when it waits: a learner that is alive but stuck (stopped, deadlocked, a hanging file
 * system) is named after stall_warn_s and replaced after stall_kill_s; its checkpoint and ledger
 * make that safe.
 *
 * States: RUN -> DRAIN (actors and learner were asked to end) -> REST (learner is gone, everything
 * else ends) -> done. */
#define _GNU_SOURCE
#include "deploy/launcher/supervise.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/xmalloc.h"
#include "deploy/launcher/child.h"

enum {
    TICK_MS = 100,
    BACKOFF_FIRST_MS = 200,
    BACKOFF_MAX_MS = 5000,
    BACKOFF_FORGET_MS = 10000,
    RETIRED_MS = 1000, /* a part that ended by itself with 0 comes back after this */
    FAILURES_MAX = 5,
    FAILURES_FORGET_MS =
        600000,      /* longer than the grace of a full disk, which fails anew in every life */
    REST_MS = 25000, /* longer than the reward server drains: answers that were paid for */
    ONE_PRESS_MS = 500,
};

enum state { RUN, DRAIN, REST };

struct supervisor {
    const struct supervise_params *p;
    struct child *children; /* [p->count] */
    struct child *learner;
    struct panel *panel;
    bool relay; /* a terminal is there and the learner draws its panel on it, through us */
    int signal_fd, panel_fds[2]; /* panel_fds: [0] read here, [1] the learner's */
    sigset_t child_mask, old_mask;
    enum state state;
    int64_t state_since_ms;
    int64_t signal_ms; /* of the last SIGINT, SIGTERM or SIGHUP; 0 = none */
    int result;        /* exit code of the run */
    struct onic_err *sentence;
    off_t pulse_size;
    int64_t pulse_ms, pulse_said_ms;
};

static void log_to_panel(void *ctx, const char *line, size_t len)
{
    struct supervisor *s = ctx;
    panel_line(s->panel, line, len);
}

static void enter(struct supervisor *s, enum state state)
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
    enter(s, s->learner->pid ? DRAIN : REST);
}

static void kill_all(struct supervisor *s, const char *why)
{
    for (int i = 0; i < s->p->count; i++)
        child_signal(&s->children[i], SIGKILL);
    end_run(s, 75, why);
}

static bool ends_run(int code)
{
    return code == 64 || code == 73 || code == 76 || code == 77 || code == 78;
}

static void plan_restart(struct supervisor *s, struct child *c, const char *cause)
{
    int64_t now = clock_ms();
    if (now - c->started_ms >= BACKOFF_FORGET_MS)
        c->backoff_ms = 0;
    c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    c->restart_at_ms = now + c->backoff_ms;
    log_warn("a part of the run died and is started again", kv("part", (const char *)c->spec->role),
             kv("cause", cause), kv("in_s", c->backoff_ms / 1000.0),
             kv("said", (const char *)c->last_words));
    if (c == s->learner)
        panel_clear(s->panel);
}

/* A child ended with an exit code while the run goes on. */
static void on_exit_code(struct supervisor *s, struct child *c, int code)
{
    char cause[64], why[CHILD_LINE_MAX + 128];
    snprintf(cause, sizeof cause, "exit code %d", code);
    if (code == 0 && c == s->learner) {
        enter(s, REST);
        return;
    }
    if (code == 0) { /* drained by hand or by the learner's end */
        c->restart_at_ms = clock_ms() + RETIRED_MS;
        return;
    }
    if (clock_ms() - c->started_ms >= FAILURES_FORGET_MS)
        c->failures = 0;
    if (code != 75)
        c->failures++;
    c->disk_failed = code == 74;
    if (ends_run(code) || c->failures >= FAILURES_MAX) {
        snprintf(why, sizeof why, "%s ended with %s%s: %.900s", c->spec->role, cause,
                 ends_run(code) ? "" : " for the fifth time in a row",
                 c->last_words[0] ? c->last_words : "it said nothing");
        end_run(s, code == 127 ? 70 : code, why);
        return;
    }
    plan_restart(s, c, cause);
}

/* A disk that filled up while the run went on also keeps the next life from starting: still the
 * bounded 74, not the 73 of a run that cannot begin. */
static int exit_code_of(const struct child *c, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return code == 73 && c->disk_failed ? 74 : code;
}

static void on_death(struct supervisor *s, struct child *c, int status)
{
    int code = exit_code_of(c, status);
    bool last_words_end_run = s->state == RUN && WIFEXITED(status) &&
                              (ends_run(code) || (code && c->failures + 1 >= FAILURES_MAX));
    child_follow(c, s->panel, true, last_words_end_run);
    char cause[64], why[CHILD_LINE_MAX + 128];
    snprintf(cause, sizeof cause, "signal %d (%s)", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "");
    if (s->state == RUN) {
        if (WIFEXITED(status))
            on_exit_code(s, c, code);
        else
            plan_restart(s, c, cause);
    } else if (c == s->learner) {
        if (WIFSIGNALED(status) || code != 0) {
            snprintf(why, sizeof why, "the learner ended its drain with %s %d: %.900s",
                     WIFSIGNALED(status) ? "signal" : "exit code",
                     WIFSIGNALED(status) ? WTERMSIG(status) : code, c->last_words);
            end_run(s, WIFSIGNALED(status) ? 75 : code, why);
        }
        enter(s, REST);
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

static void start_due(struct supervisor *s)
{
    struct child_start how = {.run_dir = s->p->run_dir,
                              .lock_fd = s->p->lock_fd,
                              .panel_fd = s->relay ? s->panel_fds[1] : -1,
                              .mask = &s->child_mask};
    int64_t now = clock_ms();
    for (int i = 0; i < s->p->count; i++) {
        struct child *c = &s->children[i];
        struct onic_err err = {0};
        if (c->pid || !c->restart_at_ms || now < c->restart_at_ms)
            continue;
        if (child_start(c, &how, &err) != ONIC_OK) {
            log_error("a part cannot be started", kv("part", (const char *)c->spec->role),
                      kv("why", (const char *)err.msg));
            c->restart_at_ms = now + BACKOFF_MAX_MS;
        } else if (c == s->learner) {
            s->pulse_ms = now;
        }
    }
}

static void watch_pulse(struct supervisor *s)
{
    char path[4096];
    struct stat st;
    int64_t now = clock_ms();
    snprintf(path, sizeof path, "%s/metrics.jsonl", s->p->run_dir);
    off_t size = stat(path, &st) == 0 ? st.st_size : 0;
    if (size != s->pulse_size || !s->learner->pid) {
        s->pulse_size = size;
        s->pulse_ms = now;
        return;
    }
    double silent = (double)(now - s->pulse_ms) / 1000.0;
    if (silent >= s->p->stall_kill_s) {
        log_error("the learner does not report and is replaced", kv("silent_s", silent));
        child_signal(s->learner, SIGKILL);
        s->pulse_ms = now;
    } else if (silent >= s->p->stall_warn_s && now - s->pulse_said_ms >= 10000) {
        s->pulse_said_ms = now;
        log_warn("waiting for the learner: it is running but has not reported",
                 kv("silent_s", silent), kv("replaced_after_s", s->p->stall_kill_s));
    }
}

static void on_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        bool echo = s->signal_ms && clock_ms() - s->signal_ms < ONE_PRESS_MS;
        s->signal_ms = clock_ms();
        if (echo) /* `timeout` and some shells signal a process and its group: one wish, not two */
            continue;
        if (s->state == RUN) {
            log_info(
                "draining: work in flight is finished and a checkpoint written; once more to kill");
            enter(s, s->learner->pid ? DRAIN : REST);
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

static void loop(struct supervisor *s)
{
    while (s->state == RUN || anything_runs(s)) {
        struct pollfd fds[2] = {{.fd = s->signal_fd, .events = POLLIN},
                                {.fd = s->panel_fds[0], .events = POLLIN}};
        poll(fds, 2, TICK_MS);
        on_signals(s);
        on_panel(s);
        reap_and_follow(s);
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
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    if (!process_ignores(SIGHUP)) /* nohup; ignored or not, a blocked signal would be read here */
        sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ours, &s->old_mask);
    s->child_mask = s->old_mask;
    sigaddset(&s->child_mask, SIGINT);
    sigaddset(&s->child_mask, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->signal_fd < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->panel_fds) != 0)
        return err_set(err, ONIC_EIO, "signals cannot be watched: %s", strerror(errno));
    return ONIC_OK;
}

int supervise(const struct supervise_params *p, struct onic_err *sentence)
{
    struct supervisor s = {.p = p, .sentence = sentence, .signal_fd = -1, .panel_fds = {-1, -1}};
    ONIC_ASSERT(p->count >= 1 && p->count <= SUPERVISE_CHILDREN_MAX);
    if (open_sources(&s, sentence) != ONIC_OK)
        return 74;
    s.children = xcalloc((size_t)p->count, sizeof *s.children);
    for (int i = 0; i < p->count; i++) {
        s.children[i] = (struct child){.spec = &p->children[i], .log_fd = -1, .restart_at_ms = 1};
        if (p->children[i].kind == CHILD_LEARNER)
            s.learner = &s.children[i];
    }
    ONIC_ASSERT(s.learner != NULL);
    s.relay = p->panel && panel_mode_of_stderr() == PANEL_TERMINAL;
    s.panel = panel_create(s.relay ? PANEL_TERMINAL : PANEL_OFF, STDERR_FILENO);
    log_set_writer(log_to_panel, &s);
    s.pulse_ms = clock_ms();
    loop(&s);
    log_set_writer(NULL, NULL);
    panel_free(s.panel);
    for (int i = 0; i < p->count; i++)
        child_close(&s.children[i]);
    free(s.children);
    close(s.signal_fd);
    close(s.panel_fds[0]);
    close(s.panel_fds[1]);
    sigprocmask(SIG_SETMASK, &s.old_mask, NULL);
    return s.result;
}
