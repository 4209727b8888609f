/* SPDX-License-Identifier: MIT */
/* cmd_launch.c - `onic launch slurm CONFIG|SWEEP.yaml`: runs on a cluster, by one command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/paths.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/launch_open.h"
#include "deploy/cli/launch_submit.h"

enum { LAUNCH_FILES_MAX = 8, LAUNCH_SCRIPT_MAX = 64 << 20 };

struct launch_args {
    struct launch_wish wish;
    char *file[LAUNCH_FILES_MAX]; /* of argv */
    int words, files;             /* words: positional ones so far */
    bool dry;
};

/* 4G, 500M: Slurm's spelling. Without a bound a job that grows takes its neighbours with it. */
static int take_memory(const char *flag, const char *value, char out[32], struct onic_err *err)
{
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits;
    bool ok =
        digits && digits < 10 && strlen(unit) <= 1 && strspn(unit, "KMGTkmgt") == strlen(unit);
    if (!ok)
        return err_set(err, ONIC_ECONFIG, "--%s=%s is no amount of memory, such as 8G or 500M",
                       flag, value);
    if (strtoll(value, NULL, 10) == 0)
        return err_set(err, ONIC_ECONFIG,
                       "--%s=0 would leave the job without a limit of memory; give one, such as 8G",
                       flag);
    snprintf(out, 32, "%s", value);
    return ONIC_OK;
}

static int take_text(const char *flag, const char *value, char *out, size_t size,
                     struct onic_err *err)
{
    if (!value[0] || strlen(value) >= size)
        return err_set(err, ONIC_ECONFIG, "--%s wants a value", flag);
    snprintf(out, size, "%s", value);
    return ONIC_OK;
}

/* What the script says to Slurm by itself, and would be contradicted in. */
static int refuse_own_word(const char *flag, const char *value, struct onic_err *err)
{
    static const struct {
        const char *name, letter[3], *instead;
    } own[] = {
        {"--array", "-a", "--actors=N and the runs of a sweep are the arrays"},
        {"--wait", "-W", "it would wait for a job that waits for the launch"},
        {"--clusters", "-M", "the variable SLURM_CLUSTERS tells squeue and scancel as well"},
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t n = strlen(own[i].name);
        bool is = strncmp(value, own[i].name, n) == 0 && (value[n] == '=' || !value[n]);
        if (is || strncmp(value, own[i].letter, 2) == 0)
            return err_set(err, ONIC_ECONFIG, "--%s=%s is not for a launch: %s", flag, value,
                           own[i].instead);
    }
    return ONIC_OK;
}

static int take_word(const char *flag, const char *value, char ***words, struct onic_err *err)
{
    int rc = refuse_own_word(flag, value, err);
    if (rc)
        return rc;
    if (value[0] != '-')
        return err_set(err, ONIC_ECONFIG,
                       "--%s=%s: give one option of sbatch with its dashes, such as "
                       "--%s=--constraint=avx2",
                       flag, value, flag);
    launch_add_word(words, value);
    return ONIC_OK;
}

static int launch_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct launch_args *a = ctx;
    struct launch_wish *w = &a->wish;
    if (strcmp(name, "dry-run") == 0) {
        a->dry = true;
        return ONIC_OK;
    }
    if (strcmp(name, "actors") == 0)
        return config_flag_int(name, value, 1, 100000, &w->actors, err);
    if (strcmp(name, "jobs") == 0)
        return config_flag_int(name, value, 1, 10000, &w->jobs, err);
    if (strcmp(name, "cpus-per-task") == 0)
        return config_flag_int(name, value, 1, 1024, &w->cpus, err);
    if (strcmp(name, "mem") == 0)
        return take_memory(name, value, w->mem, err);
    if (strcmp(name, "actor-mem") == 0)
        return take_memory(name, value, w->actor_mem, err);
    if (strcmp(name, "time") == 0)
        return take_text(name, value, w->time, sizeof w->time, err);
    if (strcmp(name, "partition") == 0)
        return take_text(name, value, w->partition, sizeof w->partition, err);
    if (strcmp(name, "account") == 0)
        return take_text(name, value, w->account, sizeof w->account, err);
    if (strcmp(name, "qos") == 0)
        return take_text(name, value, w->qos, sizeof w->qos, err);
    char ***words = strcmp(name, "sbatch") == 0         ? &w->both
                    : strcmp(name, "actor-sbatch") == 0 ? &w->actor
                                                        : &w->learner;
    return take_word(name, value, words, err);
}

