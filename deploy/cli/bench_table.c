/* SPDX-License-Identifier: MIT */
/* bench_table.c - see bench_table.h. */
#include "deploy/cli/bench_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/result_file.h"

static const struct {
    const char *name;
    bench_function *run;
    double seconds;
    const char *summary;
} benches[] = {
#define BENCH(id, function, seconds, summary) {id, function, seconds, summary},
#include "deploy/cli/benches.def"
#undef BENCH
};
enum { BENCHES = sizeof benches / sizeof benches[0] };

/* Fused multiply-adds of this core in GF/s, single precision: what the arithmetic could reach at
 * most. */
static double peak_gflops(void)
{
    enum { LANES = 16, CHAINS = 12, STEPS = 1 << 20 };
    float acc[CHAINS][LANES];
    for (int c = 0; c < CHAINS; c++)
        for (int l = 0; l < LANES; l++)
            acc[c][l] = 1.0f + 0.001f * (float)(c + l);
    double best = 0;
    for (int round = 0; round < 5; round++) {
        int64_t start = clock_cpu_ns();
        for (int s = 0; s < STEPS; s++)
            for (int c = 0; c < CHAINS; c++)
                for (int l = 0; l < LANES; l++)
                    acc[c][l] = acc[c][l] * 0.999999f + 0.000001f;
        double gf = 2.0 * LANES * CHAINS * STEPS / (double)(clock_cpu_ns() - start);
        if (gf > best)
            best = gf;
    }
    volatile float sink = acc[0][0];
    (void)sink;
    return best;
}

static void put_result(struct buf *out, const struct bench_result *r)
{
    static const char *const verdict[] = {
        [BENCH_UNJUDGED] = "unjudged",
        [BENCH_NO_DIFFERENCE] = "no difference",
        [BENCH_FASTER] = "faster",
        [BENCH_SLOWER] = "slower",
    };
    buf_printf(out, "{\"name\":\"%s\",\"value\":", r->name);
    buf_json_number(out, r->value, 6);
    buf_printf(out, ",\"unit\":\"%s\",\"ratio\":", r->unit);
    buf_json_number(out, r->ratio, 6);
    buf_puts(out, ",\"of\":");
    buf_json_string(out, r->of, strlen(r->of));
    buf_puts(out, ",\"min\":");
    buf_json_number(out, r->min, 6);
    buf_puts(out, ",\"max\":");
    buf_json_number(out, r->max, 6);
    buf_printf(out, ",\"n\":%d,\"noise\":", r->n);
    buf_json_number(out, bench_noise(r), 6);
    buf_printf(out, ",\"verdict\":\"%s\"", verdict[bench_judge(r)]);
    buf_puts(out, ",\"score_us_per_frame\":");
    buf_json_number(out, r->score_us, 4);
    buf_puts(out, ",\"train_share\":");
    buf_json_number(out, r->train_share, 4);
    buf_puts(out, ",\"beside_share\":");
    buf_json_number(out, r->beside_share, 4);
    buf_puts(out, ",\"ratio_net\":");
    buf_json_number(out, r->ratio_net, 6);
    buf_puts(out, ",\"labels_per_s\":");
    buf_json_number(out, r->labels_per_s, 4);
    buf_puts(out, ",\"labels_cpu\":");
    buf_json_number(out, r->labels_cpu, 4);
    buf_json_key_number(out, "cpu_us_per_frame", r->cpu_us);
    buf_json_key_number(out, "cpu_ratio", r->cpu_ratio);
    buf_json_key_number(out, "cpu_min", r->cpu_min);
    buf_json_key_number(out, "cpu_max", r->cpu_max);
    buf_puts(out, "}");
}

static void print_result(FILE *table, const struct bench_result *r)
{
    char words[BENCH_WORDS_MAX];
    struct buf figures;
    bench_words(r, words);
    buf_init(&figures, 4096);
    bench_figures(r, &figures);
    fprintf(table, "%-14s %s\n", r->name, words);
    if (figures.len)
        fprintf(table, "%-14s %s\n", "", figures.data);
    buf_release(&figures);
    fflush(table); /* a row takes minutes: seen at once, also in a file */
}

static bool chosen(const struct bench_args *a, int i)
{
    return strncmp(a->only, benches[i].name, strlen(a->only)) == 0;
}

int bench_check_only(const struct bench_args *a, struct onic_err *err)
{
    struct buf names;
    buf_init(&names, 1024);
    bool any = false;
    for (int i = 0; i < BENCHES; i++) {
        any |= chosen(a, i);
        buf_printf(&names, "%s%s", i ? ", " : "", benches[i].name);
    }
    int rc = any ? ONIC_OK
                 : err_set(err, ONIC_ECONFIG, "--only=%s begins no benchmark's name: %s", a->only,
                           names.data);
    buf_release(&names);
    return rc;
}

/* --- how long it takes ----------------------------------------------------------------------- */

/* Seconds that --quick gives to all rows and to one: with what comes before and after it ends
 * within a minute. A row that would get less than the minimum is left out. */
static const double QUICK_S = 48, QUICK_ROW_S = 6, QUICK_ROW_MIN_S = 2.4;

struct pace {
    const struct bench_args *args;
    int64_t start_ms, row_ms;
    int row, rows;               /* the row at work, from 1 */
    double planned, row_planned; /* seconds: of the rows after this one, of this one */
    double slow;                 /* how much longer than planned a row took at worst, >= 1 */
    double over;                 /* the same in seconds, >= 0: what a row needs around its rounds */
    bool terminal;
};

static double seconds_since(int64_t ms)
{
    return (double)(clock_ms() - ms) * 1e-3;
}

