/* SPDX-License-Identifier: MIT */
/* label_limit.c - see label_limit.h. */
#include "learner/reward/label_limit.h"

#include <stdint.h>

#include "common/base/log.h"

void label_limit_reached(bool *said, size_t held)
{
    if (*said)
        return;
    *said = true;
    log_warn("the reward model holds as many labels as it can; further ones are not learned. If "
             "captions hold numbers or names that do not matter, a shorter run or an environment "
             "that leaves them out has fewer",
             kv("labels", (uint64_t)held));
}
