/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LABEL_SCHEDULE_H
#define ONIC_LEARNER_REWARD_LABEL_SCHEDULE_H

/* label_schedule.h - when a reward model that learns from labels takes gradient steps.
 *
 * ONI's rule: below reward.dataset_size labels every arrival of labels owes
 * reward.steps_per_arrival steps; from there on every update of the policy owes
 * reward.steps_per_update. Owed steps are kept until there is time: at most reward.steps_max per
 * update, and no more than reward.train_share of the learner's time, in every minute. With a share
 * of 1, as in ONI, and in a deterministic run no clock is looked at: the counts alone decide.
 *
 * In train(): label_schedule_begin, then a step as long as label_schedule_due, then
 * label_schedule_end. Where another thread takes the steps: label_schedule_spent with the time of
 * those that it took, label_schedule_plan for those that come, both between begin and end. Training
 * thread. */

#include <stdbool.h>
#include <stdint.h>

struct label_schedule_params {
    int64_t dataset_size, steps_per_arrival, steps_per_update, steps_max;
    double share;       /* of the learner's time, 0..1 */
    bool deterministic; /* the counts alone decide */
};

struct label_schedule {
    struct label_schedule_params p;
    /* to be saved */
    uint64_t owed, arrived; /* arrived: labels came since the last begin (0 or 1) */
    /* of this life */
    int64_t steps_now, last_ns, begin_ns;
    double life_s, used_s, between_s; /* in all; training, on any thread; inside begin .. end */
    double left_s;                    /* of the share: a step begins while it is above 0 */
    double step_s;   /* of the other thread, moving average; 0: it has not taken one yet */
    bool piece_full; /* the last plan ended for the size of a piece */
    bool said_behind;
};

/* p is copied. */
void label_schedule_init(struct label_schedule *s, const struct label_schedule_params *p);
void label_schedule_arrival(struct label_schedule *s); /* a label that was not known came */
void label_schedule_begin(struct label_schedule *s, uint64_t labels);
/* True: take one step now. */
bool label_schedule_due(struct label_schedule *s);
/* How many steps another thread may take now, at most `most`. It gets them in pieces of about a
 * second, for which a checkpoint may have to wait. */
int label_schedule_plan(struct label_schedule *s, int most);
/* Up to `most` steps that are owed, whatever the clock says, no more than reward.steps_max since
 * begin; returns how many. */
int label_schedule_take(struct label_schedule *s, int most);
/* Seconds of CPU time that the other thread took for so many steps. */
void label_schedule_spent(struct label_schedule *s, double seconds, int steps);
void label_schedule_end(struct label_schedule *s);
/* Share of the learner's time used in this life. */
double label_schedule_share(const struct label_schedule *s);
/* Of it, what the policy had to wait for: all but the other thread's. */
double label_schedule_between_share(const struct label_schedule *s);

#endif /* ONIC_LEARNER_REWARD_LABEL_SCHEDULE_H */
