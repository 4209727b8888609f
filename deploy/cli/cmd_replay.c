/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - `onic replay FILE|RUN`: plays a recorded episode again and explains what a step
 * was paid for. */
#include <stdio.h>
#include <string.h>

#include "deploy/cli/commands.h"
#include "deploy/cli/replay_open.h"

static int replay_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct replay_player *p = ctx;
    name += strspn(name, "-");
    if (strncmp(name, "json", 4) == 0) {
        p->json = true;
        return ONIC_OK;
    }
    if (strncmp(name, "frames", 6) == 0) {
        p->frames = true;
        return ONIC_OK;
    }
    if (strncmp(name, "speed", 5) == 0)
        return config_flag_real(name, value, 0, 1e6, &p->term->speed, err);
    int64_t step = p->explain;
    int rc = config_flag_int(name, value, 1, 1000000000, &step, err);
    p->explain = (int)step;
    return rc;
}

static int replay_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct replay_player *p = ctx;
    if (p->path[0])
        return err_set(err, ONIC_ECONFIG, "one episode at a time: '%s' or '%s'", p->path, arg);
    snprintf(p->path, sizeof p->path, "%s", arg);
    return ONIC_OK;
}

int cmd_replay(int argc, char **argv)
{
    struct onic_err err = {0};
    static struct config given;
    static struct terminal term = {.speed = 6};
    static struct replay_player p = {.term = &term};
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic replay",
        .rows = "env.nle env.plugin labels",
        .usage = "usage: onic replay FILE|RUN [--explain=STEP] [--speed=STEPS_PER_SECOND] "
                 "[--json [--frames]]\n"
                 "Plays an episode of RUN/replays/ again, of a run directory the newest one. "
                 "--explain says what a step was paid for: "
                 "caption, label (or the\n"
                 "score of a trained model and the newest pair), annotator, goal, raw answer, "
                 "occurrence and resulting reward. --frames: the pictures, too, of each the lines "
                 "that changed.\n",
        .extra = (const char *const[]){"--json=-", "--frames", "--explain=", "--speed=", NULL},
        .on_extra = replay_on_extra,
        .on_positional = replay_on_positional,
        .ctx = &p,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc && !p.path[0])
        rc = err_set(&err, ONIC_ECONFIG,
                     "nothing to play: give a file of RUN/replays/, or RUN for the newest");
    if (!rc)
        rc = replay_open(&p, &given, &err);
    if (!rc) {
        if (!p.json && !p.explain)
            terminal_open(&term);
        rc = replay_play(&p, &err);
        terminal_close(&term);
    }
    if (!rc)
        replay_say_result(&p);
    replay_close(&p);
    return command_result("replay", rc, &err);
}
