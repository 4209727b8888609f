/* SPDX-License-Identifier: MIT */
/* label_schedule.c - see label_schedule.h. The share is a bucket: time fills it, training empties
 * it, and a step begins while something is left. It holds what FULL_S seconds earn: more than a
 * slow update needs, and little enough that neither hours without labels nor a pause of the learner
 * are followed by a burst. */
#include "learner/reward/label_schedule.h"

#include "common/base/clock.h"
#include "common/base/log.h"

static const double FULL_S = 10.0, PIECE_S = 1.0;
enum { BEHIND = 1000 }; /* steps owed that are worth a word */

void label_schedule_init(struct label_schedule *s, const struct label_schedule_params *p)
{
    *s = (struct label_schedule){.p = *p};
}

void label_schedule_arrival(struct label_schedule *s)
{
    s->arrived = 1;
}

/* Time that passed, and how much of it was training. */
static void label_schedule_pass(struct label_schedule *s, double all_s, double used_s)
{
    s->life_s += all_s;
    s->used_s += used_s;
    s->left_s += s->p.share * all_s - used_s;
    if (s->left_s > s->p.share * FULL_S)
        s->left_s = s->p.share * FULL_S;
}

void label_schedule_begin(struct label_schedule *s, uint64_t labels)
{
    if (labels >= (uint64_t)s->p.dataset_size)
        s->owed += (uint64_t)s->p.steps_per_update;
    else if (s->arrived)
        s->owed += (uint64_t)s->p.steps_per_arrival;
    s->arrived = 0;
    s->steps_now = 0;
    s->begin_ns = clock_ns();
    label_schedule_pass(s, s->last_ns ? (double)(s->begin_ns - s->last_ns) * 1e-9 : 0.0, 0);
}

bool label_schedule_due(struct label_schedule *s)
{
    if (s->owed == 0 || s->steps_now >= s->p.steps_max)
        return false;
    if (!s->p.deterministic && s->p.share < 1) {
        double now_s = (double)(clock_ns() - s->begin_ns) * 1e-9;
        if (s->left_s + s->p.share * now_s - now_s <= 0)
            return false;
    }
    s->owed--;
    s->steps_now++;
    return true;
}

/* The n steps planned before it are not taken yet, so it goes by what one took so far; the first
 * one shows that. */
static bool one_more_fits(const struct label_schedule *s, int n)
{
    double planned_s = n * s->step_s;
    bool counts_alone = s->p.deterministic || s->p.share >= 1;
    return (n == 0 || (s->step_s > 0 && planned_s < PIECE_S)) &&
           (counts_alone || s->left_s > planned_s);
}

int label_schedule_plan(struct label_schedule *s, int most)
{
    int n = 0;
    while (n < most && s->owed > 0 && s->steps_now < s->p.steps_max && one_more_fits(s, n)) {
        s->owed--;
        s->steps_now++;
        n++;
    }
    s->piece_full = s->owed > 0 && s->steps_now < s->p.steps_max &&
                    (n == most || (n > 0 && n * s->step_s >= PIECE_S));
    return n;
}

int label_schedule_take(struct label_schedule *s, int most)
{
    int64_t left = s->p.steps_max - s->steps_now;
    int n = s->owed < (uint64_t)most ? (int)s->owed : most;
    n = n < left ? n : (int)left;
    s->owed -= (uint64_t)n;
    s->steps_now += n;
    return n;
}

void label_schedule_spent(struct label_schedule *s, double seconds, int steps)
{
    label_schedule_pass(s, 0, seconds);
    if (steps == 0)
        return;
    double each = seconds / steps;
    s->step_s = s->step_s > 0 ? s->step_s + 0.2 * (each - s->step_s) : each;
}

static const char *what_limits(const struct label_schedule *s)
{
    if (s->piece_full)
        return "the size of a piece; reward.train_beside=no has none";
    if (s->steps_now == s->p.steps_max)
        return "reward.steps_max";
    if (!s->p.deterministic && s->p.share < 1)
        return "reward.train_share";
    return s->step_s > 0 ? "the speed of the thread that trains it" : "reward.steps_max";
}

void label_schedule_end(struct label_schedule *s)
{
    s->last_ns = clock_ns();
    double used_s = (double)(s->last_ns - s->begin_ns) * 1e-9;
    label_schedule_pass(s, used_s, used_s);
    s->between_s += used_s;
    if (s->owed < BEHIND || s->said_behind)
        return;
    s->said_behind = true;
    log_info("the reward model trains less than its schedule asks for", kv("owed_steps", s->owed),
             kv("limited_by", what_limits(s)));
}

double label_schedule_share(const struct label_schedule *s)
{
    return s->life_s > 0 ? s->used_s / s->life_s : 0.0;
}

double label_schedule_between_share(const struct label_schedule *s)
{
    return s->life_s > 0 ? s->between_s / s->life_s : 0.0;
}
