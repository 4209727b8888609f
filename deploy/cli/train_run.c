/* SPDX-License-Identifier: MIT */
/* train_run.c - see train_run.h. */
#define _GNU_SOURCE
#include "deploy/cli/train_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/cpu.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/base/run_lock.h"
#include "common/base/xmalloc.h"
#include "common/run/run_dir.h"
#include "deploy/cli/actor_pages.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/supervise.h"
#include "deploy/cli/train_end.h"

enum { ARGS_MAX = 40, DISK_LEAST_BYTES = 65536, DISK_SAY_EVERY_MS = 60000 };

/* One child's command line; argv points into text. */
struct command_line {
    char *argv[ARGS_MAX];
    int argc;
};

struct train {
    struct train_plan *p;
    struct child_spec *specs;
    struct command_line *lines;
    int children;
    bool disk_is_full;
    int64_t disk_said_ms;
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

static int add_actors(struct train *t, struct onic_err *err)
{
    char state[CONFIG_STR_MAX + 16], replays[CONFIG_STR_MAX + 16];
    snprintf(state, sizeof state, "%s/actors", t->p->run_dir);
    snprintf(replays, sizeof replays, "%s/replays", t->p->run_dir);
    int rc = actor_pages_bring(replays, state, err); /* where an older onic kept them */
    if (rc)
        return rc;
    for (int i = 0; i < t->p->actors; i++) {
        char role[32], id[16];
        snprintf(role, sizeof role, "actor-%d", i);
        snprintf(id, sizeof id, "%d", i);
        struct command_line *l = add_child(t, role, CHILD_ACTOR, "onic-actor", err);
        if (!l)
            return ONIC_ENOTFOUND;
        train_add_arg(l, "--learner=", t->p->addresses.actor);
        train_add_arg(l, "--actors.id=", id);
        train_add_arg(l, "--actors.state_dir=", state);
        train_add_arg(l, "--actors.replay_dir=", replays);
        for (int k = 0; k < t->p->nactor_flags; k++)
            train_add_arg(l, t->p->actor_flags[k], "");
    }
    return ONIC_OK;
}

static void add_code_flags(const struct train_plan *p, struct command_line *l)
{
    for (int i = 0; i < TRAIN_CODE_FLAGS; i++)
        train_add_arg(l, p->code_flags[i], "");
}

static int add_children(struct train *t, struct onic_err *err)
{
    char count[16], config[TRAIN_PATH_MAX + 16];
    snprintf(config, sizeof config, "%s/config.yaml", t->p->run_dir);
    snprintf(count, sizeof count, "%d", t->p->actors);
    if (t->p->addresses.own_reward_server) {
        struct command_line *l =
            add_child(t, "reward-server", CHILD_REWARD, "onic-reward-server", err);
        if (!l)
            return ONIC_ENOTFOUND;
        train_add_arg(l, config, "");
        train_add_arg(l, "--run-dir=", t->p->run_dir);
        train_add_arg(l, "--listen=", t->p->addresses.reward);
        train_add_arg(l, "--dashboard.listen=", "off"); /* the address is the learner's */
        add_code_flags(t->p, l);
    }
    struct command_line *l = add_child(t, "learner", CHILD_LEARNER, "onic-learner", err);
    if (!l)
        return ONIC_ENOTFOUND;
    train_add_arg(l, config, "");
    train_add_arg(l, "--run-dir=", t->p->run_dir);
    train_add_arg(l, "--on-exists=", "resume");
    train_add_arg(l, "--listen=", t->p->addresses.learner);
    if (t->p->addresses.weights[0])
        train_add_arg(l, "--weights.listen=", t->p->addresses.weights);
    train_add_arg(l, "--actors.count=", count);
    train_add_arg(l, "--dashboard.listen=", t->p->dashboard);
    add_code_flags(t->p, l);
    if (t->p->addresses.reward[0])
        train_add_arg(l, "--reward.server=", t->p->addresses.reward);
    return add_actors(t, err);
}

static void describe_lock(const struct train_plan *p)
{
    char text[512], host[64] = "?";
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "onic train, process %d on %s, reward=%.300s", (int)getpid(), host,
             p->addresses.reward);
    run_lock_describe(p->lock_fd, text);
}

