/* SPDX-License-Identifier: MIT */
/* cpu.c - instruction set and usable cores; see cpu.h.
 *
 * This file alone is compiled for plain x86-64 (common/CMakeLists.txt): everything else may hold
 * AVX2 instructions anywhere, also in main(), so the check has to run before main() as a
 * constructor.
 *
 * Cores: sysconf() counts the host's. In a container with --cpus=2 on a 64-core host, 64 actors
 * would share two cores and be throttled for most of each 100 ms period, so the quota of every
 * cgroup from our own up to the root is read; the tightest holds. */
#define _GNU_SOURCE
#include "common/base/cpu.h"

#include <cpuid.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cpu_features cpu_features(void)
{
    __builtin_cpu_init(); /* also checks that the operating system saves the wide registers */
    unsigned a, b, c = 0, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29));
    return (struct cpu_features){
        .avx2 = __builtin_cpu_supports("avx2"),
        .fma = __builtin_cpu_supports("fma"),
        .bmi2 = __builtin_cpu_supports("bmi2"),
        .f16c = f16c,
        .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"),
    };
}

bool cpu_supported(struct cpu_features f, char *sentence, size_t size)
{
    if (f.avx2 && f.fma && f.bmi2 && f.f16c)
        return true;
    snprintf(
        sentence, size,
        "onic needs a CPU with AVX2, FMA, BMI2 and F16C (x86-64-v3, any Intel since 2013 or AMD "
        "since 2015), and this one lacks%s%s%s%s; run it on another machine",
        f.avx2 ? "" : " AVX2", f.fma ? "" : " FMA", f.bmi2 ? "" : " BMI2", f.f16c ? "" : " F16C");
    return false;
}

/* The one place outside main.c that ends a process: nothing compiled for AVX2 may run before it. */
__attribute__((constructor(101))) static void check_cpu_before_main(void)
{
    char sentence[256];
    if (cpu_supported(cpu_features(), sentence, sizeof sentence))
        return;
    fprintf(stderr, "%s\n", sentence);
    _exit(64);
}

const char *cpu_path(void)
{
    return cpu_features().avx512 ? "avx512" : "avx2";
}

int cpu_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 CPUs: the fixed set is too small */
    return n > 0 ? (int)n : 1;
}

/* First line of root + dir + name; false when it cannot be read. */
static bool read_line(const char *root, const char *dir, const char *name, char *line, size_t size)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s%s%s", root, dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return ok;
}

static double quota_v2(const char *root, const char *dir)
{
    char line[128];
    double quota, period;
    if (!read_line(root, dir, "/cpu.max", line, sizeof line) ||
        sscanf(line, "%lf %lf", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return 0; /* "max 100000" does not scan: no limit */
    return quota / period;
}

static double quota_v1(const char *root, const char *dir)
{
    char quota[64], period[64];
    if (!read_line(root, dir, "/cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_line(root, dir, "/cpu.cfs_period_us", period, sizeof period))
        return 0;
    double q = strtod(quota, NULL), p = strtod(period, NULL);
    return q > 0 && p > 0 ? q / p : 0;
}

/* The tightest quota of mount + path and of every parent up to mount itself. */
static double walk_up(const char *root, const char *mount, const char *path,
                      double (*quota)(const char *, const char *))
{
    char dir[2048];
    int n = snprintf(dir, sizeof dir, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    if (n < 0 || (size_t)n >= sizeof dir)
        return 0;
    double best = 0;
    for (;;) {
        double q = quota(root, dir);
        if (q > 0 && (best == 0 || q < best))
            best = q;
        if (strlen(dir) <= strlen(mount))
            return best;
        *strrchr(dir, '/') = '\0';
    }
}

/* True when the comma-separated list of a cgroup v1 line holds the controller "cpu". */
static bool has_cpu_controller(const char *list)
{
    size_t n = strlen(list);
    for (const char *p = list; p < list + n; p += strcspn(p, ",") + 1)
        if (strncmp(p, "cpu", 3) == 0 && (p[3] == ',' || p[3] == '\0'))
            return true;
    return false;
}

double cpu_quota(const char *root)
{
    char path[4096], line[2048];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    double best = 0;
    while (fgets(line, sizeof line, f)) { /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = '\0';
        char *first = strchr(line, ':');
        char *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            continue;
        *second = '\0';
        const char *controllers = first + 1, *group = second + 1;
        double q = 0;
        if (controllers[0] == '\0')
            q = walk_up(root, "/sys/fs/cgroup", group, quota_v2);
        else if (has_cpu_controller(controllers)) {
            q = walk_up(root, "/sys/fs/cgroup/cpu", group, quota_v1);
            if (q == 0)
                q = walk_up(root, "/sys/fs/cgroup/cpu,cpuacct", group, quota_v1);
        }
        if (q > 0 && (best == 0 || q < best))
            best = q;
    }
    fclose(f);
    return best;
}

int cpu_usable(void)
{
    int cores = cpu_affinity();
    double quota = cpu_quota("");
    if (quota > 0 && ceil(quota - 0.01) < cores)
        cores = (int)ceil(quota - 0.01);
    return cores > 1 ? cores : 1;
}
