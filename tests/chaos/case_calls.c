/* SPDX-License-Identifier: MIT */
/* case_calls.c - the n-th write, fsync, rename or reservation of a file fails, or tells a lie; the
 * n-th allocation; a wall clock that jumps. By a library that is loaded before the others
 * (shim/chaos_shim.c).
 *
 * A part is killed and started again with one fault, which is waited for; then the run must go on.
 * The first fault of each kind hits the first call, the next one the second, and so on. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/chaos/cases.h"
#include "tests/support/sanitized.h"

enum { FIRE_MS = 2500 };

struct fault {
    int part;
    const char *call, *error, *path;
};

/* No lie to the label store: a database whose writes vanish cannot keep what it was given. */
static const struct fault file_faults[] = {
    {STORM_LEARNER, "write", "EIO", "/checkpoints/"},
    {STORM_LEARNER, "write", "ENOSPC", "/checkpoints/"},
    {STORM_LEARNER, "write", "short", "/checkpoints/"},
    {STORM_LEARNER, "write", "lie", "/checkpoints/"},
    {STORM_LEARNER, "fsync", "EIO", "/checkpoints"},
    {STORM_LEARNER, "fsync", "lie", "/checkpoints"},
    {STORM_LEARNER, "rename", "EIO", "/checkpoints/"},
    {STORM_LEARNER, "fallocate", "ENOSPC", "/checkpoints/"},
    {STORM_LEARNER, "write", "ENOSPC", "/run/"},
    {STORM_LEARNER, "rename", "EIO", "/run/"},
    {STORM_LEARNER, "write", "short", "/run/metrics"},
    {STORM_SERVER, "write", "short", "/labels.sqlite"},
    {STORM_SERVER, "write", "EIO", "/labels.sqlite"},
    {STORM_SERVER, "fsync", "EIO", "/labels.sqlite"},
    {STORM_SERVER, "write", "ENOSPC", "/labels.sqlite"},
    {0, "fallocate", "ENOSPC", "/actors/"},
};
enum { FILE_FAULTS = sizeof file_faults / sizeof *file_faults };

static const char *shim_path(char out[512])
{
    const char *build = getenv("ONIC_BUILD");
    snprintf(out, 512, "%s/tests/chaos_shim.so", build ? build : "build");
    return access(out, R_OK) == 0 ? out : NULL;
}

/* A new life of f->part with the fault; true when it struck. */
static bool strike(struct storm *s, const struct fault *f, uint64_t nth)
{
    char shim[512], mark[300];
    snprintf(mark, sizeof mark, "%s/struck", s->dir);
    unlink(mark);
    snprintf(s->preload[f->part], sizeof s->preload[f->part],
             "LD_PRELOAD=%s CHAOS_FAIL=%s:%llu:%s:%s CHAOS_MARK=%s", shim_path(shim), f->call,
             (unsigned long long)nth, f->error, f->path, mark);
    storm_kill(s, f->part);
    uint64_t end = storm_now_ns() + (uint64_t)FIRE_MS * 1000000u;
    while (access(mark, F_OK) != 0 && storm_now_ns() < end)
        if (!storm_wait_ms(s, 5))
            return false;
    return access(mark, F_OK) == 0;
}

static int strikes(struct chaos_case *k, const struct fault *faults, int kinds,
                   uint64_t (*nth)(struct storm *, int round))
{
    struct storm s;
    char shim[512];
    if (SANITIZED)
        return case_skip(k, "a sanitizer's library must be loaded first");
    if (!shim_path(shim))
        return case_skip(k, "tests/chaos_shim.so is not there");
    bool ok = storm_open(&s, k->base, k->seed, case_options) && storm_start_all(&s);
    uint32_t first = ok ? rng_below(&s.rng, (uint32_t)kinds) : 0;
    for (int i = 0; ok && i < k->faults; i++) {
        const struct fault *f = &faults[(first + (uint32_t)i) % (uint32_t)kinds];
        bool struck = strike(&s, f, nth(&s, i / kinds));
        k->injected += struck;
        ok = !s.failed && case_goes_on(&s) && storm_recover(&s);
        if (!ok && s.failed)
            fprintf(stderr, "  after: %s %s on %s of the %s\n", f->call, f->error, f->path,
                    storm_part_name(f->part));
    }
    return case_end(k, &s, ok);
}

static uint64_t one_after_the_other(struct storm *s, int round)
{
    (void)s;
    return (uint64_t)round + 1;
}

int case_calls(struct chaos_case *k)
{
    return strikes(k, file_faults, FILE_FAULTS, one_after_the_other);
}

/* --- memory -------------------------------------------------------------------------------- */

static uint64_t anywhere(struct storm *s, int round)
{
    (void)round;
    return 1 + rng_below(&s->rng, 1u << (4 + rng_below(&s->rng, 12)));
}

int case_memory(struct chaos_case *k)
{
    static const struct fault none[] = {{0, "malloc", "ENOMEM", ""},
                                        {STORM_LEARNER, "malloc", "ENOMEM", ""},
                                        {STORM_SERVER, "malloc", "ENOMEM", ""}};
    return strikes(k, none, sizeof none / sizeof *none, anywhere);
}

/* --- time ---------------------------------------------------------------------------------- */

int case_clock(struct chaos_case *k)
{
    struct storm s;
    char shim[512];
    if (SANITIZED || !shim_path(shim))
        return case_skip(k, "tests/chaos_shim.so cannot be loaded here");
    bool ok = storm_open(&s, k->base, k->seed, case_options) && storm_start_all(&s);
    for (int i = 0; ok && i < k->faults; i++) {
        int part = i % STORM_PARTS;
        snprintf(s.preload[part], sizeof s.preload[part], "LD_PRELOAD=%s CHAOS_CLOCK=300000000",
                 shim);
        storm_kill(&s, part);
        k->injected++;
        ok = storm_recover(&s) && storm_wait_ms(&s, rng_below(&s.rng, 700)) && case_goes_on(&s);
    }
    return case_end(k, &s, ok);
}
