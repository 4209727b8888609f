/* SPDX-License-Identifier: MIT */
/* cmd_status.c - `onic status RUN`: how a run is, whether it lives or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "common/run/run_dir.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/run_open.h"
#include "deploy/cli/run_status_text.h"
#include "generated/onic_version.h"
#include "learner/reward/reward_model.h"

enum { STATUS_VERSIONS_MAX = 1 << 20 };

struct status_args {
    char run[CONFIG_STR_MAX];
    bool json;
};

/* What of the stored options matters here. */
struct status_stored {
    struct run_status_wish wish;
    char env[CONFIG_STR_MAX], reward_model[CONFIG_STR_MAX], version[64];
    char doubt[RUN_CONFIG_WHY_MAX];
};

static int status_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    (void)name;
    (void)value;
    (void)err;
    ((struct status_args *)ctx)->json = true;
    return ONIC_OK;
}

static int status_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct status_args *a = ctx;
    if (a->run[0])
        return err_set(err, ONIC_ECONFIG, "one run at a time: '%s' or '%s'", a->run, arg);
    snprintf(a->run, sizeof a->run, "%s", arg);
    return ONIC_OK;
}

/* "0.2.0" out of the last line of version.txt, "2026-11-23T19:30:00Z onic 0.2.0 (git ...". */
static void read_version(const char *dir, char *out, size_t size)
{
    char *text = xmalloc(STATUS_VERSIONS_MAX), *at = NULL;
    out[0] = '\0';
    if (run_dir_read(dir, "version.txt", text, STATUS_VERSIONS_MAX, NULL) == ONIC_OK)
        for (char *p = text; (p = strstr(p, "Z onic ")) != NULL; p++)
            at = p;
    if (at)
        snprintf(out, size, "%.*s", (int)strcspn(at + 7, " \n"), at + 7);
    shown_clean_line(out, strlen(out));
    free(text);
}

/* No config.yaml: a run that somebody begins at this moment, or none. */
static int without_config(const char *dir, struct onic_err *err)
{
    char path[CONFIG_STR_MAX + 32];
    double since;
    struct stat st;
    if (run_status_locked(dir, &since) == 1)
        return ONIC_OK;
    snprintf(path, sizeof path, "%s/config.yaml.refused", dir);
    if (stat(path, &st) == 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "the only life of the run in %s was refused before it trained: its log/ "
                       "says why, and `onic train` begins it anew",
                       dir);
    return run_folder_refuse(dir, "config.yaml", err);
}

/* Names of options that this onic does not know are not for here. */
static int read_stored(const char *dir, struct status_stored *out, struct onic_err *err)
{
    struct config *cfg = xmalloc(sizeof *cfg);
    const struct reward_model_type *model;
    enum log_level before = log_set_level(LOG_ERROR);
    config_defaults(cfg);
    int rc = run_dir_config_shown(dir, cfg, out->doubt, err);
    log_set_level(before);
    bool known = !rc;
    if (rc == ONIC_ENOTFOUND)
        rc = without_config(dir, err);
    out->wish = (struct run_status_wish){
        .dir = dir,
        .stop = {.frames = (uint64_t)cfg->run_frames,
                 .success = cfg->stop_success,
                 .wall_s = cfg->stop_wall_s},
        .wants_labels = reward_model_find(cfg->reward_model, &model, NULL) == ONIC_OK &&
                        model->traits.wants_labels};
    snprintf(out->env, sizeof out->env, "%s", known ? cfg->env_id : "");
    snprintf(out->reward_model, sizeof out->reward_model, "%s", known ? cfg->reward_model : "");
    read_version(dir, out->version, sizeof out->version);
    free(cfg);
    return rc;
}

static void say_version(const char *run, const char *version)
{
    if (version[0] && strcmp(version, ONIC_VERSION) != 0)
        log_say(LOG_WARN, "onic status",
                "%s was last run by onic %s and this is %s: what only that one knows is not shown",
                run, version, ONIC_VERSION);
}

static void say_doubt(const char *run, const char *why)
{
    if (why[0])
        log_say(LOG_WARN, "onic status",
                "%s: %s; its options are shown as it says, and what it lacks counts as the default",
                run, why);
}

static int status_show(const struct status_args *a, struct onic_err *err)
{
    struct status_stored *stored = xcalloc(1, sizeof *stored);
    struct run_status s;
    struct buf out;
    int rc = read_stored(a->run, stored, err);
    if (!rc)
        rc = run_status_read(&s, &stored->wish, err);
    if (!rc) {
        const struct run_status_names names = {.run = a->run,
                                               .env = stored->env,
                                               .reward_model = stored->reward_model,
                                               .version = stored->version};
        buf_init(&out, 1 << 18);
        say_version(a->run, stored->version);
        say_doubt(a->run, stored->doubt);
        (a->json ? run_status_json : run_status_text)(&s, &stored->wish, &names, &out);
        shown_write(stdout, out.data, out.len);
        buf_release(&out);
        run_status_free(&s);
    }
    free(stored);
    return rc;
}

int cmd_status(int argc, char **argv)
{
    static struct config cfg;
    struct onic_err err = {0};
    struct status_args a = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic status",
        .rows = "",
        .usage = "usage: onic status RUN [--json]\n"
                 "How a run is: running, stopped, crashed or finished; how far it has come and how "
                 "long it will take,\n"
                 "how fast it is, what it learns, how its annotator is, and its newest warnings. "
                 "Reads the run directory\n"
                 "alone, so any machine that sees it can ask.\n",
        .extra = (const char *const[]){"--json=-", NULL},
        .on_extra = status_on_extra,
        .on_positional = status_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&cfg, argc, argv, &cli, &err);
    if (!rc && !a.run[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "give a run directory, for example `onic status runs/keycorridor-s1`");
    if (!rc)
        rc = file_want_folder(a.run, "a run directory", &err);
    if (!rc)
        rc = status_show(&a, &err);
    return command_result("status", rc, &err);
}
