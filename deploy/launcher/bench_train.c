/* SPDX-License-Identifier: MIT */
/* bench_train.c - whole training runs against each other: B6 (what distribution costs) and B11
 * (what annotation costs).
 *
 * The distributed side is the real `onic train` in a temporary run directory; its CPU time comes
 * from the kernel's account of the finished children, its frames from metrics.jsonl. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/rollout.h"
#include "common/base/clock.h"
#include "common/base/paths.h"
#include "common/base/xmalloc.h"
#include "deploy/launcher/bench.h"
#include "learner/core.h"

enum { BENCH_ARGS_MAX = 24, BENCH_GROUPS = 2 };

/* --- a real run ------------------------------------------------------------------------------ */

struct run_figures {
    double cpu_s, frames, fps, labels;
    double score_us, train_share; /* NAN: the reward model has none */
};

static double number_or_nan(const json_t *m, const char *key)
{
    const json_t *value = json_object_get(m, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* From RUN/metrics.jsonl: frames per second after from_wall seconds, the rest as of its end. */
static void read_metrics(const char *dir, double from_wall, struct run_figures *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    FILE *f = fopen(path, "r");
    static char line[1 << 16];
    double first_wall = -1, first_steps = 0, wall = 0, steps = 0;
    while (f && fgets(line, sizeof line, f)) {
        json_t *m = json_loads(line, 0, NULL);
        double w = json_number_value(json_object_get(m, "wall_s"));
        double s = json_number_value(json_object_get(m, "env_steps"));
        out->labels = json_number_value(json_object_get(m, "annot/labels_total"));
        out->score_us = number_or_nan(m, "perf/score_us_per_frame");
        out->train_share = number_or_nan(m, "reward_model/train_share");
        if (s > 0 && w >= from_wall && first_wall < 0) {
            first_wall = w;
            first_steps = s;
        }
        if (s > 0) {
            wall = w;
            steps = s;
        }
        json_decref(m);
    }
    if (f)
        fclose(f);
    out->frames = steps;
    out->fps =
        wall > first_wall && first_wall >= 0 ? (steps - first_steps) / (wall - first_wall) : 0;
}

static int spawn_train(const char *program, const char *const *args, int *status)
{
    char *argv[BENCH_ARGS_MAX + 3] = {0};
    int n = 0;
    argv[n++] = xstrdup(program);
    argv[n++] = xstrdup("train");
    for (int i = 0; args[i] && n < BENCH_ARGS_MAX + 2; i++)
        argv[n++] = xstrdup(args[i]);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execv(program, argv);
        _exit(127);
    }
    while (n > 0)
        free(argv[--n]);
    if (pid < 0)
        return -1;
    return waitpid(pid, status, 0) == pid ? 0 : -1;
}

static double children_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           1e-6 * ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec);
}

/* One `onic train` with the given flags in a fresh directory; figures over its steady part (after
 * from_wall seconds). */
static int run_train(const char *const *flags, double from_wall, struct run_figures *out,
                     struct onic_err *err)
{
    char program[PATHS_MAX], dir[] = "/tmp/onic-bench-XXXXXX", run_flag[64], run_dir[48];
    const char *args[BENCH_ARGS_MAX] = {0};
    int n = 0, status = 0;
    int rc = paths_beside_program("onic", program, sizeof program, err);
    if (rc)
        return rc;
    if (!mkdtemp(dir))
        return err_set(err, ONIC_ECANTCREATE, "cannot make a folder in /tmp");
    snprintf(run_dir, sizeof run_dir, "%s/run", dir);
    snprintf(run_flag, sizeof run_flag, "--run-dir=%s", run_dir);
    args[n++] = run_flag;
    for (int i = 0; flags[i] && n < BENCH_ARGS_MAX - 1; i++)
        args[n++] = flags[i];
    double before = children_cpu_s();
    memset(out, 0, sizeof *out);
    if (spawn_train(program, args, &status) != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        rc = err_set(err, ONIC_EINTERNAL,
                     "a benchmark run of `onic train` ended with status %d; its logs are in %s",
                     status, run_dir);
    out->cpu_s = children_cpu_s() - before;
    read_metrics(run_dir, from_wall, out);
    if (rc == ONIC_OK) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf '%s'", dir); /* a path of our own making */
        if (system(command) != 0)
            rc = err_set(err, ONIC_ECANTCREATE, "cannot remove %s", dir);
    }
    return rc;
}

