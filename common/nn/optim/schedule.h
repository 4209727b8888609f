/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_OPTIM_SCHEDULE_H
#define ONIC_COMMON_NN_OPTIM_SCHEDULE_H

/* schedule.h - the learning rate as a function of progress. */

enum schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR };

/* start * 1, or start * (1 - progress); progress is clamped to [0, 1]. */
double schedule_value(enum schedule s, double start, double progress);

#endif /* ONIC_COMMON_NN_OPTIM_SCHEDULE_H */
