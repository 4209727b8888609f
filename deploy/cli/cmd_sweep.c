/* SPDX-License-Identifier: MIT */
/* cmd_sweep.c - `onic sweep FILE.yaml`: many runs of one file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/shell.h"
#include "common/base/shown.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/sweep_folder.h"
#include "deploy/cli/sweep_open.h"
#include "deploy/cli/sweep_run.h"

struct sweep_args {
    char file[CONFIG_STR_MAX], only[4 * CONFIG_STR_MAX];
    int jobs;
    bool dry;
};

static int sweep_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct sweep_args *a = ctx;
    int64_t n = 1;
    if (strcmp(name, "dry-run") == 0) {
        a->dry = true;
        return ONIC_OK;
    }
    if (strcmp(name, "only") == 0)
        return snprintf(a->only, sizeof a->only, "%s", value) < (int)sizeof a->only
                   ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG, "--only names more than fits into 2048 bytes");
    int rc = config_flag_int(name, value, 1, 1024, &n, err);
    a->jobs = (int)n;
    return rc;
}

static int sweep_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct sweep_args *a = ctx;
    if (a->file[0])
        return err_set(err, ONIC_ECONFIG, "one sweep at a time: '%s' or '%s'", a->file, arg);
    snprintf(a->file, sizeof a->file, "%s", arg);
    return ONIC_OK;
}

static void print_command(char *const *words)
{
    struct buf line;
    buf_init(&line, 1 << 20);
    buf_puts(&line, command_program());
    for (int i = 0; words[i]; i++) {
        bool flag = strncmp(words[i], "--", 2) == 0; /* else a file's name may begin so */
        buf_puts(&line, flag ? " --" : " ");
        shell_put(&line, words[i] + (flag ? 2 : 0));
    }
    shown_printf(stdout, "%s\n", line.data);
    buf_release(&line);
}

/* What the same command without --dry-run would start. */
static void print_commands(const struct sweep *s)
{
    int done = 0, runs = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->job[i].left_out)
            continue;
        enum sweep_state state = sweep_job_state(&s->job[i]);
        runs++;
        done += state == SWEEP_DONE;
        if (state == SWEEP_FRESH || state == SWEEP_BEGUN)
            print_command(s->job[i].train);
        if (state != SWEEP_DONE && s->job[i].eval)
            print_command(s->job[i].eval);
    }
    shown_printf(stderr, "onic sweep: %d run%s in %s, %d done\n", runs, runs == 1 ? "" : "s",
                 s->dir, done);
}

/* Runs that are kept may have no directory. */
static void say_next(const struct sweep *s, const struct sweep_result *r)
{
    char dir[4 * CONFIG_STR_MAX];
    shell_word(s->file.keep && !s->keeps_nothing ? s->file.keep : s->dir, dir, sizeof dir);
    if (r->left || r->failed)
        shown_printf(stderr, "onic sweep: the same command goes on with what is left\n");
    if (r->done)
        shown_printf(stderr, "onic sweep: `%s compare %s` compares the runs\n", command_program(),
                     dir);
}

static int run_sweep(const struct sweep *s, int jobs, int *code, struct onic_err *err)
{
    struct sweep_result result;
    int lock;
    int rc = sweep_folder_take(s, &lock, err);
    if (!rc && s->keeps_nothing)
        shown_printf(stderr,
                     "onic sweep: nothing is kept in %s: the command line gives options of its "
                     "own\n",
                     s->file.keep);
    if (!rc) {
        sweep_run_all(s, jobs, lock, &result);
        say_next(s, &result);
        *code = result.code;
    }
    if (lock >= 0)
        close(lock);
    return rc;
}

int cmd_sweep(int argc, char **argv)
{
    static struct config given;
    struct sweep sweep = {.n = 0};
    struct onic_err err = {0};
    struct sweep_args a = {.jobs = 1};
    int code = 0;
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic sweep",
        .usage =
            "usage: onic sweep FILE.yaml [--jobs=1] [--only=NAME,...] [--dry-run] [--run-dir=DIR]\n"
            "                  [--section.key=value ...]\n"
            "Trains every run that the file asks for, --jobs at a time, each in a folder of its "
            "own below\n"
            "DIR (runs/<name of the file>). The same command goes on: runs that are done are not "
            "repeated.\n"
            "Ctrl-C drains all of them, twice kills. --dry-run prints the commands. --only chooses "
            "runs by\n"
            "name ('S6R3-*,*-s1'). Options of the command line are for all runs. The file:\n"
            "  config: ../configs/keycorridor.yaml     # from the file's folder; may be left out\n"
            "  options: {run.frames: 2000000}\n"
            "  seeds: [1, 2]                           # or 101-105\n"
            "  grid:\n"
            "    train.lr: [0.001, 0.0003]             # every combination of values\n"
            "    reward:                               # and of named sets of options\n"
            "      hash: {reward.model: hash}\n"
            "      none: {reward.model: none, reward.coef_int: 0}\n"
            "  random: {draws: 20, seed: 1, train.entropy: {log_uniform: [0.001, 0.1]}}\n"
            "  exclude: [\"lr=0.001-none-*\"]            # of the combinations these are left out\n"
            "  eval: {episodes: 400}                   # `onic eval` of each run, into its "
            "eval.json\n"
            "  keep: results                           # a small copy of each finished run, beside "
            "the\n"
            "                                          # file, for `onic compare`; such a run is "
            "done\n",
        .extra = (const char *const[]){"--jobs=", "--only=", "--dry-run", NULL},
        .on_extra = sweep_on_extra,
        .on_positional = sweep_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !a.file[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "name the file of the sweep; `onic sweep --help` shows one");
    if (!rc)
        rc = sweep_folder_refuse(a.file, &err);
    if (!rc)
        rc = sweep_open(&sweep, a.file, &given, &err);
    if (!rc && a.only[0])
        rc = sweep_choose(&sweep, a.only, &err);
    if (!rc && a.dry)
        rc = sweep_folder_check(&sweep, &err);
    if (!rc && a.dry)
        print_commands(&sweep);
    else if (!rc)
        rc = run_sweep(&sweep, a.jobs, &code, &err);
    sweep_close(&sweep);
    return rc ? command_result("sweep", rc, &err) : code;
}
