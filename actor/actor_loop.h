/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ACTOR_LOOP_H
#define ONIC_ACTOR_ACTOR_LOOP_H

/* actor_loop.h - an actor that was welcomed and built (actor/open.h): play, hand over, leave. */

#include <stdbool.h>
#include <stdint.h>

#include "actor/envs/vec_env.h"
#include "actor/rollout.h"
#include "actor/watch.h"
#include "common/base/err.h"
#include "common/policy/policy.h"
#include "common/wire/rollout/actor_link.h"

struct actor {
    struct watch *watch;     /* borrowed; the rest is freed by actor_leave */
    struct wire_keys *keys;  /* NULL = none */
    struct wire_actor *wire; /* in a step it is that of who has the lock of watch */
    struct vec_env *envs;
    struct policy *policy;
    struct rollout *rollout;
    uint64_t recycle_episodes; /* after so many, environments that leak ask for a fresh process */
    float *weights;            /* copy of those that the trajectory under way is played with */
    /* actor_loop.c */
    uint64_t weights_version;
    bool playing;   /* the first weights are here */
    uint64_t steps; /* of the trajectory under way */
    int wire_rc;    /* first final state seen while environments were built or played; as wire */
    struct onic_err wire_err;
    int64_t last_poll_ns;
};

/* An environment of `actor`, a struct actor *, gives a sign of life (actor/envs/progress.h): the
 * watchdog waits on, and the learner hears of this actor, however long its environments take. */
void actor_lives(void *actor);
/* For watch_keep: the learner hears of `actor`, whose environment gives no sign of life, for as
 * long as the watchdog waits for it. */
void actor_keep_place(void *actor);
/* Runs until drained (ONIC_OK) or a final error. *recycle is set when the environments ask for a
 * fresh process (NetHack's library leaks): the caller re-executes the program. */
int actor_play(struct actor *a, bool *recycle, struct onic_err *err);
/* Ends an actor, also one that was built only in part; rc: how its building or playing ended. Hands
 * over what is under way unless that was an error, and frees. Returns how the actor ended. */
int actor_leave(struct actor *a, int rc, struct onic_err *err);

#endif /* ONIC_ACTOR_ACTOR_LOOP_H */
