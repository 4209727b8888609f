/* SPDX-License-Identifier: MIT */
/* cmd_train.c - `onic train`: the whole system on one machine.
 *
 * Resolves the configuration once, writes it into the run directory, and starts the three programs
 * on it, with only what differs from machine to machine as flags: addresses, actor numbers,
 * folders. Actors get no configuration at all but local paths: they take it from the learner's
 * WELCOME, exactly as on a cluster.
 *
 * Sockets are ipc:// files in a private folder: in the run directory, or elsewhere where its path
 * is too long for sockets or its file system knows none. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/process.h"
#include "common/base/run_lock.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "common/run/run_dir.h"
#include "common/wire/frame/sock_address.h"
#include "common/wire/frame/sock_folder.h"
#include "common/wire/rollout/learner_link.h"
#include "deploy/cli/actor_pages.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/supervise.h"
#include "deploy/cli/train_check.h"
#include "deploy/cli/train_end.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_model.h"

enum { ARGS_MAX = 40 };

/* One child's command line; argv points into text. */
struct command_line {
    char *argv[ARGS_MAX];
    int argc;
};

struct train {
    struct config *cfg;
    char run_dir[CONFIG_STR_MAX], config_path[CONFIG_STR_MAX + 16];
    struct scratch sockets;
    char learner_address[CONFIG_STR_MAX], actor_address[CONFIG_STR_MAX],
        reward_address[CONFIG_STR_MAX];
    int actors;
    bool wants_labels, own_reward_server;
    struct child_spec *specs;
    struct command_line *lines;
    int children;
};

static void train_add_arg(struct command_line *l, const char *format, const char *value)
{
    struct buf b;
    ONIC_ASSERT(l->argc < ARGS_MAX - 1);
    buf_init(&b, 8192);
    buf_puts(&b, format);
    buf_puts(&b, value);
    l->argv[l->argc++] = xstrdup(b.data);
    l->argv[l->argc] = NULL;
    buf_release(&b);
}

static struct command_line *add_child(struct train *t, const char *role, enum child_kind kind,
                                      const char *program, struct onic_err *err)
{
    char path[PATHS_MAX];
    if (paths_beside_program(program, path, sizeof path, err) != ONIC_OK)
        return NULL;
    struct command_line *l = &t->lines[t->children];
    struct child_spec *s = &t->specs[t->children++];
    *l = (struct command_line){.argc = 0};
    *s = (struct child_spec){.kind = kind, .argv = l->argv};
    snprintf(s->role, sizeof s->role, "%s", role);
    train_add_arg(l, path, "");
    return l;
}

/* Options that only this machine can know, for actors: everything else comes from the learner. */
static void add_local_options(const struct config *cfg, struct command_line *l)
{
    static const char *const keys[] = {"env.nle",
                                       "env.plugin",
                                       "actors.orphan_timeout_s",
                                       "actors.step_timeout_s",
                                       "security.allow_insecure",
                                       "log.level"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char value[CONFIG_STR_MAX], flag[80];
        if (config_origin_of(cfg, keys[i]) == CONFIG_DEFAULT ||
            config_get(cfg, keys[i], value, sizeof value) != ONIC_OK || !value[0])
            continue;
        snprintf(flag, sizeof flag, "--%s=", keys[i]);
        train_add_arg(l, flag, value);
    }
}

static int add_actors(struct train *t, struct onic_err *err)
{
    char state[CONFIG_STR_MAX + 16], replays[CONFIG_STR_MAX + 16];
    snprintf(state, sizeof state, "%s/actors", t->run_dir);
    snprintf(replays, sizeof replays, "%s/replays", t->run_dir);
    int rc = actor_pages_bring(replays, state, err); /* where an older onic kept them */
    if (rc)
        return rc;
    for (int i = 0; i < t->actors; i++) {
        char role[32], id[16];
        snprintf(role, sizeof role, "actor-%d", i);
        snprintf(id, sizeof id, "%d", i);
        struct command_line *l = add_child(t, role, CHILD_ACTOR, "onic-actor", err);
        if (!l)
            return ONIC_ENOTFOUND;
        train_add_arg(l, "--learner=", t->actor_address);
        train_add_arg(l, "--actors.id=", id);
        train_add_arg(l, "--actors.state_dir=", state);
        train_add_arg(l, "--actors.replay_dir=", replays);
        add_local_options(t->cfg, l);
    }
    return ONIC_OK;
}

