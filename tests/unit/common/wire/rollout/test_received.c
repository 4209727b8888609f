/* SPDX-License-Identifier: MIT */
/* test_received.c - building a block, reading it back at any address, and every wrong field by
 * name. */
#include <stdlib.h>

#include "common/data/trajectory_block.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/rollout/received.h"
#include "common/wire/rollout/seal.h"
#include "tests/support/wire_pair.h"

enum { ACTOR = 1 };

static uint8_t *seal(struct trajectory *t, struct frame *f)
{
    struct trajectory_block *b = t->storage;
    trajectory_seal(b);
    struct frame_head h = {.type = FRAME_TRAJECTORY,
                           .actor_id = ACTOR,
                           .seq = 1,
                           .meta_len = b->meta_len,
                           .bulk_len = b->bulk_len};
    frame_seal(b->frame, &h, b->body_crc);
    assert_int_equal(frame_parse(f, b->frame, b->frame_len), FRAME_FINE);
    return b->frame;
}

struct rig {
    struct trajectory_shape shape;
    struct trajectory *t;
    struct meta_arena *arena;
    struct received r;
    struct frame f;
};

static void open_rig(struct rig *g, size_t snapshot)
{
    memset(g, 0, sizeof *g);
    g->shape = pair_shape(snapshot);
    g->t = trajectory_create(&g->shape);
    g->arena = meta_arena_create();
    pair_fill(g->t, ACTOR, 2, 3);
}

static void close_rig(struct rig *g)
{
    received_release(&g->r);
    trajectory_free(g->t);
    meta_arena_free(g->arena);
}

static const char *taken(struct rig *g, char why[160])
{
    seal(g->t, &g->f);
    const char *bad = received_decode(&g->r, g->arena, &g->f, &g->shape, why);
    return bad ? bad : received_untrue(&g->r, why);
}

static void assert_refused(struct rig *g, const char *field, const char *part)
{
    char why[160] = "";
    const char *bad = taken(g, why);
    assert_non_null(bad);
    assert_string_equal(bad, field);
    if (!strstr(why, part))
        print_error("\"%s\" does not hold \"%s\"\n", why, part);
    assert_non_null(strstr(why, part));
    pair_fill(g->t, ACTOR, 2, 3); /* right again */
    assert_null(taken(g, why));
}

static void every_wrong_field_is_named_with_its_place_and_value(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    g.t->action[7] = 3;
    assert_refused(&g, "action", "action[7] is 3, must be 0..2");
    g.t->action[0] = -1;
    assert_refused(&g, "action", "action[0] is -1");
    g.t->flags[3] = 16;
    assert_refused(&g, "flags", "flags[3] is 16");
    g.t->caption[11] = 40;
    assert_refused(&g, "caption", "caption[11] is 40");
    g.t->obs_caption[14] = 40;
    assert_refused(&g, "obs_caption", "obs_caption[14] is 40");
    g.t->logp[2] = 0.5f;
    assert_refused(&g, "logp", "logp[2] is 0.5, a log-probability is at most 0");
    g.t->logp[2] = NAN;
    assert_refused(&g, "logp", "logp[2] is not a finite number");
    g.t->value[23] = INFINITY;
    assert_refused(&g, "value", "value[23]");
    g.t->reward[0] = -INFINITY;
    assert_refused(&g, "reward", "reward[0]");
    g.t->final_value[1] = NAN;
    assert_refused(&g, "final_value", "final_value[1]");
    g.t->state0[5] = NAN;
    assert_refused(&g, "state0", "state0[5]");
    g.t->state0[5] = 5;
    g.t->episodes[4] = NAN;
    assert_refused(&g, "episodes", "episodes[4]");
    g.t->episodes[3] = 3;
    assert_refused(&g, "episodes", "environment 3");
    g.t->episodes[2] = 0.5f;
    assert_refused(&g, "episodes", "success 0.5");
    g.t->captions_dropped = (2 * PAIR_T + 1) * PAIR_E + 1; /* into a metric */
    assert_refused(&g, "captions_dropped", "28 captions had no room, of 27 at most");
    close_rig(&g);
}

