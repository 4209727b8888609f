/* SPDX-License-Identifier: MIT */
/* one_press.c - see one_press.h. */
#include "deploy/cli/one_press.h"

#include "common/base/clock.h"

enum { ONE_PRESS_MS = 500 };

bool one_press(int64_t *last_ms)
{
    int64_t before = *last_ms;
    *last_ms = clock_ms();
    return !before || *last_ms - before >= ONE_PRESS_MS;
}
