/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_MINIGRID_MINIGRID_H
#define ONIC_ACTOR_ENVS_MINIGRID_MINIGRID_H

/* minigrid.h - a grid world (world.h) as an environment (env.h); private to the folder. */

#include "actor/envs/env.h"
#include "actor/envs/minigrid/tiles.h"
#include "actor/envs/minigrid/world.h"

struct minigrid_env {
    struct env env; /* first */
    struct minigrid world;
    const struct obs_field *image, *direction, *pixels; /* NULL when env.obs leaves it out */
    const struct mg_tiles *tiles;                       /* with pixels */
};

#endif /* ONIC_ACTOR_ENVS_MINIGRID_MINIGRID_H */
