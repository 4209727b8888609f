/* SPDX-License-Identifier: MIT */
/* cmd_watch.c - `onic watch RUN`: a run that trains, seen from another terminal: the episodes that
 * it keeps, as they come, and in between an episode of its newest checkpoint.
 *
 * The run notices nothing: its files are read, nothing is connected to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/base/log.h"
#include "common/base/shown.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/play_open.h"
#include "deploy/cli/replay_open.h"
#include "deploy/cli/run_live.h"

enum { WATCH_LOOK_MS = 500, WATCH_NICENESS = 10 };

struct watch {
    char run[CONFIG_STR_MAX]; /* directory */
    bool kept, policy;   /* what is shown: kept episodes; the newest checkpoint; one at least */
    struct config given; /* the command line */
    struct terminal term;
    char shown[REPLAY_PATH_MAX]; /* the newest kept episode that was shown */
    struct onic_err cannot;      /* why kept episodes are not shown any more; "" = they are */
    bool waiting;                /* that is what is shown */
};

static bool watch_is_over(void *ctx)
{
    return !run_is_live(((struct watch *)ctx)->run);
}

/* --- what is shown --------------------------------------------------------------------------- */

/* A kept episode that cannot be played again here is no reason to stop where a checkpoint can. */
static int watch_kept(struct watch *w, struct onic_err *err)
{
    static struct replay_player player;
    const char *name = strrchr(w->shown, '/');
    memset(&player, 0, sizeof player);
    snprintf(player.path, sizeof player.path, "%s", w->shown);
    snprintf(w->term.title, sizeof w->term.title, "kept episode %.200s", name ? name + 1 : "");
    player.term = &w->term;
    w->waiting = false;
    struct onic_err why = {0};
    int rc = replay_open(&player, &w->given, &why);
    if (!rc)
        rc = replay_play(&player, &why);
    replay_close(&player);
    if (rc == ONIC_ENOTFOUND) /* it was the oldest, and is gone */
        return ONIC_OK;
    if (rc && w->policy) {
        w->kept = false;
        w->cannot = why;
        return ONIC_OK;
    }
    if (rc)
        *err = why;
    return rc;
}

static int watch_wait(struct watch *w, const char *for_what)
{
    struct buf picture, text;
    buf_init(&picture, 1);
    buf_init(&text, 4096);
    w->term.title[0] = '\0';
    buf_printf(&text, "waiting for %s of %s\n", for_what, w->run);
    if (!w->waiting)
        terminal_show(&w->term, &picture, &text);
    w->waiting = true;
    terminal_wait(&w->term, WATCH_LOOK_MS);
    buf_release(&text);
    return ONIC_OK;
}

/* An episode of the newest checkpoint; another one each time. */
static int watch_policy(struct watch *w, struct onic_err *err)
{
    static struct loaded_run run;
    static struct play_agent agent;
    const struct play_source from = {.path = w->run, .episodes = 1};
    memset(&agent, 0, sizeof agent);
    memset(&run, 0, sizeof run);
    agent.term = &w->term;
    int rc = play_open(&agent, &run, &from, &w->given, err);
    if (!rc) {
        w->waiting = false;
        w->given.run_seed++;
        snprintf(w->term.title, sizeof w->term.title,
                 "checkpoint of %" PRIu64 " steps, weights version %" PRIu64, run.env_steps,
                 run.weights_version);
        rc = play_agent_run(&agent, err);
    }
    play_agent_free(&agent);
    loaded_run_close(&run);
    return rc == ONIC_ENOTFOUND ? watch_wait(w, "the first checkpoint") : rc;
}

static int watch_next(struct watch *w, struct onic_err *err)
{
    char newest[REPLAY_PATH_MAX];
    if (w->kept && replay_find_newest(w->run, newest) && strcmp(newest, w->shown) != 0) {
        memcpy(w->shown, newest, sizeof newest);
        return watch_kept(w, err);
    }
    if (w->policy)
        return watch_policy(w, err);
    return watch_wait(w, w->shown[0] ? "the next kept episode" : "the first kept episode");
}

/* What is wrong with the checkpoint is said before anything is drawn; that there is none yet is
 * waited for. */
static int watch_try_policy(struct watch *w, struct onic_err *err)
{
    struct loaded_run run = {.file = NULL};
    if (!w->policy)
        return ONIC_OK;
    int rc = loaded_run_open(&run, w->run, &w->given, false, err);
    loaded_run_close(&run);
    return rc == ONIC_ENOTFOUND ? ONIC_OK : rc;
}

static void watch_drop_log(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    (void)line;
    (void)len;
}

/* Until the run ends, which is said, or the end is asked for. */
static int watch_run(struct watch *w, struct onic_err *err)
{
    int rc = run_check_live(w->run, err);
    if (!rc)
        rc = watch_try_policy(w, err);
    if (rc)
        return rc;
    setpriority(PRIO_PROCESS, 0, WATCH_NICENESS); /* the run comes first */
    terminal_open(&w->term);
    log_set_writer(watch_drop_log, NULL); /* the first loading has said it */
    while (!rc && !w->term.quit)
        rc = watch_next(w, err);
    log_set_writer(NULL, NULL);
    terminal_close(&w->term);
    if (w->cannot.msg[0])
        shown_printf(stderr, "onic watch: kept episodes were not shown: %s\n", w->cannot.msg);
    if (!rc && !run_is_live(w->run))
        shown_printf(stderr, "onic watch: %s has ended\n", w->run);
    return rc;
}

/* --- the command line ------------------------------------------------------------------------ */

static int watch_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct watch *w = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "kept", 4) == 0) {
        w->kept = true;
        return ONIC_OK;
    }
    if (strncmp(name, "policy", 6) == 0) {
        w->policy = true;
        return ONIC_OK;
    }
    return config_flag_real(name, value, 0, 1e6, &w->term.speed, err);
}

static int watch_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct watch *w = ctx;
    if (w->run[0])
        return err_set(err, ONIC_ECONFIG, "two runs were given, '%s' and '%s': watch one at a time",
                       w->run, arg);
    snprintf(w->run, sizeof w->run, "%s", arg);
    return ONIC_OK;
}

int cmd_watch(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct watch w = {.term = {.speed = 6, .paced = true, .over = watch_is_over}};
    w.term.over_ctx = &w;
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic watch",
        .rows = "run.seed env labels",
        .defaults = "run.seed=2000003",
        .usage = "usage: onic watch RUN [--kept] [--policy] [--speed=STEPS_PER_SECOND] [--seed=S]\n"
                 "Shows a run while it trains: each episode that it keeps "
                 "(replay.every_episodes), with what its steps were\n"
                 "paid, and in between episodes of its newest checkpoint; --kept or --policy alone "
                 "shows one of the two.\n"
                 "The run is not touched. Ends when it ends. Without a terminal every step is one "
                 "line.\n",
        .extra = (const char *const[]){"--kept", "--policy", "--speed=", NULL},
        .on_extra = watch_on_extra,
        .on_positional = watch_on_positional,
        .ctx = &w,
    };
    int rc = config_load(&w.given, argc, argv, &cli, &err);
    if (!rc && !w.run[0])
        rc = err_set(&err, ONIC_ECONFIG, "nothing to watch: give the directory of a run");
    if (!w.kept && !w.policy)
        w.kept = w.policy = true;
    if (!rc)
        rc = watch_run(&w, &err);
    return command_result("watch", rc, &err);
}