/* Finite numbers that no world and no policy has would become a NaN on their way to the weights. */
static void an_absurd_magnitude_is_named_too(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    g.t->reward[5] = -1.5e38f;
    assert_refused(&g, "reward", "reward[5] is -1.5e+38, must be within");
    g.t->value[4] = 3e20f;
    assert_refused(&g, "value", "value[4] is 3e+20");
    g.t->logp[1] = -1e30f;
    assert_refused(&g, "logp", "logp[1] is -1e+30");
    g.t->state0[2] = -2e10f;
    assert_refused(&g, "state0", "state0[2] is -2e+10");
    g.t->episodes[0] = 3e35f;
    assert_refused(&g, "episodes", "episodes[0] is 3e+35");
    g.t->flags[3] = STEP_TRUNCATED;
    g.t->final_value[6] = 1.5e38f;
    assert_refused(&g, "final_value", "final_value[6] is 1.5e+38");
    close_rig(&g);
}

static void a_final_value_belongs_to_a_step_that_was_cut_off(void **state)
{
    static const struct {
        uint8_t flags;
        bool fine;
    } kinds[] = {{0, false},
                 {STEP_TERMINATED, false},
                 {STEP_SUCCESS, false},
                 {STEP_TERMINATED | STEP_TRUNCATED, false},
                 {STEP_TRUNCATED, true},
                 {STEP_FAILED, true},
                 {STEP_TRUNCATED | STEP_SUCCESS, true}};
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char why[160] = "";
        g.t->final_value[7] = 2.0f;
        g.t->flags[3] = kinds[i].flags;
        pair_list_episodes(g.t);
        if (!kinds[i].fine) {
            assert_refused(&g, "final_value", "final_value[7] is 2 at a step that was not cut off");
            continue;
        }
        seal(g.t, &g.f);
        assert_null(received_decode(&g.r, g.arena, &g.f, &g.shape, why));
        assert_null(received_beyond(&g.r, 2.0f, why));
        assert_string_equal(received_beyond(&g.r, 1.5f, why), "final_value");
        assert_string_equal(received_beyond(&g.r, 0.5f, why), "value");
        pair_fill(g.t, ACTOR, 2, 3);
    }
    close_rig(&g);
}

/* Zeros are an action of every kind; all options possible. */
static void open_kind(struct rig *g, const struct action_space *actions)
{
    memset(g, 0, sizeof *g);
    g->shape = pair_shape(0);
    g->shape.actions = *actions;
    g->t = trajectory_create(&g->shape);
    g->arena = meta_arena_create();
    size_t bytes = action_space_mask_bytes(actions);
    uint8_t possible[16];
    memset(possible, 1, sizeof possible);
    for (size_t i = 0; g->t->mask && i < (size_t)g->shape.T * (size_t)g->shape.E; i++)
        action_mask_pack(actions, possible, g->t->mask + i * bytes);
    for (int e = 0; e < g->shape.E; e++)
        g->t->episode_id[e] = episode_id(ACTOR, e, 0);
}

static void is_taken(struct rig *g)
{
    char why[160] = "";
    assert_null(taken(g, why));
}

static void is_refused(struct rig *g, const char *field, const char *part)
{
    char why[160] = "";
    const char *bad = taken(g, why);
    assert_non_null(bad);
    assert_string_equal(bad, field);
    assert_non_null(strstr(why, part));
}

