/* SPDX-License-Identifier: MIT */
/* cmd_record.c - `onic record`: episodes of a trained agent, or one that a run kept, as a GIF, a
 * video or an asciinema cast (record.h). */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/shown.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/play_open.h"
#include "deploy/cli/record.h"
#include "deploy/cli/replay_open.h"

struct record_args {
    char path[CONFIG_STR_MAX], gif[CONFIG_STR_MAX], mp4[CONFIG_STR_MAX], cast[CONFIG_STR_MAX];
    bool greedy, force;
    int episodes; /* 0 = not given */
    double fps;
};

/* Everything that lives as long as the command. */
struct record_command {
    struct record_args args;
    struct config given;
    struct terminal term; /* silent: its signals */
    struct recording *recording;
    struct play_agent agent; /* of a run or checkpoint */
    struct loaded_run run;
    struct replay_player player; /* of a kept episode */
};

static int take_path(char out[CONFIG_STR_MAX], const char *name, const char *value,
                     struct onic_err *err)
{
    if (!value || !value[0])
        return err_set(err, ONIC_ECONFIG, "--%s needs the name of a file", name);
    if (snprintf(out, CONFIG_STR_MAX, "%s", value) >= CONFIG_STR_MAX)
        return err_set(err, ONIC_ECONFIG, "the path of --%s is too long", name);
    return ONIC_OK;
}

static int record_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct record_args *a = &((struct record_command *)ctx)->args;
    name += strspn(name, "-");
    if (strncmp(name, "gif", 3) == 0)
        return take_path(a->gif, "gif", value, err);
    if (strncmp(name, "mp4", 3) == 0)
        return take_path(a->mp4, "mp4", value, err);
    if (strncmp(name, "cast", 4) == 0)
        return take_path(a->cast, "cast", value, err);
    if (strncmp(name, "fps", 3) == 0)
        return config_flag_real(name, value, RECORD_FPS_MIN, RECORD_FPS_MAX, &a->fps, err);
    if (strncmp(name, "greedy", 6) == 0) {
        a->greedy = true;
        return ONIC_OK;
    }
    if (strncmp(name, "force", 5) == 0) {
        a->force = true;
        return ONIC_OK;
    }
    int64_t n = a->episodes;
    int rc = config_flag_int(name, value, 1, 1000, &n, err);
    a->episodes = (int)n;
    return rc;
}

static int record_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct record_args *a = &((struct record_command *)ctx)->args;
    if (a->path[0])
        return err_set(err, ONIC_ECONFIG, "one run or episode at a time: '%s' or '%s'", a->path,
                       arg);
    snprintf(a->path, sizeof a->path, "%s", arg);
    return ONIC_OK;
}

/* A run directory and a checkpoint play; RUN/replays and its files were played. */
static bool names_kept_episode(const char *path)
{
    char checkpoints[CONFIG_STR_MAX + 16];
    const char *name = strrchr(path, '/'), *end = strrchr(path, '.');
    struct stat st;
    if (stat(path, &st) != 0)
        return end && (strcmp(end, ".jsonl") == 0 || strcmp(end, ".replay") == 0);
    if (!S_ISDIR(st.st_mode))
        return !end || strcmp(end, ".safetensors") != 0;
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", path);
    return strncmp(name ? name + 1 : path, "replays", 7) == 0 && stat(checkpoints, &st) != 0;
}

static int check_what(const struct record_args *a, struct onic_err *err)
{
    if (!a->path[0])
        return err_set(err, ONIC_ECONFIG,
                       "nothing to record: give a run directory, a checkpoint, or a kept episode "
                       "(RUN/replays for the newest, or one of its files)");
    if (!a->gif[0] && !a->mp4[0] && !a->cast[0])
        return err_set(err, ONIC_ECONFIG,
                       "say what to make of it: --gif=FILE, --mp4=FILE or --cast=FILE");
    return ONIC_OK;
}

static int record_run(struct record_command *c, struct onic_err *err)
{
    const struct play_source from = {.path = c->args.path,
                                     .greedy = c->args.greedy,
                                     .episodes = c->args.episodes ? c->args.episodes : 1};
    int rc = play_open(&c->agent, &c->run, &from, &c->given, err);
    c->agent.term = &c->term;
    c->agent.sink = recording_sink(c->recording);
    return rc ? rc : play_agent_run(&c->agent, err);
}

static int record_kept(struct record_command *c, struct onic_err *err)
{
    if (c->args.episodes || c->args.greedy || c->given.origin[CONFIG_I_run_seed] == CONFIG_CLI)
        return err_set(err, ONIC_ECONFIG,
                       "%s is one episode that was played: leave out --episodes, --greedy and "
                       "--seed, or give the run directory to play new ones",
                       c->args.path);
    if (snprintf(c->player.path, sizeof c->player.path, "%s", c->args.path) >=
        (int)sizeof c->player.path)
        return err_set(err, ONIC_ECONFIG, "the path of the episode is too long");
    c->player.term = &c->term;
    c->player.sink = recording_sink(c->recording);
    int rc = replay_open(&c->player, &c->given, err);
    return rc ? rc : replay_play(&c->player, err);
}

static int record_all(struct record_command *c, struct onic_err *err)
{
    const struct record_args *a = &c->args;
    struct record_params p = {.gif = a->gif,
                              .mp4 = a->mp4,
                              .cast = a->cast,
                              .force = a->force,
                              .fps = a->fps,
                              .title = a->path};
    int rc = recording_open(&c->recording, &p, err);
    if (rc)
        return rc;
    terminal_open(&c->term);
    rc = names_kept_episode(a->path) ? record_kept(c, err) : record_run(c, err);
    if (!rc && c->term.quit)
        shown_printf(stderr, "onic record: stopped after %lld frames\n",
                     (long long)recording_steps(c->recording));
    terminal_close(&c->term);
    return rc ? rc : recording_finish(c->recording, err);
}

int cmd_record(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct record_command c = {.args = {.fps = 6}, .term = {.silent = true}};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic record",
        .rows = "run.seed env labels",
        .defaults = "run.seed=2000003",
        .usage =
            "usage: onic record RUN|CHECKPOINT --gif=FILE|--mp4=FILE|--cast=FILE "
            "[--episodes=N] [--seed=S]\n"
            "                   [--fps=STEPS_PER_SECOND] [--greedy] [--force]\n"
            "       onic record RUN/replays|RUN/replays/FILE --gif=FILE|--mp4=FILE|"
            "--cast=FILE [--fps=X] [--force]\n"
            "Plays one episode, or so many, with the newest checkpoint of a run, or an episode "
            "that the run kept, and\n"
            "writes what there is to see: picture, action, reward by source and what pays it. "
            "GIF; MP4 where ffmpeg is\n"
            "installed; --cast for asciinema. Several at once are possible. Files that are "
            "there stay, unless --force.\n",
        .extra = (const char *const[]){"--gif=", "--mp4=", "--cast=", "--episodes=", "--fps=",
                                       "--greedy", "--force", NULL},
        .on_extra = record_on_extra,
        .on_positional = record_on_positional,
        .ctx = &c,
    };
    int rc = config_load(&c.given, argc, argv, &cli, &err);
    if (rc == ONIC_ESTOPPED)
        return 0;
    if (!rc)
        rc = check_what(&c.args, &err);
    if (!rc)
        rc = record_all(&c, &err);
    recording_free(c.recording);
    play_agent_free(&c.agent);
    loaded_run_close(&c.run);
    replay_close(&c.player);
    return command_result("record", rc, &err);
}