/* --- the same work in one process ------------------------------------------------------------ */

struct inprocess {
    struct config cfg;
    struct vec_env *envs[BENCH_GROUPS];
    struct rollout *rollout[BENCH_GROUPS];
    struct trajectory *t[BENCH_GROUPS];
    struct learner_core *core;
};

static void inprocess_close(struct inprocess *x)
{
    learner_core_free(x->core);
    for (int g = 0; g < BENCH_GROUPS; g++) {
        trajectory_free(x->t[g]);
        rollout_free(x->rollout[g]);
        vec_env_free(x->envs[g]);
    }
}

static int inprocess_open(struct inprocess *x, const struct config *cfg, struct onic_err *err)
{
    memset(x, 0, sizeof *x);
    x->cfg = *cfg;
    int rc = ONIC_OK;
    for (int g = 0; rc == ONIC_OK && g < BENCH_GROUPS; g++) {
        rc = vec_env_create(&x->envs[g], &x->cfg, g, 0, err);
        if (rc == ONIC_OK && g == 0) {
            struct env_description d;
            vec_env_describe(x->envs[0], &d);
            rc = learner_core_create(&x->core, &x->cfg, &d, err);
        }
        if (rc)
            break;
        struct rollout_params p = {.policy = learner_core_policy(x->core),
                                   .envs = x->envs[g],
                                   .seed = 1,
                                   .actor_id = (uint32_t)g,
                                   .T = (int)x->cfg.train_rollout};
        rc = rollout_create(&x->rollout[g], &p, err);
        if (rc == ONIC_OK)
            rc = rollout_start(x->rollout[g], NULL, 0, err);
        if (rc == ONIC_OK) {
            struct trajectory_shape shape = rollout_shape(x->rollout[g]);
            x->t[g] = trajectory_create(&shape);
        }
    }
    return rc;
}

/* Trains until `frames`; CPU seconds per frame into *cost. */
static int inprocess_run(const struct config *cfg, double frames, double *cost,
                         struct onic_err *err)
{
    struct inprocess x;
    int rc = inprocess_open(&x, cfg, err);
    int64_t start = clock_process_cpu_ns();
    while (rc == ONIC_OK && (double)learner_core_counters(x.core)->env_steps < frames) {
        uint64_t version = learner_core_counters(x.core)->version;
        for (int g = 0; rc == ONIC_OK && g < BENCH_GROUPS; g++)
            rc = rollout_fill(x.rollout[g], learner_core_weights(x.core), version, x.t[g], NULL,
                              NULL, err);
        struct train_stats stats;
        if (rc == ONIC_OK) {
            learner_core_lay_out(x.core, x.t, BENCH_GROUPS);
            rc = learner_core_update(x.core, &stats, err);
        }
    }
    if (rc == ONIC_OK)
        *cost = (double)(clock_process_cpu_ns() - start) * 1e-9 /
                (double)learner_core_counters(x.core)->env_steps;
    inprocess_close(&x);
    return rc;
}

int bench_distributed(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    int rounds = o->quick ? 1 : 3;
    double frames = o->quick ? 200000 : 3000000;
    char frames_flag[48];
    snprintf(frames_flag, sizeof frames_flag, "--frames=%.0f", frames);
    const char *flags[] = {"--env.id=minigrid:KeyCorridorS3R3",
                           "--reward.model=none",
                           "--reward.coef_int=0",
                           "--train.batch=4096",
                           "--checkpoint.every_s=1000",
                           "--stop.success=0",
                           frames_flag,
                           NULL};
    struct config cfg = *o->cfg;
    config_set(&cfg, "reward.model", "none", CONFIG_AUTO, "bench", NULL);
    config_set(&cfg, "reward.coef_int", "0", CONFIG_AUTO, "bench", NULL);
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct run_figures f;
        int rc = run_train(flags, 0, &f, err);
        if (rc == ONIC_OK)
            rc = inprocess_run(&cfg, frames, &b[i], err);
        if (rc)
            return rc;
        a[i] = f.cpu_s / f.frames * 1e6;
        b[i] *= 1e6;
    }
    out->unit = "CPU us/frame";
    out->of = "CPU per trained frame: one process / actors + ipc + learner (start-up included), "
              "KeyCorridorS3R3, grid-small";
    bench_ratio(out, a, b, rounds, true);
    return ONIC_OK;
}

