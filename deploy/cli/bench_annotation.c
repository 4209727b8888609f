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
 * A row whose model trains beside the policy takes turns as well: policy, actors and labels have
 * the first half of the cores on either side, and the thread that trains the model has the other
 * half, which is idle without it.
 *
 * Both sides play the same game: reward.coef_int is 0 for `none` and next to 0 for the model, so
 * that captions are asked about, labelled, learned, scored and booked as paid, but the policies see
 * the same advantages. An agent that solves its mazes asks for new ones far more often, and the row
 * would measure that. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "deploy/cli/bench.h"
#include "deploy/cli/bench_open.h"
#include "deploy/cli/bench_run.h"
#include "deploy/cli/bench_thread.h"
#include "learner/reward/trained_net.h"

/* One line of benches.def each. Annotators that cost next to nothing, so that the row shows the
 * model; B11-embedding is the other way round. */
static const struct annotated {
    const char *bench, *model, *annotator; /* annotator "": the model wants no labels */
    int captions_per_s;                    /* made unique, so that labels never stop coming */
    const char *flag;                      /* one more, "" = none */
    const char *what;
    bool beside; /* trained by a thread of its own, on cores of its own */
} ANNOTATED[] = {
    {"B11-rules", "hash", "rules", 50, "", "rules answering 50 unique captions/s per actor", false},
    {"B11-1000", "hash", "rules", 1000, "", "rules answering 1000 unique captions/s per actor",
     false},
    {"B11-classifier", "classifier", "rules", 50, "",
     "rules answering 50 unique captions/s per actor", false},
    {"B11-ranking", "ranking", "rules", 50, "--rules.rate=50", "rules answering 50 pairs/s", false},
    {"B11-classifier-beside", "classifier", "rules", 50, "",
     "trained beside it, rules answering 50 unique captions/s per actor", true},
    {"B11-ranking-beside", "ranking", "rules", 50, "--rules.rate=50",
     "trained beside it, rules answering 50 pairs/s", true},
    {"B11-similarity", "similarity", "random", 50, "",
     "random scores of 50 unique captions/s per actor", false},
    {"B11-counts", "counts", "", 50, "", "no labels", false},
    {"B11-rnd", "rnd", "", 50, "", "no labels", false},
    {"B11-embedding", "hash", "embedding", 50,
     "--embedding.burst=0", /* the steady state: the burst is over in a run of hours */
     "the embedded model under its default CPU cap", false},
};

/* How a row uses its seconds. from: actors, learner and an embedded model have started. */
struct schedule {
    int rounds;
    double wall, from; /* seconds */
};

/* A run also starts and drains. Rounds of 14 s need not be longer, and below 1.5 s there is nothing
 * to see. in_turn: one side after the other. */
static struct schedule schedule_of(const struct bench_options *o, bool in_turn)
{
    const double around = 0.8;
    int sides = in_turn ? 2 : 1;
    struct schedule s = {.rounds = o->quick ? 2 : 10};
    s.wall = o->seconds / (s.rounds * sides) - around;
    if (o->quick && s.wall < 1.5) {
        s.rounds = 1;
        s.wall = o->seconds / sides - around;
    }
    s.wall = fmin(fmax(s.wall, 1.5), 14);
    s.from = fmin(4, 0.35 * s.wall);
    return s;
}

static int bench_annotation_start(struct bench_run *r, char *const *given,
                                  const struct annotated *a, double wall,
                                  const struct bench_cores *cores, struct onic_err *err)
{
    char model[64], captions[64], seconds[48], annotator[64];
    snprintf(model, sizeof model, "--reward.model=%s", a->model);
    snprintf(captions, sizeof captions, "--bench.captions_per_s=%d", a->captions_per_s);
    snprintf(seconds, sizeof seconds, "--stop.wall_s=%.3g", wall);
    snprintf(annotator, sizeof annotator, "--annotator.id=%s", a->annotator);
    const char *flags[BENCH_ARGS_MAX] = {
        "--env.id=minigrid:KeyCorridorS3R3",
        "--checkpoint.every_s=1000",
        "--stop.success=0",
        "--frames=1000000000",
        strcmp(a->model, "none") == 0 ? "--reward.coef_int=0" : "--reward.coef_int=1e-9",
        model,
        captions,
        seconds,
        wall < 10 ? "--metrics.every_s=0.25" : "--metrics.every_s=2"};
    int n = 9;
    if (a->annotator[0])
        flags[n++] = annotator;
    if (a->flag[0])
        flags[n++] = a->flag;
    if (a->beside)
        flags[n++] = "--reward.train_beside=yes";
    return bench_run_start(r, given, flags, cores, err);
}