static int launch_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct launch_args *a = ctx;
    if (a->words++ == 0)
        return strcmp(arg, "slurm") == 0
                   ? ONIC_OK
                   : err_set(err, ONIC_ECONFIG,
                             "'%s' is nothing that runs are launched on; `onic launch slurm ...` "
                             "is (Compose: deploy/docker, Kubernetes: deploy/kubernetes)",
                             arg);
    if (a->files == LAUNCH_FILES_MAX)
        return err_set(err, ONIC_ECONFIG, "more than %d files; put them into one",
                       LAUNCH_FILES_MAX);
    a->file[a->files++] = xstrdup(arg);
    return ONIC_OK;
}

static int check_asked(const struct launch_args *a, struct onic_err *err)
{
    if (!a->words)
        return err_set(err, ONIC_ECONFIG,
                       "say what to launch on: `onic launch slurm CONFIG.yaml --actors=64`");
    if (!a->wish.actors)
        return err_set(err, ONIC_ECONFIG,
                       "say how many actors each run has, such as --actors=64; `onic launch "
                       "--help` explains");
    return ONIC_OK;
}

static int launch_run_all(const struct launch *l, const struct launch_args *a, struct onic_err *err)
{
    char bin[PATHS_MAX], scripts[PATHS_MAX];
    struct buf script;
    int rc = paths_program_dir(bin, sizeof bin, err);
    if (!rc)
        rc = paths_share("slurm", scripts, sizeof scripts, err);
    if (rc)
        return rc;
    if (!l->n) {
        if (l->sweep)
            shown_printf(stderr, "onic launch: all %d runs in %s are trained\n", l->trained,
                         l->dir);
        return ONIC_OK;
    }
    buf_init(&script, LAUNCH_SCRIPT_MAX);
    launch_script(l, &a->wish, bin, scripts, &script);
    if (script.overflow)
        rc = err_set(err, ONIC_ELIMIT, "the sweep's commands are longer than %d MiB",
                     LAUNCH_SCRIPT_MAX >> 20);
    else if (a->dry)
        fputs(script.data, stdout);
    else
        rc = launch_submit(script.data, err);
    buf_release(&script);
    if (!rc && !a->dry)
        shown_printf(stderr,
                     "onic launch: %d run%s submitted to Slurm; squeue --me shows the jobs, `%s "
                     "status RUN` a run\n",
                     l->n, l->n == 1 ? "" : "s", command_program());
    return rc;
}

static const char launch_usage[] =
    "usage: onic launch slurm CONFIG.yaml|SWEEP.yaml --actors=64 [--dry-run] [--run-dir=DIR]\n"
    "                  [--section.key=value ...] [options of sbatch]\n"
    "Submits learner, reward server and actors of a run, or of each run of a sweep, as jobs of "
    "Slurm. They are\n"
    "requeued before their time limit and after a preemption, and resume. --dry-run prints the "
    "commands as a\n"
    "script. Prints for each run its learner's job, its actors' job and its directory, which all "
    "nodes must see.\n"
    "  --actors=N              actors of each run, one core each\n"
    "  --jobs=N                runs of a sweep at a time\n"
    "  --cpus-per-task=4       cores of a learner with its reward server\n"
    "  --mem=8G --actor-mem=2G memory of a learner, of an actor\n"
    "  --time=24:00:00         of each job; also --partition, --account, --qos: as sbatch has "
    "them\n"
    "  --sbatch=WORD           any other option of sbatch (--sbatch=--constraint=avx2), as often "
    "as you like;\n"
    "                          --learner-sbatch, --actor-sbatch: for these jobs alone "
    "(--actor-sbatch=--partition=spot)\n";

int cmd_launch(int argc, char **argv)
{
    static struct config given;
    struct launch launch = {.n = 0};
    struct onic_err err = {0};
    struct launch_args a = {
        .wish = {.cpus = 4, .mem = "8G", .actor_mem = "2G", .time = "24:00:00"}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic launch",
        .usage = launch_usage,
        .extra =
            (const char *const[]){"--dry-run", "--actors=", "--jobs=", "--cpus-per-task=", "--mem=",
                                  "--actor-mem=", "--time=", "--partition=", "--account=", "--qos=",
                                  "--sbatch=", "--learner-sbatch=", "--actor-sbatch=", NULL},
        .on_extra = launch_on_extra,
        .on_positional = launch_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc)
        rc = check_asked(&a, &err);
    if (!rc)
        rc = launch_open(&launch, &given, a.file, a.files, a.dry, &err);
    if (!rc)
        rc = launch_run_all(&launch, &a, &err);
    launch_close(&launch);
    launch_free_words(a.wish.both);
    launch_free_words(a.wish.learner);
    launch_free_words(a.wish.actor);
    for (int i = 0; i < a.files; i++)
        free(a.file[i]);
    return command_result("launch", rc, &err);
}