/* An actor that lists successes of which no step tells would end the run by stop.success. */
static void episodes_are_those_of_steps_that_ended_one(void **state)
{
    static const float success[TRAJECTORY_EPISODE_HEAD + PAIR_STATS] = {1, 1, 1, 0, 0};
    (void)state;
    struct rig g;
    open_rig(&g, 0); /* the last step of environment 2 ends one */
    trajectory_episode(g.t, success, g.t->obs);
    assert_refused(&g, "episodes", "1 steps ended an episode, 2 are listed and 0 had no room");
    g.t->nepisodes = 0;
    assert_refused(&g, "episodes", "1 steps ended an episode, 0 are listed and 0 had no room");
    g.t->nepisodes = 0;
    g.t->episodes_dropped = 1; /* there was room */
    assert_refused(&g, "episodes", "1 steps ended an episode, 0 are listed and 1 had no room");
    g.t->episodes[3] = 0;
    assert_refused(&g, "episodes", "environment of episode 0 is 0, the step that ended it says 2");
    g.t->episodes[2] = 0;
    assert_refused(&g, "episodes", "success of episode 0 is 0, the step that ended it says 1");
    g.t->flags[PAIR_T * PAIR_E - 1] = STEP_TRUNCATED;
    assert_refused(&g, "episodes", "success of episode 0 is 1, the step that ended it says 0");
    g.t->flags[3] = g.t->flags[4] = STEP_FAILED;
    pair_list_episodes(g.t);
    float *row = g.t->episodes;
    for (int k = 0; k < 5; k++) { /* of one step, in the other order */
        float swap = row[k];
        row[k] = row[5 + k];
        row[5 + k] = swap;
    }
    assert_refused(&g, "episodes", "environment of episode 0 is 1, the step that ended it says 0");
    close_rig(&g);
}

static void what_honest_actors_list_is_taken(void **state)
{
    char why[160] = "";
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    g.t->episodes[2] = -1; /* a world without success */
    assert_null(taken(&g, why));
    g.t->flags[1] = STEP_FAILED;
    g.t->flags[3] = g.t->flags[4] = STEP_TERMINATED;
    g.t->flags[5] = STEP_SUCCESS; /* and goes on */
    g.t->flags[7] = STEP_TRUNCATED | STEP_SUCCESS;
    pair_list_episodes(g.t);
    assert_int_equal(g.t->nepisodes, 5);
    assert_null(taken(&g, why));
    close_rig(&g);
}

/* More than there is room for: the last ones are missing. */
static void episodes_without_room_are_those_that_ended_last(void **state)
{
    struct rig g = {.shape = pair_shape(0), .arena = meta_arena_create()};
    (void)state;
    g.shape.T = 100; /* 300 steps, room for 139 */
    g.t = trajectory_create(&g.shape);
    pair_fill(g.t, ACTOR, 2, 3);
    for (int i = 0; i < 300; i++) {
        g.t->flags[i] = STEP_TERMINATED;
        g.t->logp[i] = -1;
    }
    pair_list_episodes(g.t);
    assert_int_equal(g.t->nepisodes, 139);
    assert_int_equal(g.t->episodes_dropped, 300 - 139);
    is_taken(&g);
    g.t->episodes_dropped--;
    is_refused(&g, "episodes", "300 steps ended an episode, 139 are listed and 160 had no room");
    close_rig(&g);
}

static void an_episode_has_a_number_of_its_environment(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    g.t->episode_id[1] = episode_id(ACTOR, 2, 7);
    assert_refused(&g, "episode_id", "episode_id[1] is of environment 2 of actor 1");
    g.t->episode_id[2] = episode_id(ACTOR + 1, 2, 7);
    assert_refused(&g, "episode_id", "episode_id[2] is of environment 2 of actor 2");
    close_rig(&g);
}