static int add_children(struct train *t, struct onic_err *err)
{
    char count[16];
    snprintf(count, sizeof count, "%d", t->actors);
    if (t->own_reward_server) {
        struct command_line *l =
            add_child(t, "reward-server", CHILD_REWARD, "onic-reward-server", err);
        if (!l)
            return ONIC_ENOTFOUND;
        train_add_arg(l, t->config_path, "");
        train_add_arg(l, "--run-dir=", t->run_dir);
        train_add_arg(l, "--listen=", t->reward_address);
    }
    struct command_line *l = add_child(t, "learner", CHILD_LEARNER, "onic-learner", err);
    if (!l)
        return ONIC_ENOTFOUND;
    train_add_arg(l, t->config_path, "");
    train_add_arg(l, "--run-dir=", t->run_dir);
    train_add_arg(l, "--on-exists=", "resume");
    train_add_arg(l, "--listen=", t->learner_address);
    train_add_arg(l, "--actors.count=", count);
    if (t->reward_address[0])
        train_add_arg(l, "--reward.server=", t->reward_address);
    return add_actors(t, err);
}

/* Who gives an address to listen at needs no folder: without one the reward server gets a port. */
static int choose_addresses(struct train *t, struct onic_err *err)
{
    const struct config *cfg = t->cfg;
    const char *given = cfg->listen_address;
    char unused[SOCK_ADDRESS_MAX];
    int rc = ONIC_OK;
    t->own_reward_server = t->wants_labels && !cfg->reward_server[0];
    if (!given[0] || t->own_reward_server)
        rc = sock_folder_create(&t->sockets, t->run_dir, err);
    if (rc && given[0])
        rc = sock_local("tcp://127.0.0.1:*", "reward.server", t->reward_address, unused, err);
    else if (t->own_reward_server)
        snprintf(t->reward_address, sizeof t->reward_address, "ipc://%.91s/reward",
                 t->sockets.path);
    else if (t->wants_labels)
        snprintf(t->reward_address, sizeof t->reward_address, "%s", cfg->reward_server);
    snprintf(t->learner_address, sizeof t->learner_address, "ipc://%.91s/learner", t->sockets.path);
    snprintf(t->actor_address, sizeof t->actor_address, "%s", t->learner_address);
    if (!rc && given[0])
        rc = sock_local(given, "--listen", t->learner_address, t->actor_address, err);
    return rc;
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

static void describe_lock(const struct train *t, int lock_fd)
{
    char text[512], host[64] = "?";
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "onic train, process %d on %s, reward=%.300s", (int)getpid(), host,
             t->reward_address);
    run_lock_describe(lock_fd, text);
}

/* The run directory, with its lock and the resolved configuration; nothing in it is changed. */
static int open_run(struct train *t, const struct config *given, int *lock_fd, bool *resumed,
                    struct onic_err *err)
{
    const struct reward_model_type *model;
    int rc = run_dir_name(given, t->run_dir, sizeof t->run_dir, err);
    if (!rc)
        rc = reward_model_find(given->reward_model, &model, err);
    if (!rc)
        rc = train_check_environment(given, err);
    if (!rc && !run_dir_resumes(t->run_dir, given)) /* before anything is made or overwritten */
        rc = train_check_parts(given, model, err);
    if (!rc)
        rc = run_dir_open(t->run_dir, given, t->cfg, lock_fd, resumed, err);
    if (!rc)
        rc =
            reward_model_find(t->cfg->reward_model, &model, err); /* the stored one, when resumed */
    bool overwrites = given->run_on_exists == CONFIG_run_on_exists_overwrite;
    if (!rc && (*resumed || (!overwrites && run_dir_trained(t->run_dir))))
        rc = train_check_resume(t->cfg, model, t->run_dir, err);
    t->wants_labels = !rc && model->traits.wants_labels;
    return rc;
}

/* Said here once and with the number, not by each part and for each of its restarts. */
static int train_check_files(int actors, struct onic_err *err)
{
    char who[64];
    snprintf(who, sizeof who, "a run with %d actor%s", actors, actors == 1 ? "" : "s");
    return process_need_files(wire_learner_files(actors), who, err);
}

