/* SPDX-License-Identifier: MIT */
/* bench_train.c - whole training runs against each other: B6 (what distribution costs) and B11
 * (what annotation costs).
 *
 * The distributed side is the real `onic train` in a temporary run directory; its CPU time comes
 * from the kernel's account of the finished children, its frames from metrics.jsonl. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
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
};

/* Last finite value of `key` in RUN/metrics.jsonl; first: the first line that has it after min_wall
 * seconds. */
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

/* Frames per second with annotation against without, captions made unique so that labels never stop
 * coming. */
struct annotated {
    const char *annotator, *model;
    int captions_per_s;
};

static int annotation(const struct bench_options *o, const struct annotated *what,
                      struct bench_result *out, struct onic_err *err)
{
    int rounds = o->quick ? 1 : 4;
    char wall[48], id[64], model[64], captions[64];
    snprintf(wall, sizeof wall, "--stop.wall_s=%d", o->quick ? 4 : 20);
    snprintf(id, sizeof id, "--annotator.id=%s", what->annotator);
    snprintf(model, sizeof model, "--reward.model=%s", what->model);
    snprintf(captions, sizeof captions, "--bench.captions_per_s=%d", what->captions_per_s);
    const char *on[] = {
        "--env.id=minigrid:KeyCorridorS3R3",
        model,
        id,
        captions,
        "--embedding.burst=0", /* the steady state: the burst is over in a run of hours */
        "--checkpoint.every_s=1000",
        "--stop.success=0",
        "--frames=1000000000",
        wall,
        NULL};
    const char *off[] = {"--env.id=minigrid:KeyCorridorS3R3",
                         "--reward.model=none",
                         "--reward.coef_int=0",
                         captions,
                         "--checkpoint.every_s=1000",
                         "--stop.success=0",
                         "--frames=1000000000",
                         wall,
                         NULL};
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct run_figures with, without;
        int rc = run_train(on, o->quick ? 1 : 4, &with, err);
        if (rc == ONIC_OK)
            rc = run_train(off, o->quick ? 1 : 4, &without, err);
        if (rc)
            return rc;
        if (with.labels < 1)
            return err_set(err, ONIC_ENOTFOUND,
                           "the annotator %s answered nothing: is its model installed?",
                           what->annotator);
        a[i] = with.fps;
        b[i] = without.fps;
    }
    out->unit = "frames/s";
    bench_ratio(out, a, b, rounds, false);
    return ONIC_OK;
}

int bench_annotation_rules(const struct bench_options *o, struct bench_result *out,
                           struct onic_err *err)
{
    out->of = "trained frames/s with rules answering 50 unique captions/s / reward model none";
    return annotation(o, &(struct annotated){"rules", "hash", 50}, out, err);
}

int bench_annotation_fast(const struct bench_options *o, struct bench_result *out,
                          struct onic_err *err)
{
    out->of = "trained frames/s with rules answering 1000 unique captions/s / reward model none";
    return annotation(o, &(struct annotated){"rules", "hash", 1000}, out, err);
}

int bench_annotation_classifier(const struct bench_options *o, struct bench_result *out,
                                struct onic_err *err)
{
    out->of = "trained frames/s with reward model classifier and rules answering 50 unique "
              "captions/s / reward model none";
    return annotation(o, &(struct annotated){"rules", "classifier", 50}, out, err);
}

int bench_annotation_embedding(const struct bench_options *o, struct bench_result *out,
                               struct onic_err *err)
{
    out->of =
        "trained frames/s with the embedded model under its default CPU cap / reward model none";
    return annotation(o, &(struct annotated){"embedding", "hash", 50}, out, err);
}
