/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - `onic doctor`: what of onic works on this machine, and what to do about the rest.
 *
 * A check is a function that fills in a verdict and one sentence; the table below is their order.
 * Only what makes every run impossible is `fail`; a missing wheel is `warn`, because MiniGrid with
 * pattern rules runs without any. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "common/base/cpu.h"
#include "common/base/paths.h"
#include "common/base/shown.h"
#include "common/config/config.h"
#include "common/nn/blas.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/doctor.h"

static const char *const verdict_names[] = {"ok", "warn", "fail"};

static void check_programs(const struct config *cfg, struct finding *f)
{
    static const char *const names[] = {"onic-learner", "onic-actor", "onic-reward-server"};
    char path[PATHS_MAX];
    struct onic_err err = {0};
    (void)cfg;
    for (int i = 0; i < 3; i++)
        if (paths_beside_program(names[i], path, sizeof path, &err) != ONIC_OK) {
            f->verdict = VERDICT_FAIL;
            buf_puts(&f->text, err.msg);
            return;
        }
    buf_puts(&f->text, "onic-learner, onic-actor and onic-reward-server are beside onic");
}

static void check_cpu(const struct config *cfg, struct finding *f)
{
    struct cpu_features c = cpu_features();
    (void)cfg;
    buf_printf(&f->text, "AVX2 and FMA are usable; AVX-512 %s; kernels: %s",
               c.avx512 ? "too" : "is not", cpu_path());
}

static void check_cores(const struct config *cfg, struct finding *f)
{
    double quota = cpu_quota("");
    (void)cfg;
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

static void check_blas(const struct config *cfg, struct finding *f)
{
    struct onic_err err = {0};
    (void)cfg;
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

static void check_environments(const struct config *cfg, struct finding *f)
{
    bool first = true;
    struct onic_err plugin = {0};
    if (env_plugin_load(cfg->env_plugin, &plugin) != ONIC_OK) {
        f->verdict = VERDICT_FAIL;
        buf_printf(&f->text, "%s; ", plugin.msg);
    }
    for (int i = 0; i < env_family_count(); i++) {
        const struct env_family *family = env_family_at(i);
        struct onic_err err = {0};
        bool ok = !family->available || family->available(cfg, &err) == ONIC_OK;
        buf_printf(&f->text, "%s%s %s", first ? "" : "; ", family->family,
                   ok ? "can be played" : "cannot: ");
        first = false;
        if (!ok) {
            f->verdict = VERDICT_WARN;
            buf_puts(&f->text, err.msg);
        }
    }
}

static void check_shared_files(const struct config *cfg, struct finding *f)
{
    char path[PATHS_MAX];
    struct onic_err err = {0};
    if (cfg->annotator_goals_dir[0])
        snprintf(path, sizeof path, "%s", cfg->annotator_goals_dir);
    else if (paths_share("goals", path, sizeof path, &err) != ONIC_OK) {
        f->verdict = VERDICT_FAIL;
        buf_puts(&f->text, err.msg);
        return;
    }
    if (access(path, R_OK | X_OK) != 0)
        f->verdict = VERDICT_FAIL;
    buf_printf(&f->text, "goals and caption pools %s %s",
               f->verdict == VERDICT_OK ? "are in" : "cannot be read in", path);
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

static void doctor_check_memory(const struct config *cfg, struct finding *f)
{
    double free_bytes = doctor_read_number("/proc/meminfo", "MemAvailable:", 1024);
    double limit = doctor_read_number("/sys/fs/cgroup/memory.max", "", 1);
    (void)cfg;
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

static void check_tmpfs(const struct config *cfg, struct finding *f)
{
    (void)cfg;
    put_space(f, "/dev/shm", "NetHack's private folders", 0x1p28);
}

static void doctor_check_disk(const struct config *cfg, struct finding *f)
{
    (void)cfg;
    put_space(f, ".", "run directories", 0x1p30);
}

static void doctor_check_files(const struct config *cfg, struct finding *f)
{
    struct rlimit r = {0};
    (void)cfg;
    getrlimit(RLIMIT_NOFILE, &r);
    buf_printf(&f->text, "%llu open files allowed", (unsigned long long)r.rlim_cur);
    if (r.rlim_cur < 1024) {
        f->verdict = VERDICT_WARN;
        buf_puts(&f->text, "; `ulimit -n 4096` before a run with many actors");
    }
}

static const struct {
    const char *name;
    void (*run)(const struct config *cfg, struct finding *f);
} checks[] = {
    {"cpu", check_cpu},
    {"cores", check_cores},
    {"programs", check_programs},
    {"blas", check_blas},
    {"environments", check_environments},
    {"embedding", doctor_embedding},
    {"llm", doctor_llm},
    {"annotator", doctor_annotator},
    {"shared files", check_shared_files},
    {"memory", doctor_check_memory},
    {"tmpfs", check_tmpfs},
    {"disk", doctor_check_disk},
    {"file limit", doctor_check_files},
};
enum { CHECKS = sizeof checks / sizeof checks[0] };

static int doctor_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name;
    (void)value;
    (void)err;
    *(bool *)ctx = true;
    return ONIC_OK;
}

static void put_finding(const char *name, const struct finding *f, bool json, bool last,
                        struct buf *out)
{
    if (!json) {
        buf_printf(out, "%-4s  %-13s %s\n", verdict_names[f->verdict], name, f->text.data);
        return;
    }
    buf_puts(out, "{\"name\":");
    buf_json_string(out, name, strlen(name));
    buf_printf(out, ",\"verdict\":\"%s\",\"text\":", verdict_names[f->verdict]);
    buf_json_string(out, f->text.data, f->text.len);
    buf_puts(out, last ? "}" : "},\n");
}

int cmd_doctor(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    bool json = false, failed = false;
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic doctor",
        .rows = "env.nle env.plugin env.id annotator.id annotator.fallback annotator.goal "
                "annotator.domain annotator.goals_dir annotator.prompt annotator.prompts_dir "
                "reward.model reward.server command rules embedding llm security.allow_insecure",
        .usage = "usage: onic doctor [CONFIG.yaml ...] [--json] [--section.key=value ...]\n"
                 "Checks this machine, and asks the annotator of the configuration one real\n"
                 "question (of llm: each server); without annotator.id=llm no language model is\n"
                 "asked. Exit code 64 when something makes every run impossible.\n",
        .extra = (const char *const[]){"--json=-", NULL},
        .on_extra = doctor_on_extra,
        .ctx = &json,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (rc)
        return command_result("doctor", rc, &err);
    struct buf out;
    buf_init(&out, 1 << 18);
    if (json)
        buf_puts(&out, "{\"checks\":[");
    for (int i = 0; i < CHECKS; i++) {
        struct finding f = {.verdict = VERDICT_OK};
        buf_init(&f.text, 8192);
        checks[i].run(&cfg, &f);
        put_finding(checks[i].name, &f, json, i == CHECKS - 1, &out);
        failed |= f.verdict == VERDICT_FAIL;
        buf_release(&f.text);
    }
    if (json)
        buf_puts(&out, "]}\n");
    shown_write(stdout, out.data, out.len);
    buf_release(&out);
    return failed ? 64 : 0;
}