static int prepare(struct train *t, int lock_fd, bool resumed, struct onic_err *err)
{
    int rc = choose_addresses(t, err);
    if (rc)
        return rc;
    t->actors = count_actors(t->cfg, err);
    if (t->actors < 0)
        return ONIC_ECONFIG;
    rc = train_check_files(t->actors, err);
    if (rc)
        return rc;
    snprintf(t->config_path, sizeof t->config_path, "%s/config.yaml", t->run_dir);
    rc = run_dir_write(t->run_dir, t->cfg, resumed, err);
    if (rc)
        return rc;
    describe_lock(t, lock_fd);
    t->specs = xcalloc((size_t)t->actors + 2, sizeof *t->specs);
    t->lines = xcalloc((size_t)t->actors + 2, sizeof *t->lines);
    return add_children(t, err);
}

static void say_start(const struct train *t, bool resumed)
{
    const struct config *c = t->cfg;
    fprintf(
        stderr,
        "onic train: %s %s with reward model %s, %d actor%s on %d usable cores, run directory %s\n",
        resumed ? "resuming" : "training", c->env_id, c->reward_model, t->actors,
        t->actors == 1 ? "" : "s", cpu_usable(), t->run_dir);
}

static struct train_end end_of(const struct train *t)
{
    struct train_end e = {.run_dir = t->run_dir, .foreign_labels = t->cfg->reward_server[0]};
    stop_options(&e.stop, t->cfg);
    return e;
}

/* One life, from the first process to the last; its exit code. */
static int live(struct train *t, int lock_fd, struct onic_err *err)
{
    struct supervise_params p = {
        .run_dir = t->run_dir,
        .children = t->specs,
        .count = t->children,
        .lock_fd = lock_fd,
        .panel = t->cfg->metrics_panel,
        .restarts = (int)t->cfg->run_restarts,
        .stall_warn_s = 10,
        .stall_kill_s = 180,
        .drain_s = 120,
    };
    int code = supervise(&p, err);
    run_dir_settle(t->run_dir, code == 64 || code == 78);
    struct train_end end = end_of(t);
    train_end_say(&end, code);
    if (code)
        fprintf(stderr, "onic train: %s\n", err->msg);
    return code;
}

static void train_release(struct train *t, int lock_fd)
{
    scratch_remove(&t->sockets);
    for (int i = 0; i < t->children; i++)
        for (int k = 0; k < t->lines[i].argc; k++)
            free(t->lines[i].argv[k]);
    free(t->specs);
    free(t->lines);
    if (lock_fd >= 0)
        close(lock_fd);
}

static int train_run(struct train *t, const struct config *given, struct onic_err *err)
{
    int lock_fd = -1, code = 0;
    bool resumed = false;
    int rc = open_run(t, given, &lock_fd, &resumed, err);
    struct train_end end = end_of(t);
    if (!rc && resumed && train_end_is_reached(&end)) {
        train_end_say(&end, 0);
    } else {
        rc = rc ? rc : prepare(t, lock_fd, resumed, err);
        if (!rc)
            say_start(t, resumed);
        code = rc ? command_result("train", rc, err) : live(t, lock_fd, err);
    }
    train_release(t, lock_fd);
    return code;
}

int cmd_train(int argc, char **argv)
{
    static struct config given, resolved;
    static struct train t = {.cfg = &resolved};
    struct onic_err err = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic train",
        .usage = "usage: onic train [CONFIG.yaml ...] [--run-dir=DIR] [--frames=N] [--seed=S] "
                 "[--deterministic]\n"
                 "                  [--on-exists=resume|fail|overwrite] [--section.key=value ...]\n"
                 "Trains on this machine: starts and supervises learner, actors and reward server. "
                 "An existing run\n"
                 "directory is resumed. Ctrl-C once finishes work in flight and writes a "
                 "checkpoint, twice kills.\n"
                 "Without CONFIG it trains minigrid:KeyCorridorS3R3 with language feedback.\n",
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc) /* what comes before the actors are counted needs some too */
        rc = train_check_files(given.actors_count > 1 ? (int)given.actors_count : 1, &err);
    if (rc)
        return command_result("train", rc, &err);
    return train_run(&t, &given, &err);
}
