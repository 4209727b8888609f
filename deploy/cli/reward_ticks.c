/* SPDX-License-Identifier: MIT */
/* reward_ticks.c - see reward_ticks.h. */
#include "deploy/cli/reward_ticks.h"

void reward_ticks_add(struct reward_ticks *t, double ext, double intrinsic)
{
    char mark = ext > 0 ? '$' : ext < 0 ? '-' : intrinsic > 0 ? '+' : intrinsic < 0 ? '~' : '.';
    t->mark[t->steps++ % REWARD_TICKS_MAX] = mark;
}

void reward_ticks_put(const struct reward_ticks *t, struct buf *out)
{
    static const struct {
        char mark;
        const char *means;
    } legend[] = {{'$', "ext"}, {'-', "ext < 0"}, {'+', "int"}, {'~', "int < 0"}};
    long first = t->steps > REWARD_TICKS_MAX ? t->steps - REWARD_TICKS_MAX : 0;
    bool seen[sizeof legend / sizeof legend[0]] = {false};
    buf_puts(out, "paid ");
    for (long i = first; i < t->steps; i++) {
        char mark = t->mark[i % REWARD_TICKS_MAX];
        buf_append(out, &mark, 1);
        for (size_t k = 0; k < sizeof legend / sizeof legend[0]; k++)
            seen[k] |= legend[k].mark == mark;
    }
    for (size_t k = 0; k < sizeof legend / sizeof legend[0]; k++)
        if (seen[k])
            buf_printf(out, "  %c %s", legend[k].mark, legend[k].means);
    buf_puts(out, "\n");
}
