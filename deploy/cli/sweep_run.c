/* SPDX-License-Identifier: MIT */
/* sweep_run.c - see sweep_run.h. Signals are waited for, not handled: the loop is the only place
 * where anything happens. */
#define _GNU_SOURCE
#include "deploy/cli/sweep_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/process.h"
#include "common/base/rotated.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/deaths.h"
#include "deploy/cli/one_press.h"
#include "deploy/cli/sweep_child.h"
#include "deploy/cli/sweep_folder.h"
#include "deploy/cli/sweep_keep.h"
#include "deploy/cli/sweep_progress.h"
#include "learner/process/run_identity.h"

enum { SWEEP_LOOK_MS = 250, SWEEP_LOG_MAX = CONFIG_STR_MAX + SWEEP_NAME_MAX + 16 };

enum fate { TO_DO, RUNS, IS_DONE, HAS_FAILED, WAS_STOPPED, NOT_ASKED };

struct slot {
    int job; /* -1: free */
    pid_t pid;
    bool evaluates;
    int64_t began_ms;
    off_t said; /* bytes of the log before it */
};

struct sweep_runner {
    const struct sweep *s;
    struct rotated_folder folder; /* the sweep's, as it was taken */
    int lock_fd, slots;
    struct slot *slot;
    enum fate *fate; /* of each job */
    double *share;   /* of each job's frames, as of the last look */
    struct sweep_progress progress;
    sigset_t waited, mask;
    int stops;       /* how often it was asked to stop */
    int64_t stop_ms; /* when last */
    int code;        /* of the first run that failed */
    bool happened;
};

static void sweep_log_path(const struct sweep *s, int job, char out[SWEEP_LOG_MAX])
{
    snprintf(out, SWEEP_LOG_MAX, "%.511s/log/%.159s.log", s->dir, s->job[job].name);
}

/* --- counting -------------------------------------------------------------------------------- */

static double frames_share(const struct sweep_job *j)
{
    static char line[LINEAGE_LINE_MAX];
    const char *at = run_identity_last_line(j->dir, line) ? strstr(line, "\"env_steps\":") : NULL;
    double steps = at ? strtod(at + strlen("\"env_steps\":"), NULL) : 0;
    double share = steps / (double)j->stop.frames;
    return share > 0 && share < 1 ? share : share >= 1;
}

static struct sweep_counts sweep_count(const struct sweep_runner *r)
{
    struct sweep_counts c = {.runs = 0};
    for (int i = 0; i < r->s->n; i++) {
        if (r->fate[i] == NOT_ASKED)
            continue;
        c.runs++;
        c.done += r->fate[i] == IS_DONE;
        c.running += r->fate[i] == RUNS;
        c.failed += r->fate[i] == HAS_FAILED;
        c.left += r->fate[i] == TO_DO || r->fate[i] == WAS_STOPPED;
        c.share += r->fate[i] == HAS_FAILED ? 0 : r->fate[i] == IS_DONE ? 1 : r->share[i];
    }
    return c;
}

static void look_at_shares(struct sweep_runner *r)
{
    for (int i = 0; i < r->slots; i++)
        if (r->slot[i].job >= 0 && !r->slot[i].evaluates)
            r->share[r->slot[i].job] = frames_share(&r->s->job[r->slot[i].job]);
}

/* --- one run --------------------------------------------------------------------------------- */

static void job_failed(struct sweep_runner *r, int job, int code, const char *why)
{
    r->fate[job] = HAS_FAILED;
    r->code = r->code ? r->code : code;
    r->happened = true;
    sweep_progress_event(&r->progress, "%s failed: %s", r->s->job[job].name, why);
}

/* A file of the sweep's folder. */
static const char *in_folder(const struct sweep *s, char out[SWEEP_LOG_MAX])
{
    snprintf(out, SWEEP_LOG_MAX, "%.511s/lock", s->dir);
    return out;
}

/* Another sweep may have the folder's name by now: nothing is begun or kept there. */
static int check_folder(const struct sweep_runner *r, struct onic_err *err)
{
    char file[SWEEP_LOG_MAX];
    return rotated_folder_is(&r->folder, in_folder(r->s, file))
               ? ONIC_OK
               : err_set(err, ONIC_ECANTCREATE,
                         "the folder of the sweep %s was removed or replaced while it went on",
                         r->s->dir);
}

static void slot_start(struct sweep_runner *r, int i, int job, bool evaluates)
{
    char log[SWEEP_LOG_MAX];
    struct onic_err err = {0};
    struct slot *slot = &r->slot[i];
    const struct sweep_job *j = &r->s->job[job];
    sweep_log_path(r->s, job, log);
    const struct sweep_child_wish wish = {.words = evaluates ? j->eval : j->train,
                                          .log = log,
                                          .lock_fd = r->lock_fd,
                                          .slot = i,
                                          .slots = r->slots,
                                          .mask = &r->mask};
    int rc = check_folder(r, &err);
    if (!rc)
        rc = sweep_child_start(&wish, &slot->pid, &slot->said, &err);
    if (rc) {
        slot->job = -1;
        job_failed(r, job, err_exit_code(rc), err.msg);
        return;
    }
    slot->job = job;
    slot->evaluates = evaluates;
    r->fate[job] = RUNS;
    if (evaluates)
        return;
    r->happened = true;
    sweep_progress_event(&r->progress, "%s %s", j->name, r->share[job] > 0 ? "goes on" : "begins");
}