static void say_duration(char out[32], double s)
{
    if (s < 90)
        snprintf(out, 32, "%.0f s", fmax(s, 0));
    else
        snprintf(out, 32, s < 600 ? "%.1f min" : "%.0f min", s / 60);
}

static double left_s(const struct pace *p)
{
    if (p->args->quick)
        return QUICK_S - seconds_since(p->start_ms);
    return p->slow * (p->planned + p->row_planned) - seconds_since(p->row_ms);
}

/* What a row may take: in a quick run a share of what is left of the minute. */
static double row_seconds(const struct pace *p, double planned)
{
    if (!p->args->quick)
        return planned;
    return fmin(QUICK_ROW_S, left_s(p) / (p->rows - p->row + 1)) - p->over;
}

static void show_round(void *ctx, int done, int of)
{
    const struct pace *p = ctx;
    char left[32];
    if (!p->terminal)
        return;
    say_duration(left, left_s(p));
    fprintf(stderr, "\r\033[Kbench: row %d of %d, round %d of %d done, about %s left", p->row,
            p->rows, done, of, left);
    fflush(stderr);
}

static void begin_pace(struct pace *p, const struct bench_args *a)
{
    char all[32];
    *p = (struct pace){.args = a, .slow = 1, .terminal = isatty(STDERR_FILENO) == 1};
    for (int i = 0; i < BENCHES; i++)
        if (chosen(a, i)) {
            p->rows++;
            p->planned += benches[i].seconds;
        }
    p->start_ms = p->row_ms = clock_ms();
    say_duration(all, a->quick ? fmin(QUICK_S, QUICK_ROW_S * p->rows) : p->planned);
    fprintf(stderr, "bench: %d row%s, about %s%s\n", p->rows, p->rows == 1 ? "" : "s", all,
            a->quick || p->rows == 1 ? "" : "; --quick takes less than a minute");
}

static void begin_row(struct pace *p, int i)
{
    char left[32];
    p->row++;
    p->row_ms = clock_ms();
    p->planned -= benches[i].seconds;
    p->row_planned = benches[i].seconds;
    say_duration(left, left_s(p));
    fprintf(stderr, "bench: row %d of %d, about %s left: %s: %s ...\n", p->row, p->rows, left,
            benches[i].name, benches[i].summary);
}

static void end_row(struct pace *p, double planned)
{
    double took = seconds_since(p->row_ms);
    p->slow = fmax(p->slow, took / planned);
    p->over = fmax(p->over, took - planned);
    if (p->terminal)
        fputs("\r\033[K", stderr);
}

/* --- running --------------------------------------------------------------------------------- */

static int run_row(struct pace *p, int i, char *const *given, struct bench_result *r,
                   struct onic_err *err)
{
    *r = (struct bench_result){.name = benches[i].name,
                               .score_us = (double)NAN,
                               .train_share = (double)NAN,
                               .beside_share = (double)NAN,
                               .ratio_net = (double)NAN,
                               .labels_cpu = (double)NAN,
                               .cpu_us = (double)NAN,
                               .cpu_ratio = (double)NAN,
                               .cpu_min = (double)NAN,
                               .cpu_max = (double)NAN,
                               .labels_per_s = (double)NAN};
    begin_row(p, i);
    struct bench_options o = {.quick = p->args->quick,
                              .seconds = row_seconds(p, benches[i].seconds),
                              .given = given,
                              .name = benches[i].name,
                              .round = show_round,
                              .ctx = p};
    if (p->args->quick && o.seconds < QUICK_ROW_MIN_S)
        return err_set(err, ONIC_ENOTFOUND,
                       "no time was left for it in this minute; --only=%s measures it",
                       benches[i].name);
    int rc = benches[i].run(&o, r, err);
    end_row(p, o.seconds);
    return rc;
}

int bench_table(const struct bench_args *a, char *const *given, struct onic_err *err)
{
    struct buf doc;
    struct pace pace;
    FILE *json = NULL;
    int rc = a->json[0] ? result_open(&json, a->json, err) : ONIC_OK;
    if (rc)
        return rc;
    buf_init(&doc, 1 << 20);
    begin_pace(&pace, a);
    double peak = peak_gflops();
    buf_printf(&doc,
               "{\"machine\":{\"cores\":%d,\"cpu_path\":\"%s\"},\"peak_gflops\":", cpu_usable(),
               cpu_path());
    buf_json_number(&doc, peak, 4);
    buf_puts(&doc, ",\"results\":[");
    FILE *table = strcmp(a->json, "-") == 0 ? stderr : stdout;
    fprintf(table, "%d usable cores, %s, peak %.0f GF/s per core\n", cpu_usable(), cpu_path(),
            peak);
    for (int i = 0; i < BENCHES && !rc; i++) {
        struct bench_result r;
        if (!chosen(a, i))
            continue;
        rc = run_row(&pace, i, given, &r, err);
        if (rc == ONIC_ENOTFOUND) { /* a part this machine lacks: said, not failed */
            fprintf(table, "%-14s left out: %s\n", benches[i].name, err->msg);
            rc = ONIC_OK;
            continue;
        }
        if (rc)
            break;
        print_result(table, &r);
        if (doc.data[doc.len - 1] == '}')
            buf_puts(&doc, ",");
        put_result(&doc, &r);
    }
    if (a->quick && !rc)
        fputs("bench: rounds of --quick are too short for figures to keep\n", stderr);
    buf_puts(&doc, "]}\n");
    if (!rc && json)
        fwrite(doc.data, 1, doc.len, json);
    int closed = result_close(json, a->json, rc ? NULL : err);
    buf_release(&doc);
    return rc ? rc : closed;
}
