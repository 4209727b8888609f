/* SPDX-License-Identifier: MIT */
/* share_watch.c - see share_watch.h. */
#include "learner/reward/share_watch.h"

#include <inttypes.h>
#include <stdio.h>

enum { WINDOWS = 20, WINDOW_LEAST = 20000, WINDOW_MOST = 1000000 };
static const double DROWNS = 0.8, GROWS = 1.1;

void share_watch_start(struct share_watch *w, uint64_t frames)
{
    uint64_t window = frames / WINDOWS;
    window = window < WINDOW_LEAST ? WINDOW_LEAST : window;
    *w = (struct share_watch){.window = window < WINDOW_MOST ? window : WINDOW_MOST,
                              .task_before = -1};
}

static bool mostly_intrinsic(const struct share_watch *w)
{
    return w->int_abs > DROWNS * (w->int_abs + w->ext_abs);
}

/* A task that pays once in a while has no share yet: novelty is all there is. */
static bool drowns_task(const struct share_watch *w)
{
    double task = w->ext_abs / (double)w->steps;
    return w->task_pays && w->task_before >= 0 && task <= GROWS * w->task_before &&
           mostly_intrinsic(w);
}

/* But it ought to lead there in time. */
static bool leads_elsewhere(const struct share_watch *w)
{
    return w->task_paid && !w->task_pays && w->rare >= SHARE_RARE_WINDOWS;
}

static bool pays_nothing(const struct share_watch *w, const struct reward_mix *mix)
{
    return w->paid == 0 && reward_mix_coef_int(mix) > 0 &&
           !reward_mix_type(mix)->traits.pays_nothing;
}

static bool share_watch_judge(struct share_watch *w, const struct reward_mix *mix,
                              char words[SHARE_WORDS_MAX])
{
    const struct reward_model_type *type = reward_mix_type(mix);
    if (leads_elsewhere(w) && !w->said_drowns) {
        w->said_drowns = true;
        snprintf(words, SHARE_WORDS_MAX,
                 "over %.0f %% of what the policy was paid in the last %" PRIu64
                 " steps was intrinsic and the task has hardly ever paid, so what is paid may lead "
                 "elsewhere; `onic labels top` of the run shows it, and a reward.coef_int below %g "
                 "leaves the task more%s%s",
                 100 * DROWNS, SHARE_RARE_WINDOWS * w->window, (double)reward_mix_coef_int(mix),
                 type->pays_by ? ", as may " : "", type->pays_by ? type->pays_by : "");
        return true;
    }
    if (drowns_task(w) && !w->said_drowns) {
        w->said_drowns = true;
        snprintf(words, SHARE_WORDS_MAX,
                 "%.0f %% of what the policy is paid is intrinsic, so the task's own reward hardly "
                 "counts; a reward.coef_int below %g leaves it more%s%s",
                 100 * w->int_abs / (w->int_abs + w->ext_abs), (double)reward_mix_coef_int(mix),
                 type->pays_by ? ", as may " : "", type->pays_by ? type->pays_by : "");
        return true;
    }
    if (pays_nothing(w, mix) && !w->said_nothing) {
        w->said_nothing = true;
        snprintf(words, SHARE_WORDS_MAX,
                 "reward.model=%s paid nothing in the last %" PRIu64
                 " steps: this is a run without it so far%s%s",
                 type->name, w->steps, type->pays_by ? "; what it pays is decided by " : "",
                 type->pays_by ? type->pays_by : "");
        return true;
    }
    return false;
}

bool share_watch_add(struct share_watch *w, const struct reward_mix *mix,
                     const struct reward_mix_stats *update, char words[SHARE_WORDS_MAX])
{
    w->steps += update->steps;
    w->paid += update->paid;
    w->updates++;
    w->updates_of_task += update->ext_abs > 0;
    w->int_abs += update->int_abs;
    w->ext_abs += update->ext_abs;
    if (w->steps < w->window)
        return false;
    w->task_pays = w->task_pays || 2 * w->updates_of_task >= w->updates;
    w->task_paid = w->task_paid || w->updates_of_task > 0;
    w->rare = w->task_paid && mostly_intrinsic(w) ? w->rare + 1 : 0;
    bool says = share_watch_judge(w, mix, words);
    *w = (struct share_watch){.window = w->window,
                              .said_drowns = w->said_drowns,
                              .said_nothing = w->said_nothing,
                              .task_pays = w->task_pays,
                              .task_paid = w->task_paid,
                              .rare = w->rare,
                              .task_before = w->ext_abs / (double)w->steps};
    return says;
}
