/* SPDX-License-Identifier: MIT */
/* cmd_play.c - `onic play`: watch an agent, or random actions, in the terminal (play_agent.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "deploy/cli/commands.h"
#include "deploy/cli/play_open.h"

struct play_args {
    char path[CONFIG_STR_MAX];
    bool greedy, random, human, paced; /* paced: a speed was given */
    int episodes;                      /* 0 = until stopped */
};

struct play {
    struct play_args args;
    struct config *given; /* the command line */
    struct loaded_run run;
    struct terminal term;
    struct play_agent agent;
};

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
    if (strncmp(name, "human", 5) == 0) {
        a->human = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0) {
        a->paced = true;
        return config_flag_real(name, value, 0, 1e6, &p->term.speed, err);
    }
    int64_t n = a->episodes;
    int rc = config_flag_int(name, value, 0, 1000000, &n, err);
    a->episodes = (int)n;
    return rc;
}

static int play_on_run(void *ctx, const char *arg, struct onic_err *err)
{
    struct play_args *a = &((struct play *)ctx)->args;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG, "two runs were given, '%s' and '%s': watch one at a time",
                       a->path, arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

static bool play_is_run(const char *arg)
{
    struct stat st;
    const char *end = strrchr(arg, '.');
    return (stat(arg, &st) == 0 && S_ISDIR(st.st_mode)) ||
           (end && strcmp(end, ".safetensors") == 0);
}

/* With --random, what stands on the command line by itself are YAML files. */
static int on_random_file(void *ctx, const char *arg, struct onic_err *err)
{
    if (play_is_run(arg))
        return err_set(err, ONIC_ECONFIG,
                       "--random plays without a run: leave out '%s', or --random to watch it",
                       arg);
    return config_read_file(((struct play *)ctx)->given, arg, err);
}

/* With --human either. */
static int on_human_word(void *ctx, const char *arg, struct onic_err *err)
{
    return play_is_run(arg) ? play_on_run(ctx, arg, err)
                            : config_read_file(((struct play *)ctx)->given, arg, err);
}

static bool play_asks_for(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], flag) == 0)
            return true;
    return false;
}

static int check_args(const struct play_args *a, const struct config *given, struct onic_err *err)
{
    if (a->random && a->human)
        return err_set(err, ONIC_ECONFIG,
                       "--random and --human both choose the actions: leave out one of the two");
    if ((a->random || a->human) && a->greedy)
        return err_set(err, ONIC_ECONFIG,
                       "--%s has no policy that could be greedy: leave out one of the two",
                       a->random ? "random" : "human");
    if (a->human && a->paced)
        return err_set(err, ONIC_ECONFIG,
                       "--human waits for your keys and has no --speed: leave out one of the two");
    if (!a->random && !a->human && !a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "nothing to watch: give a run directory or a checkpoint, or --random "
                       "--env.id=ENV, or --human --env.id=ENV");
    if (a->human && !a->path[0] && given->origin[CONFIG_I_env_id] == CONFIG_DEFAULT)
        return err_set(err, ONIC_ECONFIG,
                       "nothing to play: give --env.id=ENV (`onic env list` has them), a YAML file "
                       "or a run directory with --human");
    return ONIC_OK;
}

/* A person needs a terminal in the foreground. */
static int check_keys(const struct play *p, struct onic_err *err)
{
    if (p->args.human && !p->term.keys)
        return err_set(err, ONIC_ECONFIG,
                       "--human reads keys, and there is no terminal to read them from%s: "
                       "start it in a terminal, in the foreground",
                       p->term.tty ? " in the background" : "");
    return ONIC_OK;
}

static int play_all(struct play *p, struct onic_err *err)
{
    const struct play_source from = {.path = p->args.path[0] ? p->args.path : NULL,
                                     .greedy = p->args.greedy,
                                     .human = p->args.human,
                                     .episodes = p->args.episodes};
    int rc = play_open(&p->agent, &p->run, &from, p->given, err);
    if (rc)
        return rc;
    p->agent.term = &p->term;
    terminal_open(&p->term);
    rc = check_keys(p, err);
    if (!rc)
        rc = play_agent_run(&p->agent, err);
    terminal_close(&p->term);
    return rc;
}

int cmd_play(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct play p = {.given = &given, .args = {.episodes = -1}, .term = {.speed = 6}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic play",
        .rows = "run.seed env labels",
        .defaults = "run.seed=2000003",
        .usage =
            "usage: onic play RUN|CHECKPOINT [--seed=S] [--speed=STEPS_PER_SECOND] "
            "[--episodes=N] [--greedy]\n"
            "       onic play --random --env.id=ENV|CONFIG.yaml [--seed=S] [--speed=X] "
            "[--episodes=N]\n"
            "       onic play --human --env.id=ENV|CONFIG.yaml|RUN|CHECKPOINT [--seed=S] "
            "[--episodes=N]\n"
            "Shows a trained agent in the terminal: picture, action, values, reward by "
            "source, and what pays\n"
            "a caption: its label, or the score of a trained model; or, without a run, what "
            "random actions do.\n"
            "With --human you act, by the keys that are shown; a run's reward model tells what "
            "it would pay you, without\n"
            "a run --reward.model=NAME one that needs no labels. "
            "Without a terminal every step is one line.\n",
        .extra = (const char *const[]){"--random", "--human", "--greedy",
                                       "--speed=", "--episodes=", NULL},
        .on_extra = play_on_extra,
        .on_positional = play_asks_for(argc, argv, "--random")  ? on_random_file
                         : play_asks_for(argc, argv, "--human") ? on_human_word
                                                                : play_on_run,
        .ctx = &p,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc)
        rc = check_args(&p.args, &given, &err);
    if (!rc)
        rc = play_all(&p, &err);
    play_agent_free(&p.agent);
    loaded_run_close(&p.run);
    return command_result("play", rc, &err);
}