static void say_start(const struct train_plan *p)
{
    log_say(LOG_INFO, "onic train",
            "%s %s with reward model %s, %d actor%s on %d usable cores, run directory %s",
            p->resumed ? "resuming" : "training", p->env_id, p->reward_model, p->actors,
            p->actors == 1 ? "" : "s", cpu_usable(), p->run_dir);
}

/* What its parts cannot write they cannot say either: their logs are on the same disk. */
static void watch_disk(struct train *t)
{
    struct statvfs s;
    if (statvfs(t->p->run_dir, &s) != 0)
        return;
    uint64_t left = (uint64_t)s.f_bavail * s.f_frsize;
    if (left < DISK_LEAST_BYTES && log_every_ms(&t->disk_said_ms, DISK_SAY_EVERY_MS))
        log_warn("the disk of the run directory is full: training goes on, lines of metrics and "
                 "logs are lost, and checkpoints take the space that is reserved for them",
                 kv("run_dir", (const char *)t->p->run_dir), kv("bytes_left", (int64_t)left));
    if (left >= DISK_LEAST_BYTES && t->disk_is_full)
        log_info("the disk of the run directory has room again");
    t->disk_is_full = left < DISK_LEAST_BYTES;
}

/* What the supervisor asks: learner and reward server read the stored configuration when they
 * start. */
static int train_look(void *ctx, const struct child_spec *starting, struct onic_err *err)
{
    struct train *t = ctx;
    watch_disk(t);
    int rc = run_home_check(&t->p->home, err);
    if (!rc && scratch_keep(&t->p->addresses.sockets)) /* which are bound in it again */
        log_warn("the folder of the run's sockets was removed, and is made again",
                 kv("folder", (const char *)t->p->addresses.sockets.path));
    if (!rc)
        rc = run_lock_keep(t->p->run_dir, t->p->lock_fd, err);
    if (!rc && starting && starting->kind != CHILD_ACTOR)
        rc = run_dir_check_config(t->p->run_dir, err);
    return rc;
}

/* From the first process to the last; the exit code. */
static int train_supervise(struct train *t, struct onic_err *err)
{
    struct supervise_params p = {
        .run_dir = t->p->run_dir,
        .children = t->specs,
        .count = t->children,
        .lock_fd = t->p->lock_fd,
        .panel = t->p->panel,
        .restarts = t->p->restarts,
        .stall_warn_s = 10,
        .stall_kill_s = 180,
        .drain_s = 120,
        .look = train_look,
        .look_ctx = t,
    };
    int code = supervise(&p, err);
    if (run_home_is_here(&t->p->home))
        run_dir_settle(t->p->run_dir, code == 64 || code == 78);
    return code;
}

static void free_children(struct train *t)
{
    for (int i = 0; i < t->children; i++)
        for (int k = 0; k < t->lines[i].argc; k++)
            free(t->lines[i].argv[k]);
    free(t->specs);
    free(t->lines);
}

int train_run(struct train_plan *p, struct onic_err *err)
{
    struct train t = {.p = p};
    struct train_end end = {.run_dir = p->run_dir,
                            .code = p->reader_flags,
                            .stop = p->stop,
                            .foreign_labels = p->foreign_labels};
    if (p->finished) {
        train_end_say(&end, 0);
        return 0;
    }
    describe_lock(p);
    t.specs = xcalloc((size_t)p->actors + 2, sizeof *t.specs);
    t.lines = xcalloc((size_t)p->actors + 2, sizeof *t.lines);
    int rc = add_children(&t, err), code = 0;
    if (!rc) {
        say_start(p);
        code = train_supervise(&t, err);
        if (run_home_is_here(&p->home))
            train_end_say(&end, code);
        if (code)
            log_say(LOG_ERROR, "onic train", "%s", err->msg);
    }
    free_children(&t);
    return rc ? command_result("train", rc, err) : code;
}
