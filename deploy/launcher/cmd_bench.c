/* SPDX-License-Identifier: MIT */
/* cmd_bench.c - `onic bench`: runs the lines of benches.def and prints a table or the document of
 * interface.md section 7. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/cpu.h"
#include "common/base/xmalloc.h"
#include "deploy/launcher/bench.h"
#include "deploy/launcher/commands.h"
#include "deploy/launcher/result_file.h"

static const struct {
    const char *name;
    bench_function *run;
    const char *summary;
} benches[] = {
#define BENCH(id, function, summary) {id, function, summary},
#include "deploy/launcher/benches.def"
#undef BENCH
};
enum { BENCHES = sizeof benches / sizeof benches[0] };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *x, int n)
{
    double sorted[BENCH_ROUNDS_MAX];
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void bench_ratio(struct bench_result *r, const double *a, const double *b, int n, bool cost)
{
    double ratio[BENCH_ROUNDS_MAX];
    ONIC_ASSERT(n >= 1 && n <= BENCH_ROUNDS_MAX);
    for (int i = 0; i < n; i++) {
        ratio[i] = cost ? b[i] / a[i] : a[i] / b[i];
        if (i == 0 || ratio[i] < r->min)
            r->min = ratio[i];
        if (i == 0 || ratio[i] > r->max)
            r->max = ratio[i];
    }
    r->value = median(a, n);
    r->value_b = median(b, n);
    r->ratio = median(ratio, n);
    r->n = n;
}

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

struct bench_args {
    bool quick;
    char only[64], json[CONFIG_STR_MAX];
};

static int on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct bench_args *a = ctx;
    (void)err;
    name += strspn(name, "-");
    if (strncmp(name, "quick", 5) == 0)
        a->quick = true;
    else if (strncmp(name, "only", 4) == 0)
        snprintf(a->only, sizeof a->only, "%s", value);
    else
        snprintf(a->json, sizeof a->json, "%s", value);
    return ONIC_OK;
}

static void put_result(struct buf *out, const struct bench_result *r)
{
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
    buf_printf(out, ",\"n\":%d", r->n);
    buf_puts(out, ",\"score_us_per_frame\":");
    buf_json_number(out, r->score_us, 4);
    buf_puts(out, ",\"train_share\":");
    buf_json_number(out, r->train_share, 4);
    buf_puts(out, ",\"ratio_net\":");
    buf_json_number(out, r->ratio_net, 6);
    buf_puts(out, ",\"labels_per_s\":");
    buf_json_number(out, r->labels_per_s, 4);
    buf_puts(out, ",\"labels_cpu\":");
    buf_json_number(out, r->labels_cpu, 4);
    buf_puts(out, "}");
}

static void print_result(FILE *table, const struct bench_result *r)
{
    fprintf(table, "%-14s ratio %.3f (%.3f .. %.3f, n=%d)  %.4g against %.4g %s: %s", r->name,
            r->ratio, r->min, r->max, r->n, r->value, r->value_b, r->unit, r->of);
    if (isfinite(r->score_us))
        fprintf(table, "; scores %.3f us/frame", r->score_us);
    if (isfinite(r->train_share))
        fprintf(table, "; its training %.1f %% of the learner's time, ratio over the rest %.3f",
                100 * r->train_share, r->ratio_net);
    if (isfinite(r->labels_per_s))
        fprintf(table, "; %.0f labels/s", r->labels_per_s);
    if (isfinite(r->labels_cpu))
        fprintf(table, " in %.2f %% of its CPU time", 100 * r->labels_cpu);
    fprintf(table, "\n");
    fflush(table); /* a row takes minutes: seen at once, also in a file */
}

static bool chosen(const struct bench_args *a, int i)
{
    return strncmp(a->only, benches[i].name, strlen(a->only)) == 0;
}

static int check_only(const struct bench_args *a, struct onic_err *err)
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

static int run_all(const struct bench_args *a, const struct config *cfg, struct onic_err *err)
{
    struct bench_options o = {.quick = a->quick, .cfg = cfg};
    struct buf doc;
    FILE *json = NULL;
    int rc = a->json[0] ? result_open(&json, a->json, err) : ONIC_OK;
    if (rc)
        return rc;
    buf_init(&doc, 1 << 20);
    double peak = peak_gflops();
    buf_printf(&doc,
               "{\"machine\":{\"cores\":%d,\"cpu_path\":\"%s\"},\"peak_gflops\":", cpu_usable(),
               cpu_path());
    buf_json_number(&doc, peak, 4);
    buf_puts(&doc, ",\"results\":[");
    FILE *table = strcmp(a->json, "-") == 0 ? stderr : stdout;
    fprintf(table, "%d usable cores, %s, peak %.0f GF/s per core\n", cpu_usable(), cpu_path(),
            peak);
    for (int i = 0; i < BENCHES && rc == ONIC_OK; i++) {
        if (!chosen(a, i))
            continue;
        struct bench_result r = {.name = benches[i].name,
                                 .score_us = (double)NAN,
                                 .train_share = (double)NAN,
                                 .ratio_net = (double)NAN,
                                 .labels_cpu = (double)NAN,
                                 .labels_per_s = (double)NAN};
        o.name = benches[i].name;
        fprintf(stderr, "bench: %s: %s ...\n", benches[i].name, benches[i].summary);
        rc = benches[i].run(&o, &r, err);
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
    buf_puts(&doc, "]}\n");
    if (rc == ONIC_OK && json)
        fwrite(doc.data, 1, doc.len, json);
    int closed = result_close(json, a->json, rc ? NULL : err);
    buf_release(&doc);
    return rc ? rc : closed;
}

int cmd_bench(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config cfg;
    struct bench_args a = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic bench",
        .rows = "run.seed env policy train",
        .usage = "usage: onic bench [--quick] [--only=NAME] [--json=FILE|-]\n"
                 "Measures ratios inside one run. Takes some minutes; --quick checks that "
                 "everything runs.\n",
        .extra = (const char *const[]){"--quick", "--only=", "--json=", NULL},
        .on_extra = on_extra,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (rc == ONIC_OK)
        rc = check_only(&a, &err);
    if (rc == ONIC_OK)
        rc = run_all(&a, &cfg, &err);
    return command_result("bench", rc, &err);
}
