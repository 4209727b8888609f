/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_CORRIDOR_WORLD_H
#define ONIC_TESTS_SUPPORT_CORRIDOR_WORLD_H

/* corridor_world.h - a learner's core without sockets, on a corridor of six cells: start in the
 * middle, the right end pays. Played with the core's own weights. */

#include "common/base/rng.h"
#include "learner/train/train_step.h"
#include "learner/train/trainer.h"

enum {
    WORLD_T = 12,     /* steps of a trajectory */
    WORLD_E = 16,     /* environments in it */
    WORLD_GROUPS = 2, /* trajectories of a batch */
    WORLD_LIMIT = 10  /* steps of an episode at most */
};

struct world {
    struct config cfg;
    struct env_description env;
    struct trainer *core;
    struct policy_actor *actor;
    struct rng rng;
    float right_pays;
    int cell[WORLD_GROUPS * WORLD_E], step[WORLD_GROUPS * WORLD_E];
    float *state; /* [WORLD_GROUPS * WORLD_E, S] */
    struct trajectory *t[WORLD_GROUPS];
    int right, moves; /* since the last reset of these counters */
};

/* Into a world of zeros: options that may be changed before it is opened. */
void world_configure(struct world *w);
void world_open(struct world *w);
void world_close(struct world *w);
/* Fills the trajectories. */
void world_play(struct world *w);
/* That many batches; what the last update did. */
struct train_stats world_learn(struct world *w, int updates);
/* The core's checkpoint, written to a file; read from one. */
void world_save(struct world *w, const char *path);
int world_load(struct trainer *core, const char *path, struct onic_err *err);
/* Of the moves in five batches. */
double world_share_of_right(struct world *w);

#endif /* ONIC_TESTS_SUPPORT_CORRIDOR_WORLD_H */
