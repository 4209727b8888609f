/* SPDX-License-Identifier: MIT */
/* train_open.c - see train_open.h. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "deploy/cli/train_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/shell.h"
#include "common/base/xmalloc.h"
#include "common/http/http_listen.h"
#include "common/run/run_dir.h"
#include "common/wire/keys/keys.h"
#include "common/wire/rollout/learner_link.h"
#include "deploy/cli/train_end.h"
#include "deploy/cli/train_options.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_model.h"

enum { READER_FLAGS_MAX = 16 * CONFIG_STR_MAX };

/* Said here once and with the number, not by each part and for each of its restarts. */
static int check_files(int actors, struct onic_err *err)
{
    char who[64];
    snprintf(who, sizeof who, "a run with %d actor%s", actors, actors == 1 ? "" : "s");
    return process_need_files(wire_learner_files(actors), who, err);
}

static int count_actors(struct config *cfg, struct onic_err *err)
{
    if (cfg->actors_count > 0)
        return (int)cfg->actors_count;
    int n = cpu_usable() / 2 > 1 ? cpu_usable() / 2 : 1;
    char text[16];
    snprintf(text, sizeof text, "%d", n);
    /* The schedule of a deterministic run depends on the number of actors: it is kept for every
     * resume. */
    if (cfg->run_deterministic &&
        config_set(cfg, "actors.count", text, CONFIG_AUTO, "actors.count", err) != ONIC_OK)
        return -1;
    return n;
}

/* What runs in a child is decided once: not again by the config.yaml it reads, which may be another
 * one when the child is started again. */
static void add_code(const struct config *cfg, struct train_plan *t)
{
    char flag[CONFIG_STR_MAX + 80];
    snprintf(flag, sizeof flag, "--env.plugin=%s", cfg->env_plugin);
    t->code_flags[0] = xstrdup(flag);
    snprintf(flag, sizeof flag, "--env.nle=%s", cfg->env_nle);
    t->code_flags[1] = xstrdup(flag);
    snprintf(flag, sizeof flag, "--command.run=%s", cfg->command_run);
    t->code_flags[2] = xstrdup(flag);
    snprintf(flag, sizeof flag, "--gym.python=%s", cfg->gym_python);
    t->code_flags[3] = xstrdup(flag);
    snprintf(flag, sizeof flag, "--gym.modules=%s", cfg->gym_modules);
    t->code_flags[4] = xstrdup(flag);
}

/* Whether somebody said it, and something. */
static bool train_is_told(const struct config *cfg, const char *key, char value[CONFIG_STR_MAX])
{
    return config_origin_of(cfg, key) != CONFIG_DEFAULT &&
           config_get(cfg, key, value, CONFIG_STR_MAX) == ONIC_OK && value[0];
}

/* What actors are told, of the options that only this machine can know. */
static void add_local_options(const struct config *cfg, struct train_plan *t)
{
    const char *key;
    for (int i = 0; (key = train_options_local(i)); i++) {
        char value[CONFIG_STR_MAX], flag[CONFIG_STR_MAX + 80];
        if (!train_is_told(cfg, key, value))
            continue;
        snprintf(flag, sizeof flag, "--%s=%s", key, value);
        ONIC_ASSERT(t->nactor_flags < TRAIN_ACTOR_FLAGS_MAX);
        t->actor_flags[t->nactor_flags++] = xstrdup(flag);
    }
}

/* The run directory, with its lock and the resolved configuration; nothing in it is changed. */
static int open_run(struct train_plan *t, const struct config *given, struct config *cfg,
                    const struct reward_model_type **model, struct onic_err *err)
{
    int rc = run_dir_name(given, t->run_dir, sizeof t->run_dir, err);
    if (!rc)
        rc = reward_model_find(given->reward_model, model, err);
    if (!rc)
        rc = train_options_check_environment(given, err);
    if (!rc && !run_dir_resumes(t->run_dir, given)) /* before anything is made or overwritten */
        rc = train_options_check_parts(given, *model, err);
    if (!rc)
        rc = run_dir_open(t->run_dir, given, cfg, &t->lock_fd, &t->resumed, err);
    if (!rc)
        rc = reward_model_find(cfg->reward_model, model, err); /* the stored one, when resumed */
    bool overwrites = given->run_on_exists == CONFIG_run_on_exists_overwrite;
    if (!rc && (t->resumed || (!overwrites && run_dir_trained(t->run_dir))))
        rc = train_options_check_resume(cfg, *model, t->run_dir, err);
    return rc;
}

/* A run goes on from any folder. A name that no file has is the system's (dlopen) and stays. */
static void make_plugin_absolute(struct config *cfg)
{
    char *real = cfg->env_plugin[0] ? realpath(cfg->env_plugin, NULL) : NULL;
    if (real && strlen(real) < sizeof cfg->env_plugin)
        memcpy(cfg->env_plugin, real, strlen(real) + 1);
    free(real);
}

