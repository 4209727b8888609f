/* SPDX-License-Identifier: MIT */
/* Trajectories side by side: order of steps, one caption table, lag. */
#include "tests/onic_test.h"

#include "learner/train/batch.h"

enum { T = 3 };

static struct trajectory *make(int E, uint64_t version)
{
    struct trajectory_shape shape = {.T = T, .E = E, .obs_bytes = 8, .actions = {.n = 2}};
    struct trajectory *t = trajectory_create(&shape);
    t->weights_version = version;
    return t;
}

static void say(struct trajectory *t, int step, int e, const char *text, int count)
{
    int i = step * t->shape.E + e;
    t->caption[i] = trajectory_caption(t, text, strlen(text));
    t->caption_count[i] = (uint16_t)count;
}

static void steps_are_time_major_over_all_environments(void **state)
{
    (void)state;
    struct trajectory *t[2] = {make(2, 5), make(1, 8)};
    struct batch *b = batch_create();
    for (int i = 0; i < T * 2; i++)
        t[0]->reward[i] = (float)i;
    for (int i = 0; i < T; i++)
        t[1]->reward[i] = (float)(100 + i);
    const float episode[TRAJECTORY_EPISODE_HEAD] = {0};
    t[0]->flags[0 * 2 + 1] = STEP_FAILED;
    t[0]->flags[1 * 2 + 1] = STEP_TERMINATED; /* step 1 of environment 1 */
    t[0]->flags[2 * 2 + 0] = STEP_TRUNCATED;
    for (uint8_t i = 0; i < 2; i++)
        trajectory_episode(t[0], episode, (uint8_t[8]){i, 1, 2, 3, 4, 5, 6, 7});
    batch_lay_out(b, t, 2, 9, BATCH_ROWS);
    const float want[T * 3] = {0, 1, 100, 2, 3, 101, 4, 5, 102};
    assert_int_equal(b->C, 3);
    assert_int_equal(b->steps, 9);
    assert_memory_equal(b->r_env, want, sizeof want);
    assert_ptr_equal(b->column[2].t, t[1]);
    assert_int_equal(b->column[1].e, 1);
    assert_ptr_equal(b->reward.obs_after[0], t[0]->obs + 2 * 8);   /* row 1, environment 0 */
    assert_ptr_equal(b->reward.obs_after[8], t[1]->obs + 3 * 8);   /* row T */
    assert_null(b->reward.obs_after[1]);                           /* failed */
    assert_ptr_equal(b->reward.obs_after[4], t[0]->final_obs + 8); /* the next row is another's */
    assert_null(b->reward.obs_after[6]);                           /* found no room */
    assert_int_equal(b->lag_max, 4);
    assert_close(b->lag_mean, 2.5, 1e-12, 0);
    batch_free(b);
    trajectory_free(t[0]);
    trajectory_free(t[1]);
}

static void equal_captions_of_two_trajectories_are_one(void **state)
{
    (void)state;
    struct trajectory *t[2] = {make(1, 0), make(1, 0)};
    struct batch *b = batch_create();
    say(t[0], 0, 0, "a door", 1);
    say(t[0], 1, 0, "a key", 1);
    say(t[1], 1, 0, "a key", 1);
    say(t[1], 2, 0, "a key", 2);
    for (int round = 0; round < 2; round++) { /* the second must not remember the first */
        batch_lay_out(b, t, 2, 0, 0);
        assert_int_equal(b->reward.ncaptions, 3);
        assert_int_equal(b->reward.caption_len[0], 0);
        const uint32_t *c = b->reward.caption; /* [T, 2] */
        assert_true(c[0] != 0 && c[1] == 0 && c[2] != 0 && c[2] == c[3] && c[4] == 0 &&
                    c[5] == c[2]);
        assert_int_equal(b->reward.caption_len[c[2]], 5);
        assert_memory_equal(b->reward.caption_text[c[2]], "a key", 5);
        assert_memory_equal(b->reward.caption_text[c[0]], "a door", 6);
        assert_int_equal(b->reward.episodic_count[5], 2);
        assert_null(b->reward.obs_after);
    }
    batch_free(b);
    trajectory_free(t[0]);
    trajectory_free(t[1]);
}

static void see(struct trajectory *t, int row, const char *text)
{
    t->obs_caption[row] = trajectory_caption(t, text, strlen(text));
}

static void like_oni_a_step_has_the_caption_and_row_it_was_taken_at(void **state)
{
    (void)state;
    struct trajectory *t = make(1, 0);
    struct batch *b = batch_create();
    see(t, 0, "a door"); /* for the 7th time in its episode */
    t->first_count[0] = 7;
    say(t, 0, 0, "a key", 2);
    see(t, 1, "a key");
    say(t, 1, 0, "dead", 1); /* never scored */
    t->flags[1] = STEP_TERMINATED;
    see(t, 2, "hello"); /* of the next episode */
    say(t, 2, 0, "", 0);
    batch_lay_out(b, &t, 1, 0, BATCH_BEFORE | BATCH_ROWS);
    const char *want[T] = {"a door", "a key", "hello"};
    const int count[T] = {7, 2, 1};
    for (int i = 0; i < T; i++) {
        uint32_t c = b->reward.caption[i];
        assert_int_equal(b->reward.caption_len[c], strlen(want[i]));
        assert_memory_equal(b->reward.caption_text[c], want[i], strlen(want[i]));
        assert_int_equal(b->reward.episodic_count[i], count[i]);
        assert_ptr_equal(b->reward.obs_after[i], t->obs + i * 8);
    }
    batch_free(b);
    trajectory_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_time_major_over_all_environments),
        cmocka_unit_test(equal_captions_of_two_trajectories_are_one),
        cmocka_unit_test(like_oni_a_step_has_the_caption_and_row_it_was_taken_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
