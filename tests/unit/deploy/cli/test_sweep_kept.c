/* SPDX-License-Identifier: MIT */
/* test_sweep_kept.c - what is kept of a run compares as the run does, and names no path. */
#include "deploy/cli/sweep_kept.h"

#include <math.h>
#include <stdlib.h>

#include "deploy/cli/compare_curve.h"
#include "deploy/cli/compare_extra.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum {
    SUCCESS = COMPARE_METRICS,
    SCORE,
    KL,
    LABELS,
    COLUMNS = 4,
    LINES = 1234,
    TEXT_MAX = 1 << 22
};
static const char *const names[COLUMNS] = {"policy_stats/success_rate", "reward/reward",
                                           "train/kl_divergence", "annot/labels_total"};

/* A success that rises and is noisy, so that another choice of lines reaches a threshold elsewhere;
 * numbers that are largest once, and one that ends before the run does. */
static void write_run(const char *path, int lines)
{
    FILE *f = fopen(path, "w");
    unsigned noise = 1;
    assert_non_null(f);
    fputs("{\"wall_s\":0.5,\"perf/_fps\":3}\n{\"wall_s\":0.7,\"env_st\n", f);
    for (int i = 0; i < lines; i++) {
        noise = noise * 1103515245u + 12345u;
        double rise = (double)i / lines, shake = (double)(noise >> 16 & 255) / 255 - 0.5;
        fprintf(f,
                "{\"time\":1,\"wall_s\":%.3f,\"env_steps\":%d,\"train/episodes_total\":%d,"
                "\"policy_stats/success_rate\":%.4f,\"reward/reward\":%.9g,"
                "\"train/kl_divergence\":%.9g,\"perf/_fps\":5",
                2.0 * i, 3071 * (i + 1), 7 * i, fmin(1, fmax(0, rise + 0.2 * shake)),
                rise * rise + 0.1 * shake, i == 777 ? 3.25 : 0.01 + 0.01 * shake);
        fprintf(f, i < lines - 5 ? ",\"annot/labels_total\":%d}\n" : ",\"annot/tie\":%d}\n",
                lines - i);
        if (i == lines / 2) /* rolled back: what comes next begins earlier */
            fprintf(f, "{\"wall_s\":1,\"env_steps\":%d,\"train/kl_divergence\":9}\n",
                    3071 * (lines + 9));
    }
    fclose(f);
}

static struct compare_curve curve_in(const char *folder)
{
    struct compare_curve c;
    assert_ok(compare_curve_read(&c, folder, names, COLUMNS, &err));
    return c;
}

/* Reads what is kept of the run in the test's folder. */
static struct compare_curve kept_curve(struct buf *out)
{
    char folder[400], path[420];
    snprintf(folder, sizeof folder, "%s/kept", files_folder());
    snprintf(path, sizeof path, "/kept/metrics.jsonl");
    FILE *f = fopen(files_in("metrics.jsonl"), "r");
    assert_non_null(f);
    buf_init(out, TEXT_MAX);
    sweep_kept_metrics(f, out);
    fclose(f);
    files_make(files_folder(), path, out->data);
    return curve_in(folder);
}

static double extra(const struct compare_curve *c, int column, enum compare_take take)
{
    const struct compare_extra e = {.take = take};
    return compare_extra_of(&e, c, column);
}

static void a_kept_run_compares_as_the_run_does(void **state)
{
    struct buf out;
    (void)state;
    write_run(files_in("metrics.jsonl"), LINES);
    struct compare_curve run = curve_in(files_folder()), kept = kept_curve(&out);
    assert_int_equal(kept.n, run.n);
    for (int y = SUCCESS; y <= SCORE; y++)
        for (double least = 0; least <= 1; least += 0.05)
            for (int x = COMPARE_FRAMES; x <= COMPARE_SECONDS; x++) {
                double want = compare_curve_reaches(&run, x, y, least),
                       got = compare_curve_reaches(&kept, x, y, least);
                assert_true(isnan(want) ? isnan(got) : got == want);
            }
    assert_close(extra(&kept, KL, COMPARE_TAKE_MAX), 3.25, 0, 1e-9);
    assert_close(extra(&run, KL, COMPARE_TAKE_MAX), 3.25, 0, 1e-9);
    for (int y = SUCCESS; y <= LABELS; y++)
        assert_close(compare_curve_last(&kept, y), compare_curve_last(&run, y), 1e-6, 0);
    assert_close(compare_curve_last(&kept, LABELS), 6, 0, 1e-9); /* not on the last line */
    compare_curve_free(&run);
    compare_curve_free(&kept);
    buf_release(&out);
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
        n++;
    return n;
}

