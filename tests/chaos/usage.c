/* SPDX-License-Identifier: MIT */
/* usage.c - see usage.h. */
#include "tests/chaos/usage.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MIN = 4, BLOCKS_MAX = 4096 };

static int count_files(pid_t pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

bool usage_of(pid_t pid, struct usage *out)
{
    char path[64], line[256];
    long rss_kib = -1, anon_kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "VmRSS: %ld", &rss_kib);
        sscanf(line, "RssAnon: %ld", &anon_kib);
    }
    if (f)
        fclose(f);
    *out = (struct usage){.rss_mb = (double)rss_kib * 1.024e-3,
                          .anon_mb = (double)anon_kib * 1.024e-3,
                          .files = count_files(pid)};
    return rss_kib >= 0 && anon_kib >= 0 && out->files >= 0;
}

/* Of Student's distribution, for the middle 95 %. */
static double student(int freedom)
{
    static const double t[] = {12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                               2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                               2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                               2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    const int known = sizeof t / sizeof *t;
    return freedom <= known ? t[freedom - 1] : 2.0;
}

static double mean_from(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;
}

bool slope_of(const double *t, const double *y, int n, int block, struct slope *out)
{
    static double bt[BLOCKS_MAX], by[BLOCKS_MAX];
    int k = n / block < BLOCKS_MAX ? n / block : BLOCKS_MAX;
    *out = (struct slope){.blocks = k};
    if (k < BLOCKS_MIN)
        return false;
    for (int i = 0; i < k; i++) {
        bt[i] = mean_from(t + i * block, block);
        by[i] = mean_from(y + i * block, block);
    }
    double mt = mean_from(bt, k), my = mean_from(by, k), tt = 0, ty = 0, rest = 0;
    for (int i = 0; i < k; i++) {
        tt += (bt[i] - mt) * (bt[i] - mt);
        ty += (bt[i] - mt) * (by[i] - my);
    }
    if (tt <= 0)
        return false;
    out->per_unit = ty / tt;
    for (int i = 0; i < k; i++) {
        double off = by[i] - my - out->per_unit * (bt[i] - mt);
        rest += off * off;
    }
    out->half_width = student(k - 2) * sqrt(rest / (k - 2) / tt);
    return true;
}

static int compare_ints(const void *x, const void *y)
{
    int a = *(const int *)x, b = *(const int *)y;
    return (a > b) - (a < b);
}

int median_of(const int *values, int n)
{
    int *sorted = malloc((size_t)n * sizeof *sorted);
    if (!sorted)
        abort();
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_ints);
    int middle = sorted[n / 2];
    free(sorted);
    return middle;
}