/* Whether what is wanted of a finished run has its place. */
static bool job_is_kept(struct sweep_runner *r, int job)
{
    struct onic_err err = {0};
    int rc = check_folder(r, &err);
    if (!rc)
        rc = sweep_keep(&r->s->job[job], &err);
    if (rc)
        job_failed(r, job, err_exit_code(rc), err.msg);
    return !rc;
}

static void job_is_done(struct sweep_runner *r, const struct slot *slot)
{
    char took[32];
    if (!job_is_kept(r, slot->job))
        return;
    r->fate[slot->job] = IS_DONE;
    r->share[slot->job] = 1;
    r->happened = true;
    sweep_time_text((double)(clock_ms() - slot->began_ms) / 1000.0, took);
    sweep_progress_event(&r->progress, "%s is done, in %s", r->s->job[slot->job].name, took);
}

static void job_was_stopped(struct sweep_runner *r, int job)
{
    r->fate[job] = WAS_STOPPED;
    r->happened = true;
    sweep_progress_event(&r->progress, "%s is stopped where it was", r->s->job[job].name);
}

/* A command that ended well has done its part, or was drained before. */
static void slot_ended_well(struct sweep_runner *r, int i)
{
    struct slot *slot = &r->slot[i];
    int job = slot->job;
    enum sweep_state state = sweep_job_state(&r->s->job[job]);
    bool evaluated = slot->evaluates;
    slot->job = -1;
    if (state == SWEEP_DONE)
        job_is_done(r, &(struct slot){.job = job, .began_ms = slot->began_ms});
    else if (state == SWEEP_TRAINED && !evaluated && !r->stops)
        slot_start(r, i, job, true);
    else if (state == SWEEP_TRAINED && evaluated)
        job_failed(r, job, 74, "its evaluation left no result");
    else
        job_was_stopped(r, job);
}

static void slot_ended(struct sweep_runner *r, int i, int status)
{
    struct slot *slot = &r->slot[i];
    int job = slot->job, cause = death_cause(status);
    char log[SWEEP_LOG_MAX], words[SWEEP_WORDS_MAX], text[96], why[SWEEP_WORDS_MAX + 800];
    if (cause == 0) {
        slot_ended_well(r, i);
        return;
    }
    slot->job = -1;
    /* By us: killed, an evaluation that was cut short, a run that did not hear signals yet. A drain
     * that failed is a failed run. */
    if (r->stops && (r->stops > 1 || slot->evaluates || cause == -SIGINT)) {
        job_was_stopped(r, job);
        return;
    }
    sweep_log_path(r->s, job, log);
    sweep_child_last_words(log, slot->said, words);
    death_text(cause, text, sizeof text);
    snprintf(why, sizeof why, "%s%s%s (its log: %s)", text, words[0] ? ": " : "", words, log);
    job_failed(r, job, death_exit_code(cause), why);
}

/* --- the loop -------------------------------------------------------------------------------- */

static bool sweep_reap(struct sweep_runner *r)
{
    bool any = false;
    for (int i = 0; i < r->slots; i++) {
        int status;
        if (r->slot[i].job >= 0 && waitpid(r->slot[i].pid, &status, WNOHANG) == r->slot[i].pid)
            slot_ended(r, i, status);
        any |= r->slot[i].job >= 0;
    }
    return any;
}

static void start_free_slots(struct sweep_runner *r)
{
    for (int i = 0; i < r->slots; i++) {
        int job = 0;
        while (r->slot[i].job < 0 && job < r->s->n) {
            if (r->fate[job] == TO_DO) {
                r->slot[i].began_ms = clock_ms();
                slot_start(r, i, job, sweep_job_state(&r->s->job[job]) == SWEEP_TRAINED);
            }
            job++;
        }
    }
}

/* whole: also what a run has started, as a terminal's Ctrl-Z would. */
static void signal_slots(const struct sweep_runner *r, int sig, bool whole)
{
    for (int i = 0; i < r->slots; i++) {
        const struct slot *slot = &r->slot[i];
        if (slot->job < 0)
            continue;
        if (whole)
            killpg(slot->pid, sig);
        else
            kill(slot->pid, slot->evaluates ? SIGTERM : sig);
    }
}

/* Ctrl-Z. Whether it stops is the system's to say: not where nobody could continue it, as in a
 * container. */
