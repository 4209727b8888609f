/* SPDX-License-Identifier: MIT */
/* bench_run.c - see bench_run.h. CPU time comes from the kernel's account of the finished child and
 * what it waited for, frames from metrics.jsonl. */
#define _GNU_SOURCE
#include "deploy/cli/bench_run.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/paths.h"
#include "common/base/xmalloc.h"

enum { RUN_DIR_MAX = 512, WORD_MAX = PATHS_MAX + 512 };

bool bench_halves(struct bench_cores half[2])
{
    cpu_set_t set;
    int usable = cpu_usable(), each = usable / 2, n = 0;
    int max = (int)(sizeof half[0].core / sizeof half[0].core[0]);
    each = each > max ? max : each;
    if (each < 1 || sched_getaffinity(0, sizeof set, &set) != 0)
        return false;
    for (int core = 0; core < CPU_SETSIZE && n < 2 * each; core++)
        if (CPU_ISSET(core, &set)) {
            half[n / each].core[n % each] = core;
            n++;
        }
    half[0].count = half[1].count = each;
    return n == 2 * each;
}

static void stay_on(const struct bench_cores *cores)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < cores->count; i++)
        CPU_SET(cores->core[i], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        _exit(126);
}

static void run_dir(const struct bench_run *r, char out[RUN_DIR_MAX])
{
    snprintf(out, RUN_DIR_MAX, "%.504s/run", r->folder.path);
}

static int bench_run_make_folder(struct bench_run *r, struct onic_err *err)
{
    static const struct scratch_wish wish = {
        .prefix = "onic-bench-", .what = "a benchmark", .path_max = RUN_DIR_MAX - 8};
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "."};
    return scratch_create(&r->folder, &wish, places, 3, err);
}

/* The argument vector of a run, in one allocation per word; free_words. */
struct words {
    int n;
    char **word;
};

__attribute__((format(printf, 2, 3))) static void add_word(struct words *w, const char *format, ...)
{
    char text[WORD_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    w->word = xrealloc(w->word, (size_t)(w->n + 2) * sizeof *w->word);
    w->word[w->n++] = xstrdup(text);
    w->word[w->n] = NULL;
}

static void free_words(struct words *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->word[i]);
    free(w->word);
}

static void bench_run_become(const struct words *w, const char *output,
                             const struct bench_cores *cores)
{
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(open(output, O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    if (cores)
        stay_on(cores);
    execv(w->word[0], w->word);
    _exit(127);
}

int bench_run_start(struct bench_run *r, char *const *given, const char *const *flags,
                    const struct bench_cores *cores, struct onic_err *err)
{
    char program[PATHS_MAX], dir[RUN_DIR_MAX], output[RUN_DIR_MAX];
    struct words w = {0};
    *r = (struct bench_run){0};
    int rc = paths_beside_program("onic", program, sizeof program, err);
    if (!rc)
        rc = bench_run_make_folder(r, err);
    if (rc)
        return rc;
    run_dir(r, dir);
    snprintf(output, sizeof output, "%.504s/output", r->folder.path);
    add_word(&w, "%s", program);
    add_word(&w, "train");
    for (int i = 0; given[i]; i++)
        add_word(&w, "%s", given[i]);
    add_word(&w, "--run-dir=%s", dir);
    for (int i = 0; i < BENCH_ARGS_MAX && flags[i]; i++)
        add_word(&w, "%s", flags[i]);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) /* it died before the line above */
            _exit(75);
        bench_run_become(&w, output, cores);
    }
    free_words(&w);
    if (pid < 0) {
        scratch_remove(&r->folder);
        return err_set(err, ONIC_ECANTCREATE, "cannot start a process");
    }
    r->pid = pid;
    return ONIC_OK;
}

void bench_run_abandon(struct bench_run *r)
{
    if (r->pid <= 0)
        return;
    kill(r->pid, SIGTERM); /* it drains and ends its own processes */
    waitpid(r->pid, NULL, 0);
    r->pid = 0;
    scratch_remove(&r->folder);
}

static double number_or_nan(const json_t *m, const char *key)
{
    const json_t *value = json_object_get(m, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void read_metrics(const struct bench_run *r, double from_wall, struct bench_figures *out)
{
    char dir[RUN_DIR_MAX], path[RUN_DIR_MAX + 16];
    run_dir(r, dir);
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    FILE *f = fopen(path, "r");
    static char line[1 << 16];
    double first_wall = -1, first_steps = 0, wall = 0, steps = 0;
    while (f && fgets(line, sizeof line, f)) {
        json_t *m = json_loads(line, 0, NULL);
        double w = json_number_value(json_object_get(m, "wall_s"));
        double s = json_number_value(json_object_get(m, "env_steps"));
        bool last = json_object_get(m, "event") != NULL; /* written after the drain */
        out->labels = json_number_value(json_object_get(m, "annot/labels_total"));
        out->labels_cpu_s = number_or_nan(m, "annot/cpu_s");
        out->score_us = number_or_nan(m, "perf/score_us_per_frame");
        out->train_share = number_or_nan(m, "reward_model/between_share");
        out->beside_share = number_or_nan(m, "reward_model/train_share") - out->train_share;
        if (s > 0 && w >= from_wall && first_wall < 0) {
            first_wall = w;
            first_steps = s;
        }
        if (s > 0 && !last) {
            wall = w;
            steps = s;
        }
        out->frames = s > 0 ? s : out->frames;
        json_decref(m);
    }
    if (f)
        fclose(f);
    if (wall > first_wall && first_wall >= 0)
        out->fps = (steps - first_steps) / (wall - first_wall);
}

int bench_run_finish(struct bench_run *r, double from_wall, struct bench_figures *out,
                     struct onic_err *err)
{
    int status = 0;
    struct rusage used;
    *out = (struct bench_figures){0};
    ONIC_ASSERT(r->pid > 0);
    pid_t pid = wait4(r->pid, &status, 0, &used);
    r->pid = 0;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ONIC_EINTERNAL,
                       "a benchmark run of `onic train` ended with exit code %d; what it said is "
                       "in %s/output",
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                       r->folder.path);
    out->cpu_s = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                 1e-6 * ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec);
    read_metrics(r, from_wall, out);
    scratch_remove(&r->folder);
    return ONIC_OK;
}
