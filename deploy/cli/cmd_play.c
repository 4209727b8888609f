/* SPDX-License-Identifier: MIT */
/* cmd_play.c - `onic play`: watch an agent, or random actions, in the terminal (play_agent.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/envs/open.h"
#include "common/base/shown.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/play_agent.h"
#include "deploy/cli/run_open.h"
#include "learner/reward/reward_options.h"

enum { PLAY_ACTOR_ID = 65534 };

struct play_args {
    char path[CONFIG_STR_MAX];
    bool greedy, random;
    int episodes; /* 0 = until stopped */
};

struct play {
    struct play_args args;
    struct config *given; /* the command line */
    struct loaded_run run;
    struct play_agent agent;
};

/* What the policy was paid, with the reward model as the run left it. */
static int open_reward(struct play *p, struct onic_err *err)
{
    struct play_agent *a = &p->agent;
    const void *state = NULL;
    size_t len = 0;
    checkpoint_get_bytes(p->run.file, "reward", &state, &len, NULL); /* it may have none */
    int rc = reward_options_open_kept(&a->mix, &p->run.cfg, &vec_env_spec(a->envs)->obs, state, len,
                                      err);
    if (!rc)
        a->explain = explain_open(p->args.path, p->run.cfg.labels_path);
    return rc;
}

static int open_play(struct play *p, struct config *given, struct onic_err *err)
{
    struct play_agent *a = &p->agent;
    int rc = ONIC_OK;
    if (given->origin[CONFIG_I_env_obs] == CONFIG_DEFAULT) /* everything a picture needs */
        config_set(given, "env.obs", "all", CONFIG_CLI, "onic play", NULL);
    if (p->args.random)
        p->run.cfg = *given;
    else
        rc = loaded_run_open(&p->run, p->args.path, given, NULL, err);
    if (rc)
        return rc;
    p->run.cfg.run_seed = given->run_seed;
    a->seed = (uint64_t)given->run_seed;
    a->greedy = p->args.greedy;
    a->episodes = p->args.episodes;
    a->policy = p->run.policy;
    a->weights = p->run.weights;
    rc = vec_env_open(&a->envs, &p->run.cfg, PLAY_ACTOR_ID, 1, err);
    return rc || p->args.random ? rc : open_reward(p, err);
}

static int play_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct play *p = ctx;
    struct play_args *a = &p->args;
    name += strspn(name, "-");
    if (strncmp(name, "greedy", 6) == 0) {
        a->greedy = true;
        return ONIC_OK;
    }
    if (strncmp(name, "random", 6) == 0) {
        a->random = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0)
        return config_flag_real(name, value, 0, 1e6, &p->agent.term.speed, err);
    int64_t n = a->episodes;
    int rc = config_flag_int(name, value, 0, 1000000, &n, err);
    a->episodes = (int)n;
    return rc;
}

static int play_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct play_args *a = &((struct play *)ctx)->args;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG, "two runs were given, '%s' and '%s': watch one at a time",
                       a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

/* With --random, what stands on the command line by itself are YAML files. */
static int on_random_file(void *ctx, const char *arg, struct onic_err *err)
{
    struct stat st;
    const char *end = strrchr(arg, '.');
    bool run = stat(arg, &st) == 0 && S_ISDIR(st.st_mode);
    if (run || (end && strcmp(end, ".safetensors") == 0))
        return err_set(err, ONIC_ECONFIG,
                       "--random plays without a run: leave out '%s', or --random to watch it",
                       arg);
    return config_read_file(((struct play *)ctx)->given, arg, err);
}

static bool asks_for_random(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--random") == 0)
            return true;
    return false;
}

static int check_args(const struct play_args *a, struct onic_err *err)
{
    if (a->random && a->greedy)
        return err_set(err, ONIC_ECONFIG,
                       "--random has no policy that could be greedy: leave out one of the two");
    if (!a->random && !a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "nothing to watch: give a run directory or a checkpoint, or --random "
                       "--env.id=ENV");
    return ONIC_OK;
}

int cmd_play(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct play p = {
        .given = &given, .args = {.episodes = -1}, .agent = {.term = {.speed = 6}}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic play",
        .rows = "run.seed env labels",
        .defaults = "run.seed=2000003",
        .usage = "usage: onic play RUN|CHECKPOINT [--seed=S] [--speed=STEPS_PER_SECOND] "
                 "[--episodes=N] [--greedy]\n"
                 "       onic play --random --env.id=ENV|CONFIG.yaml [--seed=S] [--speed=X] "
                 "[--episodes=N]\n"
                 "Shows a trained agent in the terminal: picture, action, values, reward by "
                 "source, and what pays\n"
                 "a caption: its label, or the score of a trained model; or, without a run, what "
                 "random actions do.\n"
                 "Without a terminal every step is one line.\n",
        .extra = (const char *const[]){"--random", "--greedy", "--speed=", "--episodes=", NULL},
        .on_extra = play_on_extra,
        .on_positional = asks_for_random(argc, argv) ? on_random_file : play_on_positional,
        .ctx = &p,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc)
        rc = check_args(&p.args, &err);
    if (!rc)
        rc = open_play(&p, &given, &err);
    if (!rc)
        rc = play_agent_run(&p.agent, &err);
    play_agent_free(&p.agent);
    loaded_run_close(&p.run);
    if (!rc)
        return 0;
    shown_printf(stderr, "onic play: %s\n", err.msg);
    return err_exit_code(rc);
}
