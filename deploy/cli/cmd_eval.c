/* SPDX-License-Identifier: MIT */
/* cmd_eval.c - `onic eval`: how good is a trained policy, or a uniform random one;
 * deploy/interface.md section 7. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/open.h"
#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/evaluate.h"
#include "deploy/cli/result_file.h"
#include "deploy/cli/run_open.h"

enum { EVAL_DEFAULT_EPISODES = 100 };

static volatile int stop_asked;

static void eval_on_signal(int sig)
{
    (void)sig;
    stop_asked = 1;
}

struct eval_args {
    char path[CONFIG_STR_MAX], json[CONFIG_STR_MAX], csv[CONFIG_STR_MAX];
    int episodes;
    bool random, greedy;
};

static int eval_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct eval_args *a = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "random", 6) == 0)
        a->random = true;
    else if (strncmp(name, "greedy", 6) == 0)
        a->greedy = true;
    else if (strncmp(name, "json", 4) == 0)
        snprintf(a->json, sizeof a->json, "%s", value);
    else if (strncmp(name, "csv", 3) == 0)
        snprintf(a->csv, sizeof a->csv, "%s", value);
    else {
        int64_t n = a->episodes;
        int rc = config_flag_int(name, value, 1, 10000000, &n, err);
        a->episodes = (int)n;
        return rc;
    }
    return ONIC_OK;
}

static int eval_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct eval_args *a = ctx;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "two runs were given, '%s' and '%s': evaluate one at a time", a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

static void write_json(FILE *f, const struct eval_args *a, const struct eval_result *r,
                       uint64_t seed, const struct loaded_run *run)
{
    struct buf doc;
    buf_init(&doc, 1 << 20);
    eval_json(r,
              a->random   ? "random"
              : a->greedy ? "greedy"
                          : "sampled",
              seed, run->weights_version, run->env_steps, &doc);
    fwrite(doc.data, 1, doc.len, f);
    buf_release(&doc);
}

static int run_eval(const struct eval_args *a, struct config *given, struct onic_err *err)
{
    static struct loaded_run run;
    static struct eval_result result;
    FILE *json = NULL;
    int rc = ONIC_OK;
    if (a->random)
        run.cfg = *given;
    else
        rc = loaded_run_open(&run, a->path, given, false, err);
    if (rc)
        return rc;
    run.cfg.run_seed = given->run_seed; /* never the training seed by accident */
    struct vec_env *envs = NULL;
    struct eval_params p = {.seed = (uint64_t)run.cfg.run_seed,
                            .policy = run.policy,
                            .weights = run.weights,
                            .greedy = a->greedy,
                            .episodes = a->episodes,
                            .progress = true};
    if (a->csv[0])
        rc = result_open(&p.csv, a->csv, err);
    if (!rc && a->json[0])
        rc = result_open(&json, a->json, err);
    if (!rc)
        rc = vec_env_open(&envs, &run.cfg, EVAL_ACTOR_ID, eval_envs(a->episodes), err);
    p.envs = envs;
    if (!rc)
        rc = evaluate(&p, &stop_asked, &result, err);
    if (!rc && strcmp(a->json, "-") != 0 && strcmp(a->csv, "-") != 0) {
        struct buf text;
        buf_init(&text, 1 << 16);
        eval_text(&result, &text);
        shown_write(stdout, text.data, text.len);
        buf_release(&text);
    }
    if (!rc && json)
        write_json(json, a, &result, (uint64_t)run.cfg.run_seed, &run);
    int csv_rc = result_close(p.csv, a->csv, rc ? NULL : err);
    rc = rc ? rc : csv_rc;
    int json_rc = result_close(json, a->json, rc ? NULL : err);
    rc = rc ? rc : json_rc;
    vec_env_free(envs);
    loaded_run_close(&run);
    return rc;
}

int cmd_eval(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    struct eval_args a = {.episodes = EVAL_DEFAULT_EPISODES};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic eval",
        .rows = "run.seed env",
        .defaults = "run.seed=1000003",
        .usage =
            "usage: onic eval RUN|CHECKPOINT [--episodes=100] [--seed=S] [--greedy] "
            "[--json=FILE|-] [--csv=FILE|-]\n"
            "       onic eval --random --env.id=ENV [--episodes=N] [--seed=S] [--json=FILE|-] "
            "[--csv=FILE|-]\n"
            "Plays whole episodes and prints mean, deviation and 95% interval of return, length, "
            "success and\n"
            "the task's statistics. Samples from the policy unless --greedy. Of a run, options of "
            "env are as it\nwas trained unless they are given here.\n",
        .extra =
            (const char *const[]){"--random", "--greedy", "--json=", "--csv=", "--episodes=", NULL},
        .on_extra = eval_on_extra,
        .on_positional = eval_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc && !a.random && !a.path[0])
        rc = err_set(
            &err, ONIC_ECONFIG,
            "nothing to evaluate: give a run directory or a checkpoint, or --random --env.id=ENV");
    if (!rc && a.random && a.path[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "--random plays without a run: give --env.id=ENV instead of '%s', or leave "
                     "out --random",
                     a.path);
    log_set_role("eval");
    sigaction(SIGINT, &(struct sigaction){.sa_handler = eval_on_signal, .sa_flags = SA_ONSTACK},
              NULL);
    if (!rc)
        rc = run_eval(&a, &given, &err);
    return command_result("eval", rc, &err);
}
