/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "actor/envs/progress.h"

#include <stddef.h>

static struct {
    void (*keep)(void *ctx);
    void *ctx;
} env_progress_listener;

void env_progress_to(void (*keep)(void *ctx), void *ctx)
{
    env_progress_listener.keep = keep;
    env_progress_listener.ctx = ctx;
}

void env_progress(void)
{
    if (env_progress_listener.keep)
        env_progress_listener.keep(env_progress_listener.ctx);
}
