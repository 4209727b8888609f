/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `onic export`: the policy of a run as a model that other programs run. */
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/checkpoint/safe_file.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/record_output.h"
#include "deploy/cli/run_open.h"
#include "deploy/onnx/model.h"

enum { EXPORT_BYTES_MAX = 0x7fffffff, EXPORT_OPSET = 17 }; /* ONNX files end at 2 GiB */

struct export_args {
    char path[CONFIG_STR_MAX], onnx[CONFIG_STR_MAX];
    int opset;
    bool force;
};

static int export_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct export_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "force", 5) == 0) {
        a->force = true;
        return ONIC_OK;
    }
    if (strncmp(name, "onnx", 4) == 0) {
        if (!value || !value[0] || strlen(value) >= sizeof a->onnx)
            return err_set(err, ONIC_ECONFIG, "--onnx needs the name of a file");
        snprintf(a->onnx, sizeof a->onnx, "%s", value);
        return ONIC_OK;
    }
    int64_t opset = a->opset;
    int rc = config_flag_int(name, value, 1, 1000, &opset, err);
    a->opset = (int)opset;
    return rc;
}

static int export_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct export_args *a = ctx;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "two runs were given, '%s' and '%s': export one at a time", a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

static void export_say(const struct export_args *a, const struct stored_policy *p, size_t bytes)
{
    const struct policy_config *c = policy_config(p->policy);
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_printf(&text, "%s: %s of %s after ", a->onnx, c->net, p->env.id);
    buf_put_thousands(&text, (double)p->env_steps);
    buf_printf(&text, " frames, opset %d, ", a->opset);
    buf_put_thousands(&text, (double)bytes);
    buf_puts(&text, " bytes\nobservation: ");
    obs_spec_text(&c->obs, &text);
    buf_puts(&text, "\nactions: ");
    action_space_text(&c->actions, &text);
    buf_puts(&text, "\n");
    shown_write(stdout, text.data, text.len);
    buf_release(&text);
}

static int run_export(const struct export_args *a, struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    struct stored_policy policy = {0};
    struct buf model;
    buf_init(&model, EXPORT_BYTES_MAX);
    int rc = record_check_path("--onnx", a->onnx, a->force, err);
    if (!rc)
        rc = loaded_run_checkpoint(&file, a->path, err);
    if (!rc)
        rc = stored_policy_open(&policy, file, err);
    if (!rc)
        rc = onnx_model_write(&policy, a->opset, &model, err);
    if (!rc)
        rc = record_check_absent(a->onnx, a->force, err);
    if (!rc)
        rc = safe_replace_bytes(a->onnx, model.data, model.len, err);
    if (!rc)
        export_say(a, &policy, model.len);
    buf_release(&model);
    stored_policy_close(&policy);
    checkpoint_close(file);
    return rc;
}

int cmd_export(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    struct export_args a = {.opset = EXPORT_OPSET};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic export",
        .rows = "log",
        .usage =
            "usage: onic export RUN|CHECKPOINT --onnx=FILE [--opset=17] [--force]\n"
            "Writes the policy as an ONNX model: one step for a batch of any size, observation "
            "fields in,\nlogits (or mean and log_std of numbers) and values out, the state of a "
            "recurrent policy in and out.\nNeither the environment nor a library that it needs "
            "has to be there. --opset=17 to 21: the\noperator set. A file of that name is "
            "replaced with --force only.\n",
        .extra = (const char *const[]){"--onnx=", "--opset=", "--force", NULL},
        .on_extra = export_on_extra,
        .on_positional = export_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    log_set_role("export");
    if (!rc && !a.path[0])
        rc = err_set(&err, ONIC_ECONFIG, "nothing to export: give a run directory or a checkpoint");
    if (!rc && !a.onnx[0])
        rc = err_set(&err, ONIC_ECONFIG, "where to? give --onnx=FILE");
    if (!rc)
        rc = run_export(&a, &err);
    return command_result("export", rc, &err);
}
