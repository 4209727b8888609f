/* SPDX-License-Identifier: MIT */
/* test_kept.c - trajectories out of files: as they were, of as many environments as they say, and
 * no longer than a run could have had them. */
#include <stdlib.h>

#include "common/data/trajectory_block.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/meta.h"
#include "common/wire/rollout/kept.h"
#include "common/wire/rollout/seal.h"
#include "tests/support/wire_pair.h"
#include "trajectory.pb-c.h"

enum { ACTOR = 1 };

struct rig {
    struct kept_expect expect; /* without E */
    struct trajectory *t;
    struct kept_frames *frames;
};

static void open_rig(struct rig *g)
{
    g->expect = (struct kept_expect){.shape = pair_shape(0)};
    g->t = trajectory_create(&g->expect.shape);
    g->frames = kept_frames_create();
    g->expect.shape.E = 0;
    pair_fill(g->t, ACTOR, 2, 3);
}

static void close_rig(struct rig *g)
{
    trajectory_free(g->t);
    kept_frames_free(g->frames);
}

static const uint8_t *sealed_as(enum frame_type type, struct trajectory *t, size_t *len)
{
    struct trajectory_block *b = t->storage;
    trajectory_seal(b);
    struct frame_head h = {.type = (uint16_t)type,
                           .actor_id = ACTOR,
                           .seq = 1,
                           .meta_len = b->meta_len,
                           .bulk_len = b->bulk_len};
    frame_seal(b->frame, &h, b->body_crc);
    *len = b->frame_len;
    return b->frame;
}

static const uint8_t *sealed(struct trajectory *t, size_t *len)
{
    return sealed_as(FRAME_TRAJECTORY, t, len);
}

/* With `more` captions of 256 bytes that no step has, every length and checksum right. For free().
 */
static uint8_t *with_more_captions(struct trajectory *t, uint32_t more, size_t *len)
{
    struct meta_arena *arena = meta_arena_create();
    struct frame f;
    const uint8_t *was = sealed(t, len);
    assert_int_equal(frame_parse(&f, was, *len), FRAME_FINE);
    Onic__Wire__TrajectoryMeta *m =
        meta_unpack(arena, &onic__wire__trajectory_meta__descriptor, f.meta, f.head.meta_len);
    size_t lens = m->captions * sizeof(uint16_t), text = m->caption_bytes;
    size_t arrays = f.head.bulk_len - lens - text;
    m->captions += more;
    m->caption_bytes += more * BOUND_CAPTION;
    m->pad.len = 0;
    size_t meta = onic__wire__trajectory_meta__get_packed_size(m);
    size_t bulk = f.head.bulk_len + more * (sizeof(uint16_t) + BOUND_CAPTION);
    *len = FRAME_HEADER + meta + bulk;
    uint8_t *out = calloc(1, *len), *at = out + FRAME_HEADER;
    onic__wire__trajectory_meta__pack(m, at);
    memcpy(at += meta, f.bulk, arrays + lens);
    at += arrays + lens;
    for (uint32_t i = 0; i < more; i++, at += sizeof(uint16_t))
        memcpy(at, &(uint16_t){BOUND_CAPTION}, sizeof(uint16_t));
    memcpy(at, f.bulk + arrays + lens, text);
    struct frame_head h = f.head;
    h.meta_len = (uint32_t)meta;
    h.bulk_len = (uint32_t)bulk;
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, meta + bulk));
    meta_arena_free(arena);
    return out;
}

static void a_trajectory_comes_back_with_its_own_environments(void **state)
{
    struct rig g;
    struct trajectory *t;
    size_t len;
    (void)state;
    open_rig(&g);
    const uint8_t *frame = sealed(g.t, &len);
    assert_ok(kept_trajectory_read(g.frames, frame, len, &g.expect, &t, &err));
    assert_int_equal(t->shape.E, PAIR_E);
    assert_memory_equal(t->value, g.t->value, PAIR_T * PAIR_E * 8);
    assert_int_equal(t->ncaptions, g.t->ncaptions);
    kept_trajectory_free(t);
    g.expect.shape.T++;
    assert_err(kept_trajectory_read(g.frames, frame, len, &g.expect, &t, &err), ONIC_EDAMAGED,
               "a trajectory cannot be read, shape: T=4 E=3");
    assert_null(t);
    g.expect.shape.T--;
    frame = sealed_as(FRAME_HEARTBEAT, g.t, &len);
    assert_err(kept_trajectory_read(g.frames, frame, len, &g.expect, &t, &err), ONIC_EDAMAGED,
               "a trajectory is of another shape than the run's");
    close_rig(&g);
}

/* A table of captions may have 16 MiB, whatever the shape: twelve steps and their observations have
 * 28 captions at most. */
static void one_that_is_longer_than_its_shape_allows_is_refused(void **state)
{
    struct rig g;
    struct trajectory *t;
    struct onic_err why = {0};
    size_t len;
    (void)state;
    open_rig(&g);
    static const uint32_t more[] = {4, 60000};
    for (int i = 0; i < 2; i++) {
        uint8_t *frame = with_more_captions(g.t, more[i], &len);
        int rc = kept_trajectory_read(g.frames, frame, len, &g.expect, &t, &why);
        assert_int_equal(rc, i ? ONIC_EDAMAGED : ONIC_OK);
        kept_trajectory_free(t);
        free(frame);
    }
    assert_non_null(strstr(why.msg, "longer than any of its shape"));
    close_rig(&g);
}

static void assert_refused(struct rig *g, const char *part)
{
    struct trajectory *t;
    size_t len;
    const uint8_t *frame = sealed(g->t, &len);
    assert_err(kept_trajectory_read(g->frames, frame, len, &g->expect, &t, &err), ONIC_EDAMAGED,
               part);
    assert_null(t);
}

/* A file is held against what a learner holds its actors against, each once. */
static void what_no_actor_may_send_is_in_no_file(void **state)
{
    static const int four[] = {PAIR_OBS / 4};
    struct rig g;
    struct trajectory *t;
    size_t len;
    (void)state;
    open_rig(&g);
    obs_spec_add(&g.expect.obs, "position", OBS_F32, 1, four);
    g.expect.value_most = 200;
    memset(g.t->obs, 0, (PAIR_T + 1) * PAIR_E * PAIR_OBS);
    const uint8_t *frame = sealed(g.t, &len);
    assert_ok(kept_trajectory_read(g.frames, frame, len, &g.expect, &t, &err));
    kept_trajectory_free(t);

    g.t->flags[0] = STEP_TERMINATED | STEP_SUCCESS;
    assert_refused(&g, "cannot be read, episodes: environment of episode 0 is 2, the step");
    g.t->flags[0] = 0;
    g.t->episode_id[1] = episode_id(ACTOR + 1, 1, 2);
    assert_refused(&g, "cannot be read, episode_id: episode_id[1] is of environment 1 of actor 2");
    g.t->episode_id[1] = episode_id(ACTOR, 1, 2);
    g.t->value[3] = 201;
    assert_refused(&g, "cannot be read, value: value[3] is 201, must be within -200..200");
    g.t->value[3] = 0;
    memset(g.t->obs + PAIR_OBS, 0xff, 4);
    assert_refused(&g, "cannot be read, obs: element 0 of the field 'position' of row 1 is ");
    close_rig(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trajectory_comes_back_with_its_own_environments),
        cmocka_unit_test(one_that_is_longer_than_its_shape_allows_is_refused),
        cmocka_unit_test(what_no_actor_may_send_is_in_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
