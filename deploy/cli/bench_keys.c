/* SPDX-License-Identifier: MIT */
/* bench_keys.c - B12: what keys cost. The same training over tcp on this machine, with keys and
 * without, in turn; who goes first changes every round. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/scratch.h"
#include "common/wire/keys/key_make.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_run.h"

enum { KEYS_ROUNDS = 6 };

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

/* Frames per second of one run; keys "": without. */
static int bench_keys_run(const struct bench_options *o, const char *keys, double wall, double *fps,
                          struct onic_err *err)
{
    char seconds[48];
    struct bench_run run;
    struct bench_figures f;
    snprintf(seconds, sizeof seconds, "--stop.wall_s=%.3g", wall);
    const char *flags[] = {"--env.id=minigrid:KeyCorridorS3R3",
                           "--reward.model=none",
                           "--reward.coef_int=0",
                           "--checkpoint.every_s=1000",
                           "--stop.success=0",
                           "--frames=1000000000",
                           "--metrics.every_s=0.25",
                           "--listen=tcp://127.0.0.1:*",
                           seconds,
                           keys[0] ? keys : NULL,
                           NULL};
    int rc = bench_run_start(&run, o->given, flags, NULL, err);
    if (!rc)
        rc = bench_run_finish(&run, fmin(2, 0.35 * wall), &f, err);
    if (!rc)
        *fps = f.fps;
    return rc;
}

int bench_keys(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    const double around = 1; /* a run also starts and drains */
    int rounds = o->quick ? 1 : KEYS_ROUNDS;
    double wall = fmax(1.5, o->seconds / (2 * rounds) - around);
    double with[BENCH_ROUNDS_MAX], without[BENCH_ROUNDS_MAX];
    char flag[PATHS_MAX + 32];
    struct scratch folder = {0};
    int rc = bench_keys_make(&folder, flag, err);
    for (int i = 0; i < rounds && !rc; i++) {
        for (int k = 0; k < 2 && !rc; k++) {
            bool keyed = (i + k) % 2 == 0;
            rc = bench_keys_run(o, keyed ? flag : "", wall, keyed ? &with[i] : &without[i], err);
        }
        if (!rc)
            o->round(o->ctx, i + 1, rounds);
    }
    scratch_remove(&folder);
    if (rc)
        return rc;
    bench_ratio(out, with, without, rounds, false);
    out->of = "trained frames/s over tcp on this machine with keys (CURVE) / without, in turn, "
              "KeyCorridorS3R3";
    out->subject = "training over tcp with keys";
    out->unit = "frames/s";
    return ONIC_OK;
}
