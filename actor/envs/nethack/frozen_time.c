/* SPDX-License-Identifier: MIT */
/* frozen_time.c - our own time(), so that a seeded game is the same game on any day.
 *
 * NetHack asks the wall clock for the phase of the moon, Friday the 13th and the hero's birthday,
 * and through the latter for shop prices and some monsters: the same seeds give another game on
 * another day. The library cannot be patched, but a dlopened library resolves time() through the
 * global scope, where the executable comes first. So the program defines time() and exports it (see
 * actor/CMakeLists.txt: only this symbol; a whole -rdynamic would let our names replace NetHack's
 * own).
 *
 * Replacing time() for everybody would lie to the libraries of the process (certificates, caches),
 * hence the thread-local switch: the answer is frozen only while this thread is inside the game.
 * NetHack's coroutine runs on the thread that resumed it, so the switch reaches it. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "actor/envs/nethack/frozen_time.h"

#include <dlfcn.h>
#include <string.h>
#include <time.h>

static _Thread_local int64_t frozen_s; /* 0 = real */

void frozen_time_enter(int64_t unix_s)
{
    frozen_s = unix_s;
}

void frozen_time_leave(void)
{
    frozen_s = 0;
}

time_t time(time_t *out)
{
    time_t now = (time_t)frozen_s;
    if (now == 0) {
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME_COARSE, &ts); /* what glibc's time() reads */
        now = ts.tv_sec;
    }
    if (out)
        *out = now;
    return now;
}

bool frozen_time_exported(void)
{
    time_t (*ours)(time_t *) = time;
    void *found = dlsym(RTLD_DEFAULT, "time");
    return memcmp(&ours, &found, sizeof found) == 0;
}
