/* SPDX-License-Identifier: MIT */
/* replay_open.c - see replay_open.h. */
#include "deploy/cli/replay_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/xmalloc.h"
#include "common/config/overlay.h"

/* The run that the file lies in: RUN/replays/FILE. */
static void open_labels(struct replay_player *p, const struct config *given)
{
    char run[REPLAY_PATH_MAX];
    snprintf(run, sizeof run, "%s", p->path);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(run, '/');
        if (slash)
            *slash = '\0';
        else
            snprintf(run, sizeof run, "%s", i == 0 ? "." : "..");
    }
    p->store = explain_open(run, given->labels_path);
}

/* What the file says of the environment. */
static int said_options(struct config *out, const struct replay *r, const char *path,
                        struct onic_err *err)
{
    config_defaults(out);
    int rc = config_set(out, "env.id", r->env_id, CONFIG_FILE, r->crash ? path : "env", err);
    for (int i = 0; !rc && i < r->noptions; i++)
        rc = config_set(out, r->option[i].key, r->option[i].value, CONFIG_FILE,
                        r->crash ? "the crash replay" : r->option[i].key, err);
    if (rc && !r->crash)
        err_wrap(err, "%s", path);
    return rc;
}

/* A file may come from anywhere, and loading a shared object runs it: what a record says of a
 * plug-in is only shown. */
static int make_env(struct replay_player *p, const struct config *given, const struct config *cfg,
                    struct onic_err *err)
{
    const char *id = cfg->env_id, *name;
    const struct env_family *family;
    if (given->env_plugin[0] || env_find(id, &family, &name, err) == ONIC_OK)
        return env_create(&p->env, id, cfg, 0, err);
    if (p->replay.plugin[0])
        return err_set(err, ONIC_ECONFIG,
                       "%s was played in %.64s of a plug-in, %s: give --env.plugin=PATH, since no "
                       "code is loaded that only a file names",
                       p->path, id, p->replay.plugin);
    return err_set(err, ONIC_ECONFIG,
                   "%s was played in '%.64s', which this onic does not have: if it is of a "
                   "plug-in, give --env.plugin=PATH",
                   p->path, id);
}

static int replay_check_actions(const struct replay_player *p, struct onic_err *err)
{
    const struct action_space *space = &p->env->spec.actions;
    union action_cell action[BOUND_ACTION_PARTS];
    for (int at = 0; at < p->replay.nsteps; at++) {
        const struct replay_step *s = &p->replay.step[at];
        if (replay_action(s, space, action))
            continue;
        if (space->kind == ACTION_DISCRETE && s->parts == 1)
            return err_set(err, ONIC_ECONFIG, "%s: step %d takes action %.9g, %s has 0..%d",
                           p->path, at + 1, s->action[0], p->env->spec.id, space->n - 1);
        return err_set(err, ONIC_ECONFIG, "%s: step %d takes no action of %s", p->path, at + 1,
                       p->env->spec.id);
    }
    return ONIC_OK;
}

static int check_frames(const struct replay_player *p, struct onic_err *err)
{
    if (p->frames && (!p->json || p->explain))
        return err_set(err, ONIC_ECONFIG,
                       "--frames adds the pictures to the steps of --json: give both, without "
                       "--explain");
    return ONIC_OK;
}

static int check_explained(const struct replay_player *p, struct onic_err *err)
{
    if (p->explain > p->replay.nsteps)
        return err_set(err, ONIC_ECONFIG, "--explain is %d, the episode has %d steps", p->explain,
                       p->replay.nsteps);
    if (p->explain && p->replay.crash)
        return err_set(err, ONIC_ECONFIG,
                       "%s holds the actions of a game that crashed and no rewards to explain",
                       p->path);
    return ONIC_OK;
}

/* The environment: what the file says of it, as far as a file may, under the command line. */
static int open_env(struct replay_player *p, const struct config *said, const struct config *given,
                    struct onic_err *err)
{
    struct config *cfg = xmalloc(sizeof *cfg);
    config_defaults(cfg);
    int rc = config_take_portable(cfg, said, given, p->path, err);
    if (!rc && (p->frames || (!p->json && (p->explain || p->sink || isatty(STDOUT_FILENO)))))
        rc = config_set(cfg, "env.obs", "all", CONFIG_FILE, "onic replay", err);
    if (!rc)
        rc = config_overlay(cfg, given, err);
    if (!rc)
        rc = make_env(p, given, cfg, err);
    if (!rc)
        p->real_clock = strcmp(p->env->family->family, "nethack") == 0 && cfg->env_clock == 0;
    free(cfg);
    return rc ? rc : replay_check_actions(p, err);
}

int replay_open(struct replay_player *p, const struct config *given, struct onic_err *err)
{
    struct config *said = xmalloc(sizeof *said);
    int rc = replay_find(p->path, &p->newest, err);
    if (!rc)
        rc = replay_read(&p->replay, p->path, err);
    if (!rc)
        rc = said_options(said, &p->replay, p->path, err);
    if (!rc)
        rc = check_frames(p, err);
    if (!rc)
        rc = check_explained(p, err);
    if (!rc)
        rc = open_env(p, said, given, err);
    if (!rc) {
        p->obs = xaligned(p->env->spec.obs.obs_bytes);
        open_labels(p, given);
    }
    free(said);
    return rc;
}
