/* SPDX-License-Identifier: MIT */
/* cmd_replay_run.c - `onic replay-run RUN`: a recorded run once more, its weights compared after
 * each update. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/shown.h"
#include "deploy/cli/commands.h"
#include "learner/record/repeat_open.h"

enum { SAY_MS = 5000 };

static volatile sig_atomic_t replay_run_stop;

static void replay_run_on_signal(int sig)
{
    (void)sig;
    replay_run_stop = 1;
}

struct replay_run_args {
    char run[CONFIG_STR_MAX];
    uint32_t epoch;
    uint64_t version;
};

static int replay_run_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct replay_run_args *a = ctx;
    (void)name;
    if (record_name_read(value, strlen(value), &a->epoch, &a->version))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "--from is '%s', must be EPOCH-VERSION as in the name of a file of RUN/record, "
                   "for example 1-000000000128",
                   value);
}

static int replay_run_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct replay_run_args *a = ctx;
    if (a->run[0])
        return err_set(err, ONIC_ECONFIG, "one run at a time: '%s' or '%s'", a->run, arg);
    snprintf(a->run, sizeof a->run, "%s", arg);
    return ONIC_OK;
}

static void replay_run_say(FILE *to, const struct repeat_numbers *n, const char *end)
{
    struct buf b;
    buf_init(&b, 1024);
    buf_put_thousands(&b, (double)n->updates);
    buf_puts(&b, " updates (");
    buf_put_thousands(&b, (double)n->trajectories);
    buf_puts(&b, " trajectories, ");
    buf_put_thousands(&b, (double)n->labels);
    buf_printf(&b, " labels, %llu roll-backs, %llu segments of %llu lives)%s",
               (unsigned long long)n->roll_backs, (unsigned long long)n->segments,
               (unsigned long long)n->lives, end);
    shown_printf(to, "%s\n", b.data);
    buf_release(&b);
}

static bool replay_run_progress(void *ctx, const struct repeat_numbers *now)
{
    int64_t *said_ms = ctx, ms = clock_ms();
    if (ms - *said_ms >= SAY_MS) {
        *said_ms = ms;
        log_info("equal so far", kv("life", now->epoch), kv("update", now->version),
                 kv("updates", now->updates));
    }
    return !replay_run_stop;
}

static int replay_run(const struct replay_run_args *a, struct config *given, struct onic_err *err)
{
    int64_t said_ms = clock_ms();
    struct repeat_numbers n;
    struct repeat_params p = {.run_dir = a->run,
                              .from_epoch = a->epoch,
                              .from_version = a->version,
                              .open = repeat_open,
                              .open_ctx = given,
                              .progress = replay_run_progress,
                              .progress_ctx = &said_ms};
    int rc = file_want_folder(a->run, "a run directory", err);
    if (rc)
        return rc;
    rc = repeat_run(&p, &n, err);
    if (!rc || rc == ONIC_ESTOPPED)
        replay_run_say(stdout, &n,
                       rc ? " are equal to what was recorded, and then it was stopped"
                          : " are equal to what was recorded");
    else if (n.updates)
        replay_run_say(stderr, &n, " were equal before that");
    return rc;
}

int cmd_replay_run(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    struct replay_run_args a = {0};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic replay-run",
        .rows = "",
        .usage =
            "usage: onic replay-run RUN [--from=EPOCH-VERSION]\n"
            "Trains a run again that was recorded (onic train --record): the same "
            "trajectories, labels and\n"
            "turns of the reward model in the same order, without actors and reward server. "
            "After each update\n"
            "the weights must have the hash that was recorded: the first that has not is named "
            "with its tensor,\n"
            "exit code 65. Begins with the oldest checkpoint of RUN/record, or with --from. "
            "Only reads.\n",
        .extra = (const char *const[]){"--from=", NULL},
        .on_extra = replay_run_on_extra,
        .on_positional = replay_run_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc && !a.run[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "give a run directory, for example `onic replay-run runs/keycorridor-s1`");
    log_set_role("replay-run");
    sigaction(SIGINT,
              &(struct sigaction){.sa_handler = replay_run_on_signal, .sa_flags = SA_ONSTACK},
              NULL);
    if (!rc)
        rc = replay_run(&a, &given, &err);
    return command_result("replay-run", rc, &err);
}
