/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h. */
#include "common/nn/optim/schedule.h"

double schedule_value(enum schedule s, double start, double progress)
{
    if (s == SCHEDULE_CONSTANT)
        return start;
    progress = progress < 0.0 ? 0.0 : progress > 1.0 ? 1.0 : progress;
    return start * (1.0 - progress);
}
