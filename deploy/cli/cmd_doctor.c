/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - `onic doctor`: what of onic works on this machine, and what to do about the rest.
 *
 * A check is a function that fills in a verdict and one sentence; the table below is their order.
 * Only what makes every run impossible is `fail`; a missing wheel is `warn`, because MiniGrid with
 * pattern rules runs without any. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "common/base/paths.h"
#include "common/base/shown.h"
#include "common/config/config.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/doctor_keys.h"
#include "deploy/cli/doctor_machine.h"
#include "deploy/cli/doctor_open.h"

static const char *const verdict_names[] = {"ok", "warn", "fail"};

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

static void check_keys_folder(const struct config *cfg, struct finding *f)
{
    doctor_keys(cfg->security_keys, f);
}

static const struct {
    const char *name;
    void (*machine)(struct finding *f); /* one of the two */
    void (*options)(const struct config *cfg, struct finding *f);
} checks[] = {
    {.name = "cpu", .machine = doctor_cpu},
    {.name = "cores", .machine = doctor_cores},
    {.name = "programs", .machine = doctor_programs},
    {.name = "blas", .machine = doctor_blas},
    {.name = "environments", .options = check_environments},
    {.name = "embedding", .options = doctor_open_embedding},
    {.name = "llm", .options = doctor_open_llm},
    {.name = "annotator", .options = doctor_open_annotator},
    {.name = "shared files", .options = check_shared_files},
    {.name = "keys", .options = check_keys_folder},
    {.name = "memory", .machine = doctor_memory},
    {.name = "tmpfs", .machine = doctor_tmpfs},
    {.name = "disk", .machine = doctor_disk},
    {.name = "file limit", .machine = doctor_files},
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
    buf_json_utf8(out, f->text.data);
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
                "reward.model reward.server command rules embedding llm security",
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
        if (checks[i].machine)
            checks[i].machine(&f);
        else
            checks[i].options(&cfg, &f);
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
