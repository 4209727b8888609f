/* SPDX-License-Identifier: MIT */
/* bench_with.c - B12 to B14: what keys cost, a record of the run, options of the learner. The same
 * training with an option and without, in turn; who goes first changes every round. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/scratch.h"
#include "common/wire/keys/key_make.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_run.h"

enum { WITH_ROUNDS = 6, OPTION_ROUNDS = 5 };

#define KEY_CORRIDOR "--env.id=minigrid:KeyCorridorS3R3"

/* What is compared. Flags, "" = none; listen is of both sides. */
struct bench_sides {
    const char *env, *listen, *with, *without;
    int rounds;
};

/* Frames per second and CPU microseconds per frame of one run. */
static int bench_with_run(const struct bench_options *o, const struct bench_sides *x,
                          const char *option, double wall, double *fps, double *cpu_us,
                          struct onic_err *err)
{
    char seconds[48];
    struct bench_run run;
    struct bench_figures f;
    snprintf(seconds, sizeof seconds, "--stop.wall_s=%.3g", wall);
    const char *flags[BENCH_ARGS_MAX] = {x->env,
                                         "--reward.model=none",
                                         "--reward.coef_int=0",
                                         "--checkpoint.every_s=1000",
                                         "--stop.success=0",
                                         "--frames=1000000000",
                                         "--metrics.every_s=0.25",
                                         seconds};
    int n = 8;
    if (x->listen[0])
        flags[n++] = x->listen;
    if (option[0])
        flags[n++] = option;
    int rc = bench_run_start(&run, o->given, flags, NULL, err);
    if (!rc)
        rc = bench_run_finish(&run, fmin(2, 0.35 * wall), &f, err);
    if (!rc) {
        *fps = f.fps;
        *cpu_us = f.cpu_s / f.frames * 1e6;
    }
    return rc;
}

static int bench_with_turns(const struct bench_options *o, const struct bench_sides *x,
                            struct bench_result *out, struct onic_err *err)
{
    const double around = 1; /* a run also starts and drains */
    int rounds = o->quick ? 1 : x->rounds, rc = ONIC_OK;
    double wall = fmax(1.5, o->seconds / (2 * rounds) - around);
    double fps[2][BENCH_ROUNDS_MAX], cpu_us[2][BENCH_ROUNDS_MAX]; /* with, without */
    struct bench_result cost;
    for (int i = 0; i < rounds && !rc; i++) {
        for (int k = 0; k < 2 && !rc; k++) {
            int side = (i + k) % 2;
            rc = bench_with_run(o, x, side == 0 ? x->with : x->without, wall, &fps[side][i],
                                &cpu_us[side][i], err);
        }
        if (!rc)
            o->round(o->ctx, i + 1, rounds);
    }
    if (rc)
        return rc;
    bench_ratio(out, fps[0], fps[1], rounds, false);
    bench_ratio(&cost, cpu_us[0], cpu_us[1], rounds, false);
    out->unit = "frames/s";
    out->cpu_us = cost.value;
    out->cpu_ratio = cost.ratio;
    out->cpu_min = cost.min;
    out->cpu_max = cost.max;
    return ONIC_OK;
}

static int bench_keys_make(struct scratch *folder, char flag[PATHS_MAX + 32], struct onic_err *err)
{
    static const struct scratch_wish wish = {.prefix = "onic-bench-", .what = "a benchmark"};
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "."};
    char public[KEY_ROLES][KEY_TEXT];
    int rc = scratch_create(folder, &wish, places, 3, err);
    if (!rc)
        rc = key_make(folder->path, 1u << KEY_ACTOR | 1u << KEY_LEARNER, "", public, err);
    snprintf(flag, PATHS_MAX + 32, "--security.keys=%s", folder->path);
    return rc;
}

int bench_keys(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    char flag[PATHS_MAX + 32];
    struct scratch folder = {0};
    out->of = "trained frames/s over tcp on this machine with keys (CURVE) / without, in turn, "
              "KeyCorridorS3R3";
    out->subject = "training over tcp with keys";
    struct bench_sides x = {KEY_CORRIDOR, "--listen=tcp://127.0.0.1:*", flag, "", WITH_ROUNDS};
    int rc = bench_keys_make(&folder, flag, err);
    if (!rc)
        rc = bench_with_turns(o, &x, out, err);
    scratch_remove(&folder);
    return rc;
}

int bench_record(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    out->of = "trained frames/s with --record / without, in turn, KeyCorridorS3R3";
    out->subject = "training with a record";
    struct bench_sides x = {KEY_CORRIDOR, "", "--record.on=true", "", WITH_ROUNDS};
    return bench_with_turns(o, &x, out, err);
}

int bench_learner_option(const struct bench_options *o, struct bench_result *out,
                         struct onic_err *err)
{
    static const char *const of[2][2] = {
        {"trained frames/s with train.value_norm=0.03 / 0, in turn, KeyCorridorS3R3",
         "trained frames/s with train.value_norm=0.03 / 0, in turn, corridor"},
        {"trained frames/s with train.lambda=0.95 / 1, in turn, KeyCorridorS3R3",
         "trained frames/s with train.lambda=0.95 / 1, in turn, corridor"}};
    bool lambda = strstr(o->name, "-lambda"), corridor = strstr(o->name, "-corridor");
    struct bench_sides x = {corridor ? "--env.id=corridor" : KEY_CORRIDOR, "",
                            lambda ? "--train.lambda=0.95" : "--train.value_norm=0.03",
                            lambda ? "--train.lambda=1" : "--train.value_norm=0", OPTION_ROUNDS};
    out->of = of[lambda][corridor];
    out->subject = lambda ? "training with lambda" : "training with normalised values";
    return bench_with_turns(o, &x, out, err);
}