/* A run names no code to those who read it: their own command line does. */
static char *reader_flags(const struct config *cfg)
{
    static const char *const keys[] = {"env.plugin", "env.nle", "gym.python", "gym.modules"};
    struct buf out;
    buf_init(&out, READER_FLAGS_MAX);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char value[CONFIG_STR_MAX];
        if (!train_is_told(cfg, keys[i], value))
            continue;
        buf_printf(&out, " --%s=", keys[i]);
        shell_put(&out, value);
    }
    char *flags = xstrdup(out.data);
    buf_release(&out);
    return flags;
}

/* What the processes are told, of the options of this life. */
static void read_options(struct train_plan *t, const struct config *cfg)
{
    snprintf(t->env_id, sizeof t->env_id, "%s", cfg->env_id);
    snprintf(t->reward_model, sizeof t->reward_model, "%s", cfg->reward_model);
    t->reader_flags = reader_flags(cfg);
    stop_options(&t->stop, cfg);
    t->foreign_labels = cfg->reward_server[0] != '\0';
    bool any = strcmp(cfg->dashboard_listen, "auto") == 0; /* the learner keeps it for its lives */
    snprintf(t->dashboard, sizeof t->dashboard, "%s", any ? "127.0.0.1:*" : cfg->dashboard_listen);
    t->panel = cfg->metrics_panel;
    t->restarts = (int)cfg->run_restarts;
    add_local_options(cfg, t);
    add_code(cfg, t);
}

/* Said here, before a run is begun: of the learner, and of its actors. */
static int train_check_keys(const struct config *cfg, struct onic_err *err)
{
    int rc = ONIC_OK;
    bool used = false;
    for (int i = 0; i < 2 && !rc; i++) {
        struct wire_keys *keys = NULL;
        const struct wire_keys_wish wish = {
            .folder = cfg->security_keys,
            .self = i ? KEY_ACTOR : KEY_LEARNER,
            .address = {cfg->listen_address, i ? "" : cfg->reward_server}};
        rc = wire_keys_open(&keys, &wish, err);
        used |= keys != NULL;
        wire_keys_free(keys);
    }
    if (!rc && cfg->security_keys[0] && !used)
        log_say(LOG_WARN, "onic train",
                "security.keys has no effect: no part of this run is reached by tcp");
    return rc;
}

/* An address that the learner would refuse; that it is taken costs the page alone. */
static int train_check_page(const struct train_plan *t, const struct config *cfg,
                            struct onic_err *err)
{
    struct http_listen l;
    if (strcmp(t->dashboard, "off") == 0)
        return ONIC_OK;
    int rc =
        http_listen_open(&l, t->dashboard, 0, cfg->security_allow_insecure || cfg->security_keys[0],
                         "--dashboard.listen", err);
    http_listen_close(&l);
    return rc == ONIC_ECONFIG ? rc : ONIC_OK;
}

/* Of a run that is not at its end: where its parts meet, and its configuration on disk. */
static int train_prepare(struct train_plan *t, struct config *cfg, bool wants_labels,
                         struct onic_err *err)
{
    const struct train_addresses_wish wish = {.run_dir = t->run_dir,
                                              .listen = cfg->listen_address,
                                              .weights = cfg->weights_listen,
                                              .allow_exposed = cfg->security_allow_insecure ||
                                                               cfg->security_keys[0] != '\0',
                                              .reward_server = cfg->reward_server,
                                              .wants_labels = wants_labels};
    int rc = train_check_keys(cfg, err);
    if (!rc)
        rc = train_check_page(t, cfg, err);
    if (!rc)
        rc = train_addresses_choose(&t->addresses, &wish, err);
    if (rc)
        return rc;
    t->actors = count_actors(cfg, err);
    if (t->actors < 0)
        return ONIC_ECONFIG;
    rc = check_files(t->actors, err);
    if (!rc)
        rc = run_dir_write(t->run_dir, cfg, t->resumed, err);
    return rc ? rc : run_home_open(&t->home, t->run_dir, err);
}

int train_open(struct train_plan *out, const struct config *given, struct onic_err *err)
{
    const struct reward_model_type *model;
    *out = (struct train_plan){.lock_fd = -1};
    /* what comes before the actors are counted needs some too */
    int rc = check_files(given->actors_count > 1 ? (int)given->actors_count : 1, err);
    if (rc)
        return rc;
    struct config *cfg = xmalloc(sizeof *cfg);
    rc = open_run(out, given, cfg, &model, err);
    if (!rc) {
        make_plugin_absolute(cfg);
        read_options(out, cfg);
        const struct train_end end = {.run_dir = out->run_dir, .stop = out->stop};
        out->finished = out->resumed && train_end_is_reached(&end);
    }
    if (!rc && !out->finished)
        rc = train_prepare(out, cfg, model->traits.wants_labels, err);
    free(cfg);
    return rc;
}

void train_close(struct train_plan *p)
{
    scratch_remove(&p->addresses.sockets);
    for (int i = 0; i < p->nactor_flags; i++)
        free(p->actor_flags[i]);
    for (int i = 0; i < TRAIN_CODE_FLAGS; i++)
        free(p->code_flags[i]);
    free(p->reader_flags);
    run_home_close(&p->home);
    if (p->lock_fd >= 0)
        close(p->lock_fd);
}
