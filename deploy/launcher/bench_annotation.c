/* SPDX-License-Identifier: MIT */
/* bench_annotation.c - B11: what annotation and a reward model cost.
 *
 * Both sides run at the same time, each on its half of the cores, and change halves every round: a
 * neighbour, the clock or the temperature slow both, and what one half is better at cancels in a
 * pair of rounds. One after the other, a ratio of two runs is uncertain by a tenth on a shared
 * machine, several times what is to be measured. What the sides do to each other (shared caches,
 * two threads of one physical core) is the price: it draws the ratio towards 1 a little. With one
 * core they take turns.
 *
 * Both sides play the same game: reward.coef_int is 0 for `none` and next to 0 for the model, so
 * that captions are asked about, labelled, learned, scored and booked as paid, but the policies see
 * the same advantages. An agent that solves its mazes asks for new ones far more often, and the row
 * would measure that. */
#include <math.h>
#include <stdio.h>
#include <string.h>

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
    {"B11-rules", "hash", "rules", 50, "", "rules answering 50 unique captions/s per actor"},
    {"B11-1000", "hash", "rules", 1000, "", "rules answering 1000 unique captions/s per actor"},
    {"B11-classifier", "classifier", "rules", 50, "",
     "rules answering 50 unique captions/s per actor"},
    {"B11-ranking", "ranking", "rules", 50, "--rules.rate=50", "rules answering 50 pairs/s"},
    {"B11-similarity", "similarity", "random", 50, "",
     "random scores of 50 unique captions/s per actor"},
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
                                         strcmp(a->model, "none") == 0 ? "--reward.coef_int=0"
                                                                       : "--reward.coef_int=1e-9",
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

/* One round: figures of side 0 and 1. `first` starts first, or on half[0]; NULL: in turn. */
static int run_both(const struct annotated *const side[2], int first, int wall, int from,
                    const struct bench_cores *half, struct bench_figures out[2],
                    struct onic_err *err)
{
    struct bench_run run[2] = {0};
    int rc = ONIC_OK;
    for (int k = 0; k < 2 && rc == ONIC_OK; k++) {
        int i = k ? !first : first;
        rc = start(&run[i], side[i], wall, half ? &half[k] : NULL, err);
        if (rc == ONIC_OK && !half)
            rc = bench_run_finish(&run[i], from, &out[i], err);
    }
    for (int i = 0; i < 2; i++) {
        if (rc == ONIC_OK && half)
            rc = bench_run_finish(&run[i], from, &out[i], err);
        else
            bench_run_abandon(&run[i]);
    }
    return rc;
}

/* Every pair of rounds, one on each half of the cores, becomes one: the geometric mean. */
static int join_pairs(double *x, int n)
{
    if (n < 2)
        return n;
    for (int i = 0; i < n / 2; i++)
        x[i] = sqrt(x[2 * i] * x[2 * i + 1]);
    return n / 2;
}

static double mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;
}

int bench_annotation(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    static char of[224];
    const struct annotated *with = ANNOTATED;
    while (strcmp(with->bench, o->name) != 0) { /* benches.def and ANNOTATED have the same names */
        with++;
        ONIC_ASSERT(with < ANNOTATED + sizeof ANNOTATED / sizeof *ANNOTATED);
    }
    const struct annotated without = {
        .model = "none", .annotator = "", .captions_per_s = with->captions_per_s, .flag = ""};
    const struct annotated *const side[2] = {with, &without};
    struct bench_cores half[2];
    bool together = bench_halves(half);
    /* from: actors, learner and an embedded model have started */
    int rounds = o->quick ? 1 : 10, wall = o->quick ? 8 : 14, from = o->quick ? 1 : 4;
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    double score_us[BENCH_ROUNDS_MAX], share[BENCH_ROUNDS_MAX], labels[BENCH_ROUNDS_MAX],
        labels_cpu[BENCH_ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        struct bench_figures f[2];
        int rc = run_both(side, i % 2, wall, from, together ? half : NULL, f, err);
        if (rc == ONIC_OK && with->annotator[0] && f[0].labels < 1)
            rc = err_set(err, ONIC_ENOTFOUND,
                         "the annotator %s answered nothing: is its model installed?",
                         with->annotator);
        if (rc)
            return rc;
        a[i] = f[0].fps;
        b[i] = f[1].fps;
        score_us[i] = f[0].score_us;
        share[i] = f[0].train_share;
        labels_cpu[i] = f[0].labels_cpu_s / f[0].cpu_s;
        labels[i] = with->annotator[0] ? f[0].labels / wall : (double)NAN;
    }
    out->score_us = mean(score_us, rounds);
    out->train_share = mean(share, rounds);
    out->labels_per_s = mean(labels, rounds);
    out->labels_cpu = mean(labels_cpu, rounds);
    join_pairs(a, rounds);
    bench_ratio(out, a, b, join_pairs(b, rounds), false);
    out->ratio_net = out->ratio / (1 - out->train_share);
    snprintf(of, sizeof of, "trained frames/s with reward model %s (%s) / reward model none, %s",
             with->model, with->what,
             together ? "at the same time, each on half of the cores" : "in turn on one core");
    out->of = of;
    out->unit = "frames/s";
    return ONIC_OK;
}