/* One round in turn, both on half[0], and what trains a model beside it on half[1]. */
static int run_beside(char *const *given, const struct annotated *const side[2], int first,
                      const struct schedule *s, const struct bench_cores half[2],
                      struct bench_figures out[2], struct onic_err *err)
{
    int rc = ONIC_OK;
    for (int k = 0; k < 2 && !rc; k++) {
        int i = k ? !first : first;
        struct bench_run run;
        rc = bench_annotation_start(&run, given, side[i], s->wall, &half[0], err);
        if (!rc && side[i]->beside)
            rc = bench_thread_place(run.pid, TRAINED_NET_THREAD, &half[1], (int)(s->wall * 1e3),
                                    err);
        if (!rc)
            rc = bench_run_finish(&run, s->from, &out[i], err);
        else
            bench_run_abandon(&run);
    }
    return rc;
}

/* One round: figures of side 0 and 1. `first` starts first, or on half[0]; NULL: in turn. */
static int run_both(char *const *given, const struct annotated *const side[2], int first,
                    const struct schedule *s, const struct bench_cores *half,
                    struct bench_figures out[2], struct onic_err *err)
{
    if (side[0]->beside)
        return run_beside(given, side, first, s, half, out, err);
    struct bench_run run[2] = {0};
    int rc = ONIC_OK;
    for (int k = 0; k < 2 && !rc; k++) {
        int i = k ? !first : first;
        rc = bench_annotation_start(&run[i], given, side[i], s->wall, half ? &half[k] : NULL, err);
        if (!rc && !half)
            rc = bench_run_finish(&run[i], s->from, &out[i], err);
    }
    for (int i = 0; i < 2; i++) {
        if (!rc && half)
            rc = bench_run_finish(&run[i], s->from, &out[i], err);
        else
            bench_run_abandon(&run[i]);
    }
    return rc;
}

/* Every pair of rounds, one on each half of the cores, becomes one: the geometric mean. */
static int join_pairs(double *x, int n)
{
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

static const struct annotated *bench_annotation_row_of(const char *name)
{
    const struct annotated *row = ANNOTATED;
    while (strcmp(row->bench, name) != 0) { /* benches.def and ANNOTATED have the same names */
        row++;
        ONIC_ASSERT(row < ANNOTATED + sizeof ANNOTATED / sizeof *ANNOTATED);
    }
    return row;
}

static int bench_annotation_check_annotator(const struct bench_options *o, const char *id,
                                            struct onic_err *err)
{
    if (!id[0] || bench_open_annotator(id, o->given, err) == ONIC_OK)
        return ONIC_OK;
    return ONIC_ENOTFOUND;
}

int bench_annotation(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    static char of[256];
    const struct annotated *with = bench_annotation_row_of(o->name);
    const struct annotated without = {
        .model = "none", .annotator = "", .captions_per_s = with->captions_per_s, .flag = ""};
    const struct annotated *const side[2] = {with, &without};
    struct bench_cores half[2];
    bool together = bench_halves(half);
    const struct schedule s = schedule_of(o, !together || with->beside);
    int rounds = s.rounds, rc = bench_annotation_check_annotator(o, with->annotator, err);
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    double score_us[BENCH_ROUNDS_MAX], share[BENCH_ROUNDS_MAX], beside[BENCH_ROUNDS_MAX],
        labels[BENCH_ROUNDS_MAX], labels_cpu[BENCH_ROUNDS_MAX];
    if (!rc && with->beside && !together)
        rc = err_set(err, ONIC_ENOTFOUND,
                     "it needs two cores, one of them for the thread that trains the model");
    for (int i = 0; !rc && i < rounds; i++) {
        struct bench_figures f[2];
        rc = run_both(o->given, side, i % 2, &s, together ? half : NULL, f, err);
        if (!rc && with->annotator[0] && f[0].labels < 1)
            rc = err_set(err, ONIC_ENOTFOUND, "the annotator %s answered nothing in %.1f s",
                         with->annotator, s.wall);
        if (rc)
            break;
        a[i] = f[0].fps;
        b[i] = f[1].fps;
        score_us[i] = f[0].score_us;
        share[i] = f[0].train_share;
        beside[i] = f[0].beside_share;
        labels_cpu[i] = f[0].labels_cpu_s / f[0].cpu_s;
        labels[i] = with->annotator[0] ? f[0].labels / s.wall : (double)NAN;
        o->round(o->ctx, i + 1, rounds);
    }
    if (rc)
        return rc;
    out->score_us = mean(score_us, rounds);
    out->train_share = mean(share, rounds);
    out->beside_share = mean(beside, rounds);
    out->labels_per_s = mean(labels, rounds);
    out->labels_cpu = mean(labels_cpu, rounds);
    if (!o->quick &&
        !with->beside) { /* two rounds are kept apart: without a spread nothing could be said of them */
        join_pairs(a, rounds);
        rounds = join_pairs(b, rounds);
    }
    bench_ratio(out, a, b, rounds, false);
    out->ratio_net = out->ratio / (1 - out->train_share);
    snprintf(of, sizeof of, "trained frames/s with reward model %s (%s) / reward model none, %s",
             with->model, with->what,
             with->beside ? "in turn on half of the cores"
             : together   ? "at the same time, each on half of the cores"
                          : "in turn on one core");
    out->of = of;
    out->subject = "training with it";
    out->unit = "frames/s";
    return ONIC_OK;
}
