/* SPDX-License-Identifier: MIT */
/* kept.c - see kept.h. */
#include "common/wire/rollout/kept.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/data/trajectory_block.h"
#include "common/wire/rollout/received.h"
#include "trajectory.pb-c.h"

struct kept_frames {
    struct meta_arena *arena;
};

struct kept_frames *kept_frames_create(void)
{
    struct kept_frames *k = xcalloc(1, sizeof *k);
    k->arena = meta_arena_create();
    return k;
}

void kept_frames_free(struct kept_frames *k)
{
    if (!k)
        return;
    meta_arena_free(k->arena);
    free(k);
}

/* Of how many environments the frame says it is; 0: it is none that could be read. */
static int environments_of(struct kept_frames *k, const struct frame *f,
                           const struct trajectory_shape *shape)
{
    struct trajectory_shape s = *shape;
    const Onic__Wire__TrajectoryMeta *m =
        meta_unpack(k->arena, &onic__wire__trajectory_meta__descriptor, f->meta, f->head.meta_len);
    if (!m || m->envs > BOUND_ENVS)
        return 0;
    s.E = (int)m->envs;
    return trajectory_shape_valid(&s) ? s.E : 0;
}

int kept_trajectory_read(struct kept_frames *k, const void *frame, size_t len,
                         const struct kept_expect *expect, struct trajectory **out,
                         struct onic_err *err)
{
    struct frame f;
    struct trajectory_shape s = expect->shape;
    char why[160] = "";
    *out = NULL;
    enum frame_bad bad = frame_parse(&f, frame, len);
    if (bad)
        return err_set(err, ONIC_EDAMAGED, "a trajectory is no frame of this onic (%s)",
                       frame_bad_name(bad));
    s.E = f.head.type == FRAME_TRAJECTORY ? environments_of(k, &f, &s) : 0;
    if (s.E == 0)
        return err_set(err, ONIC_EDAMAGED, "a trajectory is of another shape than the run's");
    if (len > trajectory_bytes_max(&s))
        return err_set(err, ONIC_EDAMAGED, "a trajectory is longer than any of its shape");
    struct received *r = xcalloc(1, sizeof *r);
    const char *field = received_read(r, k->arena, &f, &s, &expect->obs, expect->value_most, why);
    if (field) {
        kept_trajectory_free(&r->t);
        return err_set(err, ONIC_EDAMAGED, "a trajectory cannot be read, %s: %s", field, why);
    }
    *out = &r->t;
    return ONIC_OK;
}

void kept_trajectory_free(struct trajectory *t)
{
    struct received *r = (struct received *)t;
    if (!r)
        return;
    received_release(r);
    free(r);
}
