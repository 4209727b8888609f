/* SPDX-License-Identifier: MIT */
/* labels_open.c - see labels_open.h. */
#include "deploy/cli/labels_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/envs/open.h"
#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/run_lock.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/run_dir.h"
#include "common/wire/frame/sock_folder.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/explain.h"
#include "deploy/cli/labels_annotate.h"
#include "deploy/cli/labels_top.h"
#include "deploy/cli/run_open.h"
#include "learner/reward/reward_options.h"
#include "reward_server/server_options.h"

int labels_open_store_path(const char *run, const struct config *given, char *out, size_t size,
                           struct onic_err *err)
{
    struct stat st;
    if (stat(run, &st) != 0)
        return errno == ENOENT ? err_set(err, ONIC_ENOTFOUND, "there is no run %s", run)
                               : file_unreadable(run, errno, err);
    if (!S_ISDIR(st.st_mode)) {
        snprintf(out, size, "%s", run);
        return ONIC_OK;
    }
    return run_dir_labels(run, given->labels_path, out, size, err);
}

/* Whoever holds the lock of a stranger's directory is not asked. */
static bool lock_is_mine(const char *run)
{
    char path[CONFIG_STR_MAX + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s/lock", run);
    return stat(path, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0);
}

void labels_open_server(const char *run, const struct config *given, char *out, size_t size)
{
    char holder[512];
    int held;
    snprintf(out, size, "%s", given->reward_server);
    if (out[0] || !lock_is_mine(run) ||
        run_lock_peek(run, holder, sizeof holder, &held) != ONIC_OK || !held)
        return;
    const char *at = strstr(holder, "reward=");
    snprintf(out, size, "%s", at ? at + 7 : "");
}

/* --- what was paid --------------------------------------------------------------------------- */

/* The model that decides now; without it the table is shorter, and says why. */
static int read_model(const struct checkpoint_file *f, const struct config *cfg,
                      struct labels_top *t, struct onic_err *err)
{
    const void *state;
    size_t len;
    struct onic_err why = {0};
    int rc = reward_model_find(cfg->reward_model, &t->type, err);
    if (rc || !t->type->traits.caption_only)
        return rc;
    rc = checkpoint_get_bytes(f, "reward", &state, &len, &why);
    if (!rc)
        rc = reward_options_open_kept(&t->mix, cfg, NULL, state, len, &why);
    if (rc) {
        log_say(LOG_WARN, "onic labels", "no scores of reward model %s: %s", t->type->name,
                why.msg);
        reward_mix_free(t->mix);
        t->mix = NULL;
    }
    return ONIC_OK;
}

int labels_open_top(const char *run, const struct config *given, int n, bool json,
                    struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    struct explain *labels = NULL;
    struct config *cfg = xmalloc(sizeof *cfg);
    struct labels_top top = {.n = n, .json = json};
    int rc = loaded_run_checkpoint(&file, run, err);
    if (!rc)
        rc = loaded_run_config(cfg, file, given, err);
    if (!rc)
        rc = read_model(file, cfg, &top, err);
    if (!rc) {
        top.from = file;
        top.labels = labels = explain_open(run, cfg->labels_path);
        rc = labels_top(&top, err);
    }
    explain_close(labels);
    reward_mix_free(top.mix);
    checkpoint_close(file);
    free(cfg);
    return rc;
}

/* --- pairs ----------------------------------------------------------------------------------- */

int labels_open_collect(const struct labels_collect *p, const struct config *given,
                        struct onic_err *err)
{
    static struct loaded_run run;
    struct pairs_collect c = {.data = p->data,
                              .run = p->run,
                              .draw_seed = (uint64_t)given->run_seed,
                              .episodes = p->episodes,
                              .pairs = p->pairs,
                              .distinct = p->distinct};
    int rc = pairs_make_folder(p->data, err);
    if (!rc && p->run[0])
        rc = loaded_run_open(&run, p->run, given, false, err);
    else if (!rc)
        run.cfg = *given;
    if (!rc)
        rc = vec_env_open(&c.envs, &run.cfg, EVAL_ACTOR_ID, eval_envs(p->episodes), err);
    if (!rc) {
        c.env_id = run.cfg.env_id;
        c.policy = run.policy;
        c.weights = run.weights;
        c.seed = (uint64_t)run.cfg.run_seed;
        rc = pairs_collect(&c, err);
    }
    vec_env_free(c.envs);
    loaded_run_close(&run);
    return rc;
}

/* As the pairs say: a name, of which goal files are found. */
static int take_environment(struct config *cfg, const char *data, const char *env,
                            struct onic_err *err)
{
    struct config *said = xmalloc(sizeof *said);
    config_defaults(said);
    int rc = config_set(said, "env.id", env, CONFIG_FILE, data, err);
    if (!rc)
        rc = config_take_portable(cfg, said, NULL, data, err);
    free(said);
    return rc;
}

/* The server drops what its annotator does not answer, and the client would wait for ever. */
static int check_kinds(const struct annotator_order *o, unsigned kinds, struct onic_err *err)
{
    int rc = ONIC_OK;
    for (int k = 0; !rc && k < QUESTION_KINDS; k++)
        if (kinds & 1u << k)
            rc = annotator_check_kind(o, (enum question_kind)k, "onic labels annotate", err);
    return rc;
}

/* Options of the server: the store in DATA, the socket in a private folder. */
static int configure_server(struct server_params *out, struct config *cfg,
                            const struct annotate_plan *plan, struct scratch *folder,
                            struct onic_err *err)
{
    int rc = ONIC_OK;
    if (plan->env_id[0] && config_origin_of(cfg, "env.id") == CONFIG_DEFAULT)
        rc = take_environment(cfg, plan->data, plan->env_id, err);
    if (!rc)
        rc = sock_folder_create(folder, plan->data, err);
    if (rc)
        return rc;
    snprintf(cfg->run_dir, sizeof cfg->run_dir, "%s", plan->data);
    snprintf(cfg->listen_address, sizeof cfg->listen_address, "ipc://%.91s/reward", folder->path);
    rc = server_options(out, cfg, err);
    return rc ? rc : check_kinds(&out->annotators, plan->kinds, err);
}

int labels_open_annotate(const char *data, const struct config *given, const char *chunk,
                         struct onic_err *err)
{
    struct annotate_plan plan;
    struct server *server = NULL;
    struct scratch folder = {0};
    int rc = file_want_folder(data, "a folder of `onic labels collect`", err);
    if (rc && rc != ONIC_ENOTFOUND) /* there is none: the next one says what makes it */
        return rc;
    rc = labels_annotate_plan(&plan, data, chunk, err);
    if (rc)
        return rc;
    struct config *cfg = xmalloc(sizeof *cfg);
    struct server_params *params = xmalloc(sizeof *params);
    *cfg = *given;
    rc = configure_server(params, cfg, &plan, &folder, err);
    if (!rc)
        rc = server_create(&server, params, err);
    if (!rc)
        rc = labels_annotate(&plan, server, err);
    server_free(server);
    scratch_remove(&folder);
    free(params);
    free(cfg);
    return rc;
}