/* Finite, and the statistics of the observations would never forget it. */
static void an_observation_beyond_all_measure_is_named(void **state)
{
    static const float absurd[] = {3e38f, -3e38f, 1.1e15f, INFINITY, NAN};
    struct obs_spec obs = {0};
    char why[160] = "";
    struct rig g;
    (void)state;
    obs_spec_add(&obs, "word", OBS_I16, 1, (int[]){4});
    obs_spec_add(&obs, "place", OBS_F32, 1, (int[]){2});
    assert_int_equal(obs.obs_bytes, PAIR_OBS);
    open_rig(&g, 0);
    size_t rows = (PAIR_T + 1) * PAIR_E;
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        pair_fill(g.t, ACTOR, 2, 3);
        memset(g.t->obs, 0x55, rows * PAIR_OBS); /* 1.5e13 */
        seal(g.t, &g.f);
        assert_null(received_decode(&g.r, g.arena, &g.f, &g.shape, why));
        assert_null(received_strange(&g.r, &obs, why));
        uint8_t *at = g.r.t.obs + (rows - 1) * PAIR_OBS + 12;
        memcpy(at, &absurd[i], sizeof *absurd);
        assert_string_equal(received_strange(&g.r, &obs, why), "obs");
        assert_non_null(strstr(why, "element 1 of the field 'place' of row 14 is "));
        memset(at, 0x55, sizeof *absurd);
        memcpy(g.r.t.final_obs + 8, &absurd[i], sizeof *absurd);
        assert_string_equal(received_strange(&g.r, &obs, why), "final_obs");
        g.r.t.flags[PAIR_T * PAIR_E - 1] = STEP_FAILED; /* of which nobody reads the last row */
        assert_null(received_strange(&g.r, &obs, why));
    }
    close_rig(&g);
}

static void choices_and_masks_are_checked_against_the_space(void **state)
{
    (void)state;
    const struct action_space several = {
        .kind = ACTION_MULTI, .n = 3, .masked = true, .choices = {3, 2, 4}};
    struct rig g;
    open_kind(&g, &several);
    assert_null(g.t->number);
    g.t->action[4] = 1; /* of the second choice */
    is_taken(&g);
    assert_int_equal(g.r.t.action[4], 1);
    assert_int_equal(g.r.t.mask[2], 0xff);
    g.t->action[4] = 2;
    is_refused(&g, "action", "action[4] is 2, must be 0..1");
    g.t->action[4] = 0;
    g.t->action[5] = 3;
    g.t->mask[3] = 0; /* the ninth option of step 1 */
    is_refused(&g, "action", "action[5] is 3, which its mask forbids");
    g.t->mask[3] = 0x03;
    is_refused(&g, "mask", "mask[1] forbids every option of a choice or has bits too many");
    g.t->mask[3] = 1;
    g.t->mask[2] = 0xe7;
    is_refused(&g, "mask", "mask[1]");
    g.t->mask[2] = 0xff;
    is_taken(&g);
    close_rig(&g);
}

static void numbers_must_be_finite_and_may_be_dense(void **state)
{
    (void)state;
    const struct action_space box = {
        .kind = ACTION_CONTINUOUS, .n = 2, .low = {-1, -1}, .high = {1, 1}};
    struct rig g;
    open_kind(&g, &box);
    assert_null(g.t->action);
    g.t->number[3] = -7.5f; /* before the clamp */
    g.t->logp[0] = 4.0f;
    is_taken(&g);
    assert_true(g.r.t.number[3] == -7.5f && g.r.t.logp[0] == 4.0f);
    g.t->number[5] = NAN;
    is_refused(&g, "number", "number[5] is not a finite number");
    close_rig(&g);
}

/* A message says of which kind its actions are: nothing of another kind is read as these. */
static void another_kind_than_at_ready_is_refused(void **state)
{
    (void)state;
    const struct action_space one = {.n = 3}, masked = {.n = 3, .masked = true};
    struct rig g;
    char why[160];
    open_kind(&g, &one);
    seal(g.t, &g.f);
    struct trajectory_shape other = g.shape;
    other.actions = masked;
    assert_string_equal(received_decode(&g.r, g.arena, &g.f, &other, why), "shape");
    other.actions = (struct action_space){.kind = ACTION_MULTI, .n = 3, .choices = {3, 3, 3}};
    assert_string_equal(received_decode(&g.r, g.arena, &g.f, &other, why), "shape");
    close_rig(&g);
}

static void another_shape_than_at_ready_is_refused(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    seal(g.t, &g.f);
    char why[160];
    struct trajectory_shape other = g.shape;
    other.T++;
    assert_string_equal(received_decode(&g.r, g.arena, &g.f, &other, why), "shape");
    other = g.shape;
    other.snapshot_bytes = 8;
    assert_string_equal(received_decode(&g.r, g.arena, &g.f, &other, why), "shape");
    close_rig(&g);
}