/* --- annotation ------------------------------------------------------------------------------ */

/* One line of benches.def each. Annotators that cost next to nothing, so that the row shows the
 * model; B11-embedding is the other way round. */
static const struct annotated {
    const char *bench, *model, *annotator; /* annotator "": the model wants no labels */
    int captions_per_s;                    /* made unique, so that labels never stop coming */
    const char *flag;                      /* one more, "" = none */
    const char *what;
} ANNOTATED[] = {
    {"B11-rules", "hash", "rules", 50, "", "rules answering 50 unique captions/s"},
    {"B11-1000", "hash", "rules", 1000, "", "rules answering 1000 unique captions/s"},
    {"B11-classifier", "classifier", "rules", 50, "", "rules answering 50 unique captions/s"},
    {"B11-ranking", "ranking", "rules", 50, "--rules.rate=50", "rules answering 50 pairs/s"},
    {"B11-similarity", "similarity", "random", 50, "", "random scores of 50 unique captions/s"},
    {"B11-counts", "counts", "", 50, "", "no labels"},
    {"B11-rnd", "rnd", "", 50, "", "no labels"},
    {"B11-embedding", "hash", "embedding", 50,
     "--embedding.burst=0", /* the steady state: the burst is over in a run of hours */
     "the embedded model under its default CPU cap"},
};

/* Trains for wall seconds; frames per second after the first `from` of them. */
static int annotated_run(const struct annotated *a, int wall, int from, struct run_figures *out,
                         struct onic_err *err)
{
    char model[64], captions[64], seconds[48], annotator[64];
    snprintf(model, sizeof model, "--reward.model=%s", a->model);
    snprintf(captions, sizeof captions, "--bench.captions_per_s=%d", a->captions_per_s);
    snprintf(seconds, sizeof seconds, "--stop.wall_s=%d", wall);
    snprintf(annotator, sizeof annotator, "--annotator.id=%s", a->annotator);
    const char *flags[BENCH_ARGS_MAX] = {"--env.id=minigrid:KeyCorridorS3R3",
                                         "--checkpoint.every_s=1000",
                                         "--stop.success=0",
                                         "--frames=1000000000",
                                         model,
                                         captions,
                                         seconds};
    int n = 7;
    if (strcmp(a->model, "none") == 0)
        flags[n++] = "--reward.coef_int=0";
    if (a->annotator[0])
        flags[n++] = annotator;
    if (a->flag[0])
        flags[n++] = a->flag;
    int rc = run_train(flags, from, out, err);
    if (!rc && a->annotator[0] && out->labels < 1)
        rc = err_set(err, ONIC_ENOTFOUND,
                     "the annotator %s answered nothing: is its model installed?", a->annotator);
    return rc;
}

int bench_annotation(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    static char of[192];
    const struct annotated *with = ANNOTATED;
    while (strcmp(with->bench, o->name) != 0) { /* benches.def and ANNOTATED have the same names */
        with++;
        ONIC_ASSERT(with < ANNOTATED + sizeof ANNOTATED / sizeof *ANNOTATED);
    }
    const struct annotated without = {
        .model = "none", .annotator = "", .captions_per_s = with->captions_per_s, .flag = ""};
    int rounds = o->quick ? 1 : 4, wall = o->quick ? 4 : 20, from = o->quick ? 1 : 4;
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct run_figures on, off;
        int rc = annotated_run(with, wall, from, &on, err);
        if (rc == ONIC_OK)
            rc = annotated_run(&without, wall, from, &off, err);
        if (rc)
            return rc;
        a[i] = on.fps;
        b[i] = off.fps;
        out->score_us = on.score_us;
        out->train_share = on.train_share;
        out->labels_per_s = with->annotator[0] ? on.labels / wall : (double)NAN;
    }
    snprintf(of, sizeof of, "trained frames/s with reward model %s (%s) / reward model none",
             with->model, with->what);
    out->of = of;
    out->unit = "frames/s";
    bench_ratio(out, a, b, rounds, false);
    return ONIC_OK;
}