static void what_is_no_part_of_a_table_is_kept_of_few_lines(void **state)
{
    struct buf out;
    (void)state;
    write_run(files_in("metrics.jsonl"), LINES);
    struct compare_curve kept = kept_curve(&out);
    int kl = count(out.data, "\"train/kl_divergence\"");
    assert_true(kl > SWEEP_KEPT_WHOLE / 2 && kl <= SWEEP_KEPT_WHOLE + 3);
    assert_int_equal(count(out.data, "perf/_fps"), 0);
    assert_int_equal(count(out.data, "\n"), LINES);
    assert_true(out.len < LINES * 200);
    compare_curve_free(&kept);
    buf_release(&out);
}

static void of_a_run_of_weeks_a_bounded_part_is_kept(void **state)
{
    struct buf out;
    (void)state;
    write_run(files_in("metrics.jsonl"), 3 * SWEEP_KEPT_LINES + 5);
    struct compare_curve kept = kept_curve(&out);
    assert_true(kept.n > SWEEP_KEPT_LINES / 2 && kept.n <= SWEEP_KEPT_LINES + SWEEP_KEPT_WHOLE + 1);
    assert_close(compare_at(&kept, kept.n - 1, COMPARE_FRAMES), 3071.0 * (3 * SWEEP_KEPT_LINES + 5),
                 0, 0.5);
    compare_curve_free(&kept);
    buf_release(&out);
}

static void options_are_kept_but_for_paths_of_a_machine(void **state)
{
    char text[] = "env:\n"
                  "  id: 'minigrid:KeyCorridorS3R3'  # command line\n"
                  "  nle: '/srv/cache/libnle.so'  # command line\n"
                  "reward:\n"
                  "  coef_ext: 1  # /srv/onic/deploy/configs/keycorridor.yaml\n"
                  "  coef_int: 0.2  # deploy/configs/keycorridor.yaml\n"
                  "command:\n"
                  "  run: 'python3 /srv/judge.py'  # command line\n"
                  "gym:\n"
                  "  modules: 'a=/srv/me/a,b'  # command line\n"
                  "llm:\n"
                  "  url: 'http://127.0.0.1:8000/v1'  # command line\n"
                  "reward_server:\n"
                  "  address: 'ipc:///tmp/x.sock'  # command line\n"
                  "# of run: 0123\n"
                  "# checksum of the lines above: 0123\n";
    struct buf out;
    (void)state;
    buf_init(&out, TEXT_MAX);
    sweep_kept_options(text, &out);
    assert_string_equal(out.data, "env:\n"
                                  "  id: 'minigrid:KeyCorridorS3R3'  # command line\n"
                                  "reward:\n"
                                  "  coef_ext: 1\n"
                                  "  coef_int: 0.2  # deploy/configs/keycorridor.yaml\n"
                                  "command:\n"
                                  "gym:\n"
                                  "llm:\n"
                                  "  url: 'http://127.0.0.1:8000/v1'  # command line\n"
                                  "reward_server:\n");
    buf_release(&out);
}

#define FILES(test) cmocka_unit_test_setup_teardown(test, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES(a_kept_run_compares_as_the_run_does),
        FILES(what_is_no_part_of_a_table_is_kept_of_few_lines),
        FILES(of_a_run_of_weeks_a_bounded_part_is_kept),
        cmocka_unit_test(options_are_kept_but_for_paths_of_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
