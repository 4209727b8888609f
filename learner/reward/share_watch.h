/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_SHARE_WATCH_H
#define ONIC_LEARNER_REWARD_SHARE_WATCH_H

/* share_watch.h - whether the intrinsic reward drowns the task or is not there at all: nothing else
 * in a run shows it but a number among many. Looked at over windows of steps; each thing is said
 * once in a life. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "learner/reward/mix.h"

enum {
    SHARE_WORDS_MAX = 400,
    SHARE_RARE_WINDOWS = 10 /* half of a run of up to 20 million frames */
};

struct share_watch {
    uint64_t window; /* steps */
    bool said_drowns, said_nothing;
    bool task_pays;     /* in half of the updates of some window */
    double task_before; /* paid by it per step in the window before */
    bool task_paid;     /* ever */
    int rare;           /* windows in a row that were intrinsic since it has paid */
    /* of the window so far */
    uint64_t steps, paid, updates, updates_of_task; /* of_task: the environment paid something */
    double int_abs, ext_abs;
};

/* frames: of the whole run. A window is a twentieth of it, 20,000 to a million steps. */
void share_watch_start(struct share_watch *w, uint64_t frames);
/* Adds an update. True, and one sentence without a full stop, at the end of a window in which
 *   - more than four fifths of what the policy was paid (reward_mix_stats: int_abs, ext_abs) were
 *     intrinsic, the environment has paid something in half of the updates of a window, and it does
 *     not pay a tenth more than in the window before: where it does, the task is being learned,
 *   - as much was intrinsic in SHARE_RARE_WINDOWS of them in a row, from one on in which the task
 *     paid, and it never paid in half of the updates: what else is paid does not lead to it, or
 *   - a model that pays at all paid nothing though reward.coef_int is above 0. */
bool share_watch_add(struct share_watch *w, const struct reward_mix *mix,
                     const struct reward_mix_stats *update, char words[SHARE_WORDS_MAX]);

#endif /* ONIC_LEARNER_REWARD_SHARE_WATCH_H */
