/* SPDX-License-Identifier: MIT */
/* case_kills.c - kill -9 and SIGSTOP of every part, whatever the others are going through.
 *
 * Each role has a schedule of its own, so that deaths overlap: an actor may die while its learner
 * loads a checkpoint. Most deaths come some time after the part has recovered; one in five comes
 * while it starts. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/chaos/cases.h"

enum { CALM_MS = 250, EARLY_MS = 600, PAUSE_MAX_MS = 1500, LONG_PAUSE_MS = 12000 };

const char case_options[] =
    "--env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 --env.count=16 --annotator.id=rules "
    "--rules.rate=200 --bench.captions_per_s=60 --checkpoint.every_s=0.3 --metrics.every_s=1 "
    "--train.batch=2048 --metrics.tensorboard=false --replay.every_episodes=0";

struct schedule {
    int left;
    uint64_t due_ns; /* 0 = not yet: when the part is well again */
    int part;
};

static uint64_t after_ms(struct storm *s, int ms)
{
    return storm_now_ns() + (uint64_t)rng_below(&s->rng, (uint32_t)ms) * 1000000u;
}

static int part_of(struct storm *s, enum trace_role role)
{
    return role == TRACE_LEARNER  ? STORM_LEARNER
           : role == TRACE_SERVER ? STORM_SERVER
                                  : (int)rng_below(&s->rng, STORM_ACTORS);
}

/* Kills what is due; plans the next death. */
static void one_role(struct chaos_case *k, struct storm *s, struct schedule *d,
                     enum trace_role role)
{
    if (!d->left)
        return;
    if (!d->due_ns && !s->part[d->part].sick) {
        d->part = part_of(s, role);
        d->due_ns = after_ms(s, CALM_MS);
    }
    if (!d->due_ns || storm_now_ns() < d->due_ns)
        return;
    storm_kill(s, d->part);
    k->injected++;
    d->left--;
    d->due_ns = rng_below(&s->rng, 5) == 0 ? after_ms(s, EARLY_MS) : 0;
}

int case_kills(struct chaos_case *k)
{
    struct storm s;
    struct schedule due[TRACE_SERVER + 1] = {{.left = k->faults, .part = 0},
                                             {.left = k->faults, .part = STORM_LEARNER},
                                             {.left = k->faults, .part = STORM_SERVER}};
    bool ok = storm_open(&s, k->base, k->seed, case_options) && storm_start_all(&s);
    while (ok && due[TRACE_ACTOR].left + due[TRACE_LEARNER].left + due[TRACE_SERVER].left) {
        for (int role = TRACE_ACTOR; role <= TRACE_SERVER; role++)
            one_role(k, &s, &due[role], (enum trace_role)role);
        ok = storm_wait_ms(&s, 5);
    }
    return case_end(k, &s, ok && storm_recover(&s));
}

/* --- SIGSTOP ------------------------------------------------------------------------------- */

int case_pauses(struct chaos_case *k)
{
    struct storm s;
    bool ok = storm_open(&s, k->base, k->seed, case_options) && storm_start_all(&s);
    for (int i = 0; ok && i < k->faults; i++) {
        int part = (int)rng_below(&s.rng, STORM_PARTS);
        bool both = rng_below(&s.rng, 4) == 0; /* and somebody dies meanwhile */
        pid_t pid = s.part[part].pid;
        kill(pid, SIGSTOP);
        k->injected++;
        ok = storm_wait_ms(&s, i % 10 == 9 ? LONG_PAUSE_MS : 50 + rng_below(&s.rng, PAUSE_MAX_MS));
        if (both)
            storm_kill(&s, (part + 1) % STORM_PARTS);
        if (s.part[part].pid == pid)
            kill(pid, SIGCONT);
        ok = ok && storm_recover(&s) && storm_wait_ms(&s, 100);
    }
    return case_end(k, &s, ok);
}

/* --- a second process of a number ----------------------------------------------------------- */

enum { IMPOSTOR_MS = 60000, FENCED = 76 };

/* Until the process has ended; its exit code, -1 = it has not, or not by itself. */
static int end_of(struct storm *s, pid_t pid)
{
    int status = 0;
    uint64_t end = storm_now_ns() + (uint64_t)IMPOSTOR_MS * 1000000u;
    while (waitpid(pid, &status, WNOHANG) != pid)
        if (!storm_wait_ms(s, 5) || storm_now_ns() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            return -1;
        }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int case_impostors(struct chaos_case *k)
{
    struct storm s;
    bool ok = storm_open(&s, k->base, k->seed, case_options) && storm_start_all(&s);
    for (int i = 0; ok && i < k->faults; i++) {
        int part = (int)rng_below(&s.rng, STORM_ACTORS);
        pid_t holder = s.part[part].pid, pid = storm_impostor(&s, part);
        int code = pid ? end_of(&s, pid) : -1;
        k->injected++;
        if (code != FENCED)
            ok = storm_fail(&s, "a second actor %d ended with %d, not with %d", part, code, FENCED);
        if (ok && s.part[part].pid != holder)
            ok = storm_fail(&s, "actor %d ended, because a second one came", part);
        ok = ok && case_goes_on(&s);
    }
    return case_end(k, &s, ok);
}
