/* SPDX-License-Identifier: MIT */
/* bench_train.c - B6: what distribution costs. The same training as `onic train` with its processes
 * and in one process. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "actor/rollout.h"
#include "common/base/clock.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_open.h"
#include "deploy/cli/bench_run.h"
#include "learner/train/trainer.h"

enum { BENCH_GROUPS = 2 };

/* --- the same work in one process ------------------------------------------------------------ */

struct inprocess {
    struct vec_env *envs[BENCH_GROUPS];
    struct rollout *rollout[BENCH_GROUPS];
    struct trajectory *t[BENCH_GROUPS];
    struct trainer *core;
};

static void inprocess_close(struct inprocess *x)
{
    trainer_free(x->core);
    for (int g = 0; g < BENCH_GROUPS; g++) {
        trajectory_free(x->t[g]);
        rollout_free(x->rollout[g]);
        vec_env_free(x->envs[g]);
    }
}

static int inprocess_open(struct inprocess *x, char *const *given, const char *const *flags,
                          struct onic_err *err)
{
    int T = 0;
    memset(x, 0, sizeof *x);
    int rc = bench_open_training(x->envs, BENCH_GROUPS, &x->core, &T, given, flags, err);
    for (int g = 0; !rc && g < BENCH_GROUPS; g++) {
        struct rollout_params p = {.policy = trainer_policy(x->core),
                                   .envs = x->envs[g],
                                   .seed = 1,
                                   .actor_id = (uint32_t)g,
                                   .T = T};
        rc = rollout_create(&x->rollout[g], &p, err);
        if (!rc)
            rc = rollout_start(x->rollout[g], NULL, 0, err);
        if (!rc) {
            struct trajectory_shape shape = rollout_shape(x->rollout[g]);
            x->t[g] = trajectory_create(&shape);
        }
    }
    return rc;
}

/* Trains until `frames`, or for so many seconds; CPU seconds per frame into *cost. */
static int inprocess_run(char *const *given, const char *const *flags, double frames,
                         double seconds, double *cost, struct onic_err *err)
{
    struct inprocess x;
    int rc = inprocess_open(&x, given, flags, err);
    int64_t start = clock_process_cpu_ns(), end_ms = clock_ms() + (int64_t)(seconds * 1e3);
    while (!rc && (double)trainer_counters(x.core)->env_steps < frames && clock_ms() < end_ms) {
        uint64_t version = trainer_counters(x.core)->version;
        for (int g = 0; !rc && g < BENCH_GROUPS; g++)
            rc = rollout_fill(x.rollout[g], trainer_weights(x.core), version, x.t[g], NULL, NULL,
                              err);
        struct train_stats stats;
        if (!rc) {
            trainer_lay_out(x.core, x.t, BENCH_GROUPS);
            rc = trainer_update(x.core, &stats, err);
        }
    }
    if (!rc)
        *cost = (double)(clock_process_cpu_ns() - start) * 1e-9 /
                (double)trainer_counters(x.core)->env_steps;
    inprocess_close(&x);
    return rc;
}

int bench_distributed(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    int rounds = o->quick ? 2 : 3;
    double frames = o->quick ? 150000 : 3000000, wall = fmax(0.5, (o->seconds / rounds - 1) / 2);
    char frames_flag[48], wall_flag[48];
    snprintf(frames_flag, sizeof frames_flag, "--frames=%.0f", frames);
    snprintf(wall_flag, sizeof wall_flag, "--stop.wall_s=%.3g", wall);
    const char *flags[] = {"--env.id=minigrid:KeyCorridorS3R3",
                           "--reward.model=none",
                           "--reward.coef_int=0",
                           "--train.batch=4096",
                           "--checkpoint.every_s=1000",
                           "--stop.success=0",
                           frames_flag,
                           wall_flag,
                           NULL};
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct bench_run run;
        struct bench_figures f;
        int rc = bench_run_start(&run, o->given, flags, NULL, err);
        if (!rc)
            rc = bench_run_finish(&run, 0, &f, err);
        if (!rc) /* as far: an agent that has learned costs more per frame */
            rc = inprocess_run(o->given, flags, f.frames, wall, &b[i], err);
        if (rc)
            return rc;
        a[i] = f.cpu_s / f.frames * 1e6;
        b[i] *= 1e6;
        o->round(o->ctx, i + 1, rounds);
    }
    out->unit = "CPU us/frame";
    out->of = "CPU per trained frame: one process / actors + ipc + learner (start-up included), "
              "KeyCorridorS3R3, grid-small";
    out->subject = "actors + ipc + learner";
    bench_ratio(out, a, b, rounds, true);
    return ONIC_OK;
}
