/* SPDX-License-Identifier: MIT */
/* obs_picture.c - see obs_picture.h. */
#include "common/policy/obs_picture.h"

struct obs_picture obs_picture_of(const struct obs_field *f)
{
    const int *s = f->shape;
    ONIC_ASSERT(f->ndim == 2 || f->ndim == 3);
    if (f->ndim == 2)
        return (struct obs_picture){s[0], s[1], 1, f->offset, 1, 1};
    if (s[0] < s[2])
        return (struct obs_picture){s[1], s[2], s[0], f->offset, 1, s[1] * s[2]};
    return (struct obs_picture){s[0], s[1], s[2], f->offset, s[2], 1};
}
