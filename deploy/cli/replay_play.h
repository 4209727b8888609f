/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REPLAY_PLAY_H
#define ONIC_DEPLOY_CLI_REPLAY_PLAY_H

/* replay_play.h - plays a recorded episode again, exactly, and shows or explains its steps.
 *
 * Nothing is stored but seed, actions, captions and rewards; the pictures come from the environment
 * itself, which is stepped with the same actions and compared with the record at every step. A
 * difference means that another environment is at work than the one that was recorded (another
 * version of onic or of a wheel, a real clock), and is an error: an explanation of something else
 * would be worse than none. */

#include <stdbool.h>

#include "deploy/cli/frame_sink.h"
#include "deploy/cli/replay_find.h"
#include "deploy/cli/replay_frames.h"
#include "deploy/cli/replay_text.h"
#include "deploy/cli/reward_ticks.h"
#include "deploy/cli/terminal.h"

struct replay_player {
    /* as it was asked for */
    char path[REPLAY_PATH_MAX];
    int explain;             /* step, 0 = none */
    bool json, frames;       /* frames: with pictures, of json */
    struct terminal *term;   /* borrowed, open while it plays */
    struct frame_sink *sink; /* borrowed; what is seen goes there; NULL = to the terminal */
    /* replay_open.h */
    bool newest; /* of a run directory */
    struct replay replay;
    bool real_clock; /* it was played with the clock of its day */
    struct explain *store;
    struct env *env;
    uint8_t *obs;
    /* replay_play.c */
    struct replay_view view;
    struct reward_ticks ticks;
    struct buf document; /* --json: the steps */
    struct buf start;    /* --frames: the picture before them */
    struct replay_frames pictures;
};

/* Plays what replay_open opened. ONIC_EINCOMPATIBLE: not as recorded. */
int replay_play(struct replay_player *p, struct onic_err *err);
/* What was asked for, on standard output, when it has been played and the terminal is closed. */
void replay_say_result(const struct replay_player *p);
void replay_close(struct replay_player *p); /* also one that was never opened */

#endif /* ONIC_DEPLOY_CLI_REPLAY_PLAY_H */
