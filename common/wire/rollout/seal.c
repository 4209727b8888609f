/* SPDX-License-Identifier: MIT */
/* seal.c - see seal.h. The meta part is padded so that the arrays behind it stay aligned to 8 bytes
 * on the other side. */
#include "common/wire/rollout/seal.h"

#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/frame.h"
#include "trajectory.pb-c.h"

enum { SEAL_META_MAX = 256 }; /* packed TrajectoryMeta, padding included */

_Static_assert(TRAJECTORY_HEADROOM >= FRAME_HEADER + SEAL_META_MAX,
               "header and meta part fit in front");

void trajectory_seal(struct trajectory_block *b)
{
    static uint8_t zeros[16];
    const struct trajectory *t = &b->t;
    Onic__Wire__TrajectoryMeta m = ONIC__WIRE__TRAJECTORY_META__INIT;
    m.steps = (uint32_t)t->shape.T;
    m.envs = (uint32_t)t->shape.E;
    m.obs_bytes = t->shape.obs_bytes;
    m.actions = (uint32_t)t->shape.actions.n;
    m.action_kind = (uint32_t)t->shape.actions.kind;
    m.masked = t->shape.actions.masked;
    m.state_size = (uint32_t)t->shape.state_size;
    m.nstats = (uint32_t)t->shape.nstats;
    m.snapshot_bytes = t->shape.snapshot_bytes;
    m.weights_version = t->weights_version;
    m.env_steps_before = t->env_steps_before;
    m.captions = (uint32_t)t->ncaptions;
    m.caption_bytes = (uint32_t)b->text_len;
    m.episodes = (uint32_t)t->nepisodes;
    m.captions_dropped = t->captions_dropped;
    m.episodes_dropped = t->episodes_dropped;
    size_t plain = onic__wire__trajectory_meta__get_packed_size(&m);
    size_t pad = (8 - (plain + 2) % 8) % 8;
    m.pad.data = zeros;
    m.pad.len = pad ? pad : 8; /* an empty field would not be written */
    size_t meta_len = onic__wire__trajectory_meta__get_packed_size(&m);
    ONIC_ASSERT(meta_len % 8 == 0 && meta_len <= SEAL_META_MAX);
    size_t bulk_len = trajectory_block_finish(b);
    b->meta_len = (uint32_t)meta_len;
    b->bulk_len = (uint32_t)bulk_len;
    b->frame = b->bulk - meta_len - FRAME_HEADER;
    b->frame_len = FRAME_HEADER + meta_len + bulk_len;
    onic__wire__trajectory_meta__pack(&m, b->frame + FRAME_HEADER);
    b->body_crc = crc32c(0, b->frame + FRAME_HEADER, meta_len + bulk_len);
}
