/* SPDX-License-Identifier: MIT */
/* bench_with.c - B12 and B13: what keys cost, and a record of the run. The same training with an
 * option and without, in turn; who goes first changes every round. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/scratch.h"
#include "common/wire/keys/key_make.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_run.h"

enum { WITH_ROUNDS = 6 };

/* Frames per second of one run with these flags, "" = none. */
static int bench_with_run(const struct bench_options *o, const char *listen, const char *option,
                          double wall, double *fps, struct onic_err *err)
{
    char seconds[48];
    struct bench_run run;
    struct bench_figures f;
    snprintf(seconds, sizeof seconds, "--stop.wall_s=%.3g", wall);
    const char *flags[BENCH_ARGS_MAX] = {"--env.id=minigrid:KeyCorridorS3R3",
                                         "--reward.model=none",
                                         "--reward.coef_int=0",
                                         "--checkpoint.every_s=1000",
                                         "--stop.success=0",
                                         "--frames=1000000000",
                                         "--metrics.every_s=0.25",
                                         seconds};
    int n = 8;
    if (listen[0])
        flags[n++] = listen;
    if (option[0])
        flags[n++] = option;
    int rc = bench_run_start(&run, o->given, flags, NULL, err);
    if (!rc)
        rc = bench_run_finish(&run, fmin(2, 0.35 * wall), &f, err);
    if (!rc)
        *fps = f.fps;
    return rc;
}

static int bench_with_turns(const struct bench_options *o, const char *listen, const char *option,
                            struct bench_result *out, struct onic_err *err)
{
    const double around = 1; /* a run also starts and drains */
    int rounds = o->quick ? 1 : WITH_ROUNDS, rc = ONIC_OK;
    double wall = fmax(1.5, o->seconds / (2 * rounds) - around);
    double with[BENCH_ROUNDS_MAX], without[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds && !rc; i++) {
        for (int k = 0; k < 2 && !rc; k++) {
            bool has = (i + k) % 2 == 0;
            rc = bench_with_run(o, listen, has ? option : "", wall, has ? &with[i] : &without[i],
                                err);
        }
        if (!rc)
            o->round(o->ctx, i + 1, rounds);
    }
    if (rc)
        return rc;
    bench_ratio(out, with, without, rounds, false);
    out->unit = "frames/s";
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
    int rc = bench_keys_make(&folder, flag, err);
    if (!rc)
        rc = bench_with_turns(o, "--listen=tcp://127.0.0.1:*", flag, out, err);
    scratch_remove(&folder);
    return rc;
}

int bench_record(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    out->of = "trained frames/s with --record / without, in turn, KeyCorridorS3R3";
    out->subject = "training with a record";
    return bench_with_turns(o, "", "--record.on=true", out, err);
}