/* What a description or a table of captions that is wrong is told; as bits. */
enum { ALL_TOLD = 0x3f };

static unsigned which_was_told(const char *why)
{
    static const char *const all[] = {
        "the description cannot be decoded",
        "differ from what READY said",
        "bytes are too few for the arrays and ",
        "the caption table does not fill the message: ",
        " claims ",
        "bytes long, ",
    };
    unsigned told = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        told |= strstr(why, all[i]) ? 1u << i : 0;
    return told;
}

/* The checksum is put right after each change: only the decoder stands between these bytes and the
 * learner. */
static void no_changed_byte_of_meta_or_tail_reads_outside_the_message(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 0);
    seal(g.t, &g.f);
    size_t n = FRAME_HEADER + g.f.head.meta_len + g.f.head.bulk_len,
           fixed = trajectory_fixed_bytes(&g.shape);
    uint8_t *copy =
        malloc(n); /* exactly as long as the message: a sanitizer sees any byte beyond */
    char why[160] = "";
    int refused = 0;
    unsigned told = 0;
    for (size_t i = FRAME_HEADER; i < n; i++) {
        if (i >= FRAME_HEADER + g.f.head.meta_len && i < FRAME_HEADER + g.f.head.meta_len + fixed)
            continue;
        for (int v = 0; v < 256; v += 5) {
            memcpy(copy, g.f.meta - FRAME_HEADER, n);
            copy[i] = (uint8_t)v;
            struct frame f = g.f;
            f.meta = copy + FRAME_HEADER;
            f.bulk = f.meta + f.head.meta_len;
            refused += received_decode(&g.r, g.arena, &f, &g.shape, why) != NULL;
            told |= which_was_told(why);
        }
    }
    assert_true(refused > 1000);
    for (uint32_t cut = 0; cut < g.f.head.bulk_len; cut += 3) {
        struct frame f = g.f;
        f.head.bulk_len = cut;
        assert_non_null(received_decode(&g.r, g.arena, &f, &g.shape, why));
        told |= which_was_told(why);
    }
    assert_int_equal(told, ALL_TOLD);
    free(copy);
    close_rig(&g);
}

static void a_message_at_an_odd_address_is_read_the_same(void **state)
{
    (void)state;
    struct rig g;
    open_rig(&g, 24);
    seal(g.t, &g.f);
    size_t n = FRAME_HEADER + g.f.head.meta_len + g.f.head.bulk_len;
    uint8_t *room = malloc(n + 16);
    char why[160];
    for (size_t shift = 0; shift < 9; shift++) {
        memcpy(room + shift, g.f.meta - FRAME_HEADER, n);
        struct frame f;
        assert_int_equal(frame_parse(&f, room + shift, n), FRAME_FINE);
        assert_null(received_decode(&g.r, g.arena, &f, &g.shape, why));
        assert_int_equal((uintptr_t)g.r.t.value % 4, 0);
        assert_memory_equal(g.r.t.value, g.t->value, PAIR_T * PAIR_E * 8);
        assert_memory_equal(g.r.t.snapshot, g.t->snapshot, PAIR_E * 24);
        assert_int_equal(g.r.t.ncaptions, g.t->ncaptions);
        assert_int_equal(g.r.t.nepisodes, 1);
        assert_int_equal((uintptr_t)g.r.t.final_obs % 8, 0);
        assert_memory_equal(g.r.t.final_obs, g.t->obs + g.shape.obs_bytes, g.shape.obs_bytes);
    }
    free(room);
    close_rig(&g);
}