static void sweep_suspend(struct sweep_runner *r)
{
    sigset_t suspends;
    sigemptyset(&suspends);
    sigaddset(&suspends, SIGTSTP);
    signal_slots(r, SIGSTOP, true);
    sweep_progress_end(&r->progress);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &suspends, NULL); /* here it stops */
    sigprocmask(SIG_BLOCK, &suspends, NULL);
    signal_slots(r, SIGCONT, true);
}

static void sweep_on_signal(struct sweep_runner *r, int sig)
{
    if (sig == SIGTSTP) {
        sweep_suspend(r);
    } else if (sig > 0 && sig != SIGCHLD && one_press(&r->stop_ms)) {
        r->stops++;
        signal_slots(r, SIGINT, false);
        sweep_progress_event(&r->progress, "%s",
                             r->stops == 1 ? "stopping: each run finishes its work in flight and "
                                             "writes a checkpoint; again to kill"
                                           : "killing the runs: what they did since their last "
                                             "checkpoint is lost");
    }
}

static bool has_more(const struct sweep_runner *r)
{
    for (int i = 0; i < r->s->n; i++)
        if (r->fate[i] == TO_DO)
            return true;
    return false;
}

static void sweep_loop(struct sweep_runner *r)
{
    const struct timespec wait = {.tv_nsec = SWEEP_LOOK_MS * 1000000};
    for (;;) {
        if (!r->stops)
            start_free_slots(r);
        if (!sweep_reap(r) && (r->stops || !has_more(r)))
            return;
        look_at_shares(r);
        struct sweep_counts now = sweep_count(r);
        sweep_progress_show(&r->progress, &now, r->happened);
        r->happened = false;
        sweep_on_signal(r, sigtimedwait(&r->waited, NULL, &wait));
    }
}

/* --- the sweep ------------------------------------------------------------------------------- */

static void block_signals(struct sweep_runner *r)
{
    int stop[PROCESS_STOPS_MAX], n = process_stop_signals(stop);
    sigemptyset(&r->waited);
    sigaddset(&r->waited, SIGCHLD);
    sigaddset(&r->waited, SIGTSTP);
    for (int i = 0; i < n; i++)
        sigaddset(&r->waited, stop[i]);
    sigprocmask(SIG_BLOCK, &r->waited, &r->mask);
}

static void look_at_jobs(struct sweep_runner *r)
{
    for (int i = 0; i < r->s->n; i++) {
        enum sweep_state state = sweep_job_state(&r->s->job[i]);
        r->fate[i] = state == SWEEP_DONE ? IS_DONE : TO_DO;
        if (r->s->job[i].left_out)
            r->fate[i] = NOT_ASKED;
        r->share[i] = state == SWEEP_FRESH ? 0 : frames_share(&r->s->job[i]);
    }
}

static void say_outcome(struct sweep_runner *r, struct sweep_result *out)
{
    struct sweep_counts c = sweep_count(r);
    sweep_progress_end(&r->progress);
    shown_printf(stderr, "onic sweep: %d of %d runs are done", c.done, c.runs);
    if (c.left)
        shown_printf(stderr, ", %d left", c.left);
    if (c.failed)
        shown_printf(stderr, ", %d failed:", c.failed);
    for (int i = 0, n = 0; i < r->s->n; i++)
        if (r->fate[i] == HAS_FAILED)
            shown_printf(stderr, "%s %s", n++ ? "," : "", r->s->job[i].name);
    fputs("\n", stderr);
    *out = (struct sweep_result){.done = c.done, .failed = c.failed, .left = c.left};
    out->code = c.failed ? r->code : c.left && !r->stops ? 75 : 0;
}

void sweep_run_all(const struct sweep *s, int jobs, int lock_fd, struct sweep_result *out)
{
    char file[SWEEP_LOG_MAX];
    struct sweep_runner r = {.s = s, .lock_fd = lock_fd, .slots = jobs < s->n ? jobs : s->n};
    r.slot = xcalloc((size_t)r.slots, sizeof *r.slot);
    r.fate = xcalloc((size_t)s->n, sizeof *r.fate);
    r.share = xcalloc((size_t)s->n, sizeof *r.share);
    for (int i = 0; i < r.slots; i++)
        r.slot[i].job = -1;
    r.folder = rotated_folder_of(in_folder(s, file));
    block_signals(&r);
    look_at_jobs(&r);
    struct sweep_counts before = sweep_count(&r);
    sweep_progress_begin(&r.progress, &before);
    sweep_progress_event(&r.progress, "%d run%s in %s, %d done", before.runs,
                         before.runs == 1 ? "" : "s", s->dir, before.done);
    for (int i = 0; i < s->n; i++) /* trained by jobs of Slurm, or before the file said `keep` */
        if (r.fate[i] == IS_DONE)
            job_is_kept(&r, i);
    sweep_loop(&r);
    say_outcome(&r, out);
    sigprocmask(SIG_SETMASK, &r.mask, NULL);
    rotated_folder_forget(&r.folder);
    free(r.slot);
    free(r.fate);
    free(r.share);
}
