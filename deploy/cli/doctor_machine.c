/* SPDX-License-Identifier: MIT */
/* doctor_machine.c - see doctor_machine.h. */
#define _GNU_SOURCE
#include "deploy/cli/doctor_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/paths.h"
#include "common/nn/blas.h"

void doctor_programs(struct finding *f)
{
    static const char *const names[] = {"onic-learner", "onic-actor", "onic-reward-server"};
    char path[PATHS_MAX];
    struct onic_err err = {0};
    for (int i = 0; i < 3; i++)
        if (paths_beside_program(names[i], path, sizeof path, &err) != ONIC_OK) {
            f->verdict = VERDICT_FAIL;
            buf_puts(&f->text, err.msg);
            return;
        }
    buf_puts(&f->text, "onic-learner, onic-actor and onic-reward-server are beside onic");
}

void doctor_cpu(struct finding *f)
{
    struct cpu_features c = cpu_features();
    buf_printf(&f->text, "AVX2 and FMA are usable; AVX-512 %s; kernels: %s",
               c.avx512 ? "too" : "is not", cpu_path());
}

void doctor_cores(struct finding *f)
{
    double quota = cpu_quota("");
    buf_printf(&f->text, "%d usable (affinity %d, cgroup quota ", cpu_usable(), cpu_affinity());
    if (quota > 0)
        buf_printf(&f->text, "%.2f)", quota);
    else
        buf_puts(&f->text, "none)");
    if (cpu_usable() < 2) {
        f->verdict = VERDICT_WARN;
        buf_puts(&f->text, "; learner and actors share one core");
    }
}

void doctor_blas(struct finding *f)
{
    struct onic_err err = {0};
    if (blas_start(&err) != ONIC_OK) {
        f->verdict = VERDICT_FAIL; /* policies refuse to be created */
        buf_puts(&f->text, err.msg);
        return;
    }
    buf_printf(&f->text, "OpenBLAS with kernels for %s, one thread per caller as it should be",
               blas_core());
    const char *better = blas_better_core(blas_core(), cpu_path());
    const char *set = getenv("OPENBLAS_CORETYPE");
    if (!better)
        return;
    f->verdict = VERDICT_WARN; /* the user's choice, not in this library, or exec failed */
    buf_printf(&f->text, "; with those for %s training is 1.6 to 4 times as fast: ", better);
    if (set && strcmp(set, better) == 0)
        buf_puts(&f->text, "install a newer OpenBLAS, this one has none");
    else if (set && *set)
        buf_puts(&f->text, "unset OPENBLAS_CORETYPE");
    else
        buf_printf(&f->text, "set OPENBLAS_CORETYPE=%s", better);
}

/* Number behind `key` in a /proc or cgroup file, in bytes times unit; -1 when absent. */
static double doctor_read_number(const char *path, const char *key, double unit)
{
    char line[256];
    double v = -1;
    FILE *file = fopen(path, "re");
    while (file && v < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%lf", &v) == 1)
            v *= unit;
    if (file)
        fclose(file);
    return v;
}

void doctor_memory(struct finding *f)
{
    double free_bytes = doctor_read_number("/proc/meminfo", "MemAvailable:", 1024);
    double limit = doctor_read_number("/sys/fs/cgroup/memory.max", "", 1);
    buf_printf(&f->text, "%.1f GiB available", free_bytes / 0x1p30);
    if (limit > 0)
        buf_printf(&f->text, ", cgroup limit %.1f GiB", limit / 0x1p30);
    if (free_bytes < 0x1p30 || (limit > 0 && limit < 0x1p30)) {
        f->verdict = VERDICT_WARN;
        buf_puts(&f->text, "; less than 1 GiB is tight for NetHack");
    }
}

static void put_space(struct finding *f, const char *path, const char *use, double need)
{
    struct statvfs s;
    if (statvfs(path, &s) != 0 || access(path, W_OK) != 0) {
        f->verdict = VERDICT_WARN;
        buf_printf(&f->text, "%s cannot be written; it is used for %s", path, use);
        return;
    }
    double free_bytes = (double)s.f_bavail * (double)s.f_frsize;
    buf_printf(&f->text, "%s has %.1f GiB free for %s", path, free_bytes / 0x1p30, use);
    if (free_bytes < need) {
        f->verdict = VERDICT_WARN;
        buf_printf(&f->text, "; at least %.2f GiB are advised", need / 0x1p30);
    }
}

void doctor_tmpfs(struct finding *f)
{
    put_space(f, "/dev/shm", "NetHack's private folders", 0x1p28);
}

void doctor_disk(struct finding *f)
{
    put_space(f, ".", "run directories", 0x1p30);
}

void doctor_files(struct finding *f)
{
    struct rlimit r = {0};
    getrlimit(RLIMIT_NOFILE, &r);
    buf_printf(&f->text, "%llu open files allowed", (unsigned long long)r.rlim_cur);
    if (r.rlim_cur < 1024) {
        f->verdict = VERDICT_WARN;
        buf_puts(&f->text, "; `ulimit -n 4096` before a run with many actors");
    }
}