static void captions_are_stored_once_and_cut_at_their_limit(void **state)
{
    (void)state;
    struct trajectory_shape s = pair_shape(0);
    struct trajectory *t = trajectory_create(&s);
    char longest[300];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(trajectory_caption(t, "", 0), 0);
    assert_int_equal(trajectory_caption(t, "a", 1), 1);
    assert_int_equal(trajectory_caption(t, "b", 1), 2);
    assert_int_equal(trajectory_caption(t, "a", 1), 1);
    assert_int_equal(trajectory_caption(t, longest, 300), 3);
    assert_int_equal(trajectory_caption(t, longest, 256), 3);
    assert_int_equal(t->caption_len[3], 256);
    assert_int_equal(t->ncaptions, 4);
    int distinct = 4, last = 0;
    for (int i = 0; i < 100; i++) { /* (2T+1)E+1 = 28 entries at most; more cannot occur in T x E */
        char text[16];
        int n = snprintf(text, sizeof text, "c%d", i);
        last = trajectory_caption(t, text, (size_t)n);
        distinct += last != 0;
    }
    assert_int_equal(distinct, (2 * PAIR_T + 1) * PAIR_E + 1);
    assert_int_equal(last, 0);
    assert_int_equal(t->captions_dropped, 104 - distinct);
    trajectory_clear(t);
    assert_int_equal(t->captions_dropped, 0);
    assert_int_equal(t->ncaptions, 1);
    assert_int_equal(trajectory_caption(t, "z", 1), 1);
    float episode[5] = {0};
    int episodes = 0;
    while (trajectory_episode(t, episode, t->obs))
        episodes++;
    assert_int_equal(episodes, PAIR_T * PAIR_E / 4 + 64);
    assert_int_equal(t->episodes_dropped, 1);
    trajectory_free(t);
    trajectory_free(NULL);
}

static void arrays_do_not_overlap_and_are_aligned(void **state)
{
    (void)state;
    struct trajectory_shape s = {.T = 5,
                                 .E = 3,
                                 .obs_bytes = 24,
                                 .actions = {.n = 2},
                                 .state_size = 3,
                                 .nstats = 0,
                                 .snapshot_bytes = 8};
    struct trajectory *t = trajectory_create(&s);
    const struct {
        void *p;
        size_t bytes;
    } a[] = {{t->obs, 6 * 3 * 24},     {t->action, 15 * 2},      {t->logp, 15 * 4},
             {t->value, 15 * 8},       {t->reward, 15 * 4},      {t->flags, 15},
             {t->final_value, 15 * 8}, {t->caption, 15 * 2},     {t->caption_count, 15 * 2},
             {t->obs_caption, 18 * 2}, {t->first_count, 3 * 2},  {t->state0, 9 * 4},
             {t->episode_id, 3 * 8},   {t->episode_seed, 3 * 8}, {t->first_step, 3 * 4},
             {t->snapshot, 3 * 8},     {t->episodes, 67 * 16}};
    for (size_t i = 0; i + 1 < sizeof a / sizeof a[0]; i++) {
        assert_int_equal((uintptr_t)a[i].p % 64, 0);
        assert_true((uint8_t *)a[i].p + a[i].bytes <= (uint8_t *)a[i + 1].p);
    }
    trajectory_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_field_is_named_with_its_place_and_value),
        cmocka_unit_test(an_absurd_magnitude_is_named_too),
        cmocka_unit_test(a_final_value_belongs_to_a_step_that_was_cut_off),
        cmocka_unit_test(episodes_are_those_of_steps_that_ended_one),
        cmocka_unit_test(what_honest_actors_list_is_taken),
        cmocka_unit_test(episodes_without_room_are_those_that_ended_last),
        cmocka_unit_test(an_episode_has_a_number_of_its_environment),
        cmocka_unit_test(an_observation_beyond_all_measure_is_named),
        cmocka_unit_test(choices_and_masks_are_checked_against_the_space),
        cmocka_unit_test(numbers_must_be_finite_and_may_be_dense),
        cmocka_unit_test(another_kind_than_at_ready_is_refused),
        cmocka_unit_test(another_shape_than_at_ready_is_refused),
        cmocka_unit_test(no_changed_byte_of_meta_or_tail_reads_outside_the_message),
        cmocka_unit_test(a_message_at_an_odd_address_is_read_the_same),
        cmocka_unit_test(captions_are_stored_once_and_cut_at_their_limit),
        cmocka_unit_test(arrays_do_not_overlap_and_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
