/* SPDX-License-Identifier: MIT */
/* bench_annotation.c - B11: what annotation and a reward model cost.
 *
 * Both sides run at the same time, each on its half of the cores, and change halves every round: a
 * neighbour, the clock or the temperature slow both. One after the other, a ratio of two runs is
 * uncertain by a tenth on a shared machine, several times what is to be measured. With one core
 * they take turns.
 *
 * Both sides train with reward.coef_int=0: captions are asked about, labelled, learned and scored
 * all the same, but both policies see the same rewards and play the same game. An agent that solves
 * its mazes asks for new ones far more often, and the row would measure that. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "deploy/launcher/bench.h"
#include "deploy/launcher/bench_run.h"

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

static int start(struct bench_run *r, const struct annotated *a, int wall,
                 const struct bench_cores *cores, struct onic_err *err)
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
                                         "--reward.coef_int=0",
                                         model,
                                         captions,
                                         seconds};
    int n = 8;
    if (a->annotator[0])
        flags[n++] = annotator;
    if (a->flag[0])
        flags[n++] = a->flag;
    return bench_run_start(r, flags, cores, err);
}

/* One round: figures of side 0 and 1. `first` starts first, or on the first half. */
static int run_both(const struct annotated *const side[2], int first, int wall, int from,
                    struct bench_figures out[2], struct onic_err *err)
{
    struct bench_run run[2] = {0};
    struct bench_cores half[2];
    bool together = bench_halves(half);
    int rc = ONIC_OK;
    for (int k = 0; k < 2 && rc == ONIC_OK; k++) {
        int i = k ? !first : first;
        rc = start(&run[i], side[i], wall, together ? &half[k] : NULL, err);
        if (rc == ONIC_OK && !together)
            rc = bench_run_finish(&run[i], from, &out[i], err);
    }
    for (int i = 0; i < 2; i++) {
        if (rc == ONIC_OK && together)
            rc = bench_run_finish(&run[i], from, &out[i], err);
        else
            bench_run_abandon(&run[i]);
    }
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
    const struct annotated *const side[2] = {with, &without};
    /* from: actors, learner and an embedded model have started */
    int rounds = o->quick ? 1 : 10, wall = o->quick ? 4 : 14, from = o->quick ? 1 : 4;
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct bench_figures f[2];
        int rc = run_both(side, i % 2, wall, from, f, err);
        if (rc == ONIC_OK && with->annotator[0] && f[0].labels < 1)
            rc = err_set(err, ONIC_ENOTFOUND,
                         "the annotator %s answered nothing: is its model installed?",
                         with->annotator);
        if (rc)
            return rc;
        a[i] = f[0].fps;
        b[i] = f[1].fps;
        out->score_us = f[0].score_us;
        out->train_share = f[0].train_share;
        out->labels_per_s = with->annotator[0] ? f[0].labels / wall : (double)NAN;
    }
    snprintf(of, sizeof of, "trained frames/s with reward model %s (%s) / reward model none",
             with->model, with->what);
    out->of = of;
    out->unit = "frames/s";
    bench_ratio(out, a, b, rounds, false);
    out->ratio_net = out->ratio / (1 - out->train_share);
    return ONIC_OK;
}
