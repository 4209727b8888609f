/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_OPTIM_SCHEDULE_H
#define ONIC_COMMON_NN_OPTIM_SCHEDULE_H

/* schedule.h - how a learning rate or a coefficient changes over a run. */

enum schedule { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_KL_ADAPTIVE };

/* On the way from start to end; progress is clamped to [0, 1]. */
double schedule_linear(double start, double end, double progress);

/* The next learning rate after an update whose policy moved by `kl`: lr / 1.5 where that is over
 * twice the target, lr * 1.5 where it is under half of it, else lr. Neither leads below 1e-6 nor
 * above 1e-2 (the rule and the numbers of rl_games and Sample Factory); a rate beyond these bounds
 * that was given stays. */
double schedule_kl_adaptive(double lr, double kl, double target);

#endif /* ONIC_COMMON_NN_OPTIM_SCHEDULE_H */
