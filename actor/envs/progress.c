/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "actor/envs/progress.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static struct {
    void (*keep)(void *ctx);
    void *ctx;
} env_progress_listener;

static atomic_bool env_progress_asked;

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

void env_progress_ask(void)
{
    atomic_store_explicit(&env_progress_asked, true, memory_order_relaxed);
}

void env_progress_if_asked(void)
{
    if (!atomic_load_explicit(&env_progress_asked, memory_order_relaxed))
        return;
    atomic_store_explicit(&env_progress_asked, false, memory_order_relaxed);
    env_progress();
}
