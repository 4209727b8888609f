/* SPDX-License-Identifier: MIT */
/* test_mix.c - binding rewards: coefficients, clips, counts, memo, and what is refused at start. */
#include "learner/reward/mix.h"
#include "learner/reward/reward_options.h"

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/score_memo.h"
#include "learner/reward/shaping.h"
#include "tests/onic_test.h"

enum { OBS = 8 };

static struct obs_spec obs_spec(void)
{
    struct obs_spec s = {0};
    obs_spec_add(&s, "x", OBS_U8, 1, (int[]){OBS});
    return s;
}

static struct config config(const char *model)
{
    struct config c;
    config_defaults(&c);
    snprintf(c.reward_model, sizeof c.reward_model, "%s", model);
    return c;
}

static struct reward_mix *create(const struct config *c)
{
    struct obs_spec s = obs_spec();
    struct reward_mix *x;
    assert_ok(reward_options_open(&x, c, &s, &err));
    return x;
}

static void label(struct reward_mix *x, const char *caption, float value)
{
    reward_mix_on_label(x, &(struct label){.id = 1,
                                           .state = LABEL_ANSWERED,
                                           .value = (double)value,
                                           .confidence = 0.5,
                                           .question = caption,
                                           .question_len = strlen(caption)});
}

static const char *const TEXT[] = {"", "You see a key.", "You hit a wall.", "You open the door."};
static const uint16_t LEN[] = {0, 14, 15, 18};

static void rewards_follow_the_formula(void **state)
{
    (void)state;
    struct config c = config("hash");
    c.reward_scale = 0.5;
    c.reward_clip = 2.0;
    c.reward_coef_ext = 3.0;
    c.reward_coef_int = 0.2;
    c.reward_count_power = 3.0;
    struct reward_mix *x = create(&c);
    assert_string_equal(reward_mix_chain(x), "clip(10) count(3)");
    label(x, TEXT[1], 1.0f);
    label(x, TEXT[2], 0.0f);
    const uint32_t caption[] = {0, 1, 1, 2, 3, 1};
    const uint16_t count[] = {0, 1, 2, 1, 1, 5};
    const float env[] = {1.0f, -50.0f, 0.0f, 6.0f, NAN, 0.5f};
    const float want_ext[] = {0.5f, -2.0f, 0.0f, 2.0f, 0.0f, 0.25f};
    const float want_int[] = {0.0f, 1.0f, 0.125f, 0.0f, 0.0f, 0.008f};
    float ext[6], in[6];
    struct reward_batch b = {.n = 6,
                             .caption = caption,
                             .episodic_count = count,
                             .ncaptions = 4,
                             .caption_text = TEXT,
                             .caption_len = LEN};
    reward_mix_bind(x, &b, env, ext, in);
    for (int i = 0; i < 6; i++) {
        assert_close(ext[i], want_ext[i], 1e-6, 0);
        assert_close(in[i], want_int[i], 1e-6, 0);
    }
    struct reward_mix_stats s;
    reward_mix_take_stats(x, &s);
    assert_int_equal(s.steps, 6);
    assert_int_equal(s.captioned, 5);
    assert_int_equal(s.known, 4);
    assert_int_equal(s.paid, 3);
    assert_int_equal(s.not_finite, 1);
    assert_close(s.int_sum, 1.133, 1e-6, 0);
    assert_close(s.int_abs, 0.2266, 1e-6, 0);
    assert_close(s.ext_abs, 3 * (0.5 + 2 + 2 + 0.25), 1e-6, 0);
    reward_mix_free(x);
}

static void a_label_that_arrives_counts_for_old_trajectories(void **state)
{
    (void)state;
    struct config c = config("hash");
    struct reward_mix *x = create(&c);
    struct reward_batch b = {.n = 1,
                             .caption = (uint32_t[]){1},
                             .episodic_count = (uint16_t[]){1},
                             .ncaptions = 2,
                             .caption_text = TEXT,
                             .caption_len = LEN};
    float env = 0, ext, in;
    int unknown[2];
    reward_mix_bind(x, &b, &env, &ext, &in);
    assert_close(in, 0, 0, 0);
    assert_int_equal(reward_mix_unknown(x, &b, unknown), 1);
    assert_int_equal(unknown[0], 1);
    label(x, TEXT[1], 1.0f);
    reward_mix_bind(x, &b, &env, &ext, &in);
    assert_close(in, 1, 0, 0);
    assert_int_equal(reward_mix_unknown(x, &b, unknown), 0);
    label(x, TEXT[1], 0.0f); /* a corrected label replaces the old one */
    reward_mix_bind(x, &b, &env, &ext, &in);
    assert_close(in, 0, 0, 0);
    reward_mix_free(x);
}

static void abstentions_and_nonsense_are_not_labels(void **state)
{
    (void)state;
    struct config c = config("hash");
    struct reward_mix *x = create(&c);
    struct label l = {
        .state = LABEL_ABSTAINED, .value = 1, .question = TEXT[1], .question_len = 14};
    bool known;
    reward_mix_on_label(x, &l);
    label(x, TEXT[2], NAN);
    label(x, TEXT[3], 7.0f);
    label(x, "", 1.0f);
    for (int i = 1; i < 4; i++) {
        assert_close(reward_mix_caption(x, TEXT[i], LEN[i], &known), 0, 0, 0);
        assert_false(known);
    }
    reward_mix_free(x);
}

static void scores_are_computed_once_per_caption_and_version(void **state)
{
    (void)state;
    struct config c = config("hash");
    struct reward_mix *x = create(&c);
    struct reward_batch b = {.n = 3,
                             .caption = (uint32_t[]){1, 2, 1},
                             .episodic_count = (uint16_t[]){1, 1, 2},
                             .ncaptions = 3,
                             .caption_text = TEXT,
                             .caption_len = LEN};
    float env[3] = {0}, ext[3], in[3];
    struct reward_mix_stats s;
    reward_mix_bind(x, &b, env, ext, in);
    reward_mix_bind(x, &b, env, ext, in);
    reward_mix_take_stats(x, &s);
    assert_int_equal(s.memo_misses, 2);
    assert_int_equal(s.memo_hits, 2);
    label(x, TEXT[1], 1.0f);
    reward_mix_bind(x, &b, env, ext, in);
    label(x, TEXT[1], 1.0f); /* the same again: nothing may have changed */
    uint64_t calls = xmalloc_calls();
    reward_mix_bind(x, &b, env, ext, in);
    assert_int_equal(xmalloc_calls(), calls);
    reward_mix_take_stats(x, &s);
    assert_int_equal(s.memo_misses, 2);
    assert_int_equal(s.memo_hits, 2);
    reward_mix_free(x);
}

static void counts_pays_one_over_root_n_over_the_whole_run(void **state)
{
    (void)state;
    struct config c = config("counts");
    struct reward_mix *x = create(&c);
    assert_string_equal(reward_mix_chain(x), "clip(10)");
    uint8_t a[OBS] = {1}, other[OBS] = {2};
    const uint8_t *rows[] = {a, a, other, a, a};
    struct reward_batch b = {.n = 5,
                             .obs_after = rows,
                             .caption = (uint32_t[5]){0, 1, 1},
                             .episodic_count = (uint16_t[5]){0, 1, 2},
                             .ncaptions = 2,
                             .caption_text = TEXT,
                             .caption_len = LEN};
    float env[5] = {0}, ext[5], in[5];
    reward_mix_bind(x, &b, env, ext, in);
    const double want[] = {1, 0.7071067811865475, 1, 0.5773502691896258, 0.5};
    for (int i = 0; i < 5; i++)
        assert_close(in[i], want[i], 1e-6, 0);
    reward_mix_bind(x, &b, env, ext, in);
    assert_close(in[0], 0.4472135954999579, 1e-6, 0); /* N = 5 */
    struct reward_mix_stats s;
    reward_mix_take_stats(x, &s);
    assert_int_equal(s.captioned, 0); /* it knows no captions: no coverage is shown */
    reward_mix_free(x);
}

static void none_pays_nothing(void **state)
{
    (void)state;
    struct config c = config("none");
    struct reward_mix *x = create(&c);
    struct reward_batch b = {.n = 1,
                             .caption = (uint32_t[]){1},
                             .episodic_count = (uint16_t[]){1},
                             .ncaptions = 2,
                             .caption_text = TEXT,
                             .caption_len = LEN};
    float env = 1, ext, in = 9;
    int unknown[2];
    reward_mix_bind(x, &b, &env, &ext, &in);
    assert_close(in, 0, 0, 0);
    assert_close(ext, 1, 0, 0);
    assert_int_equal(reward_mix_unknown(x, &b, unknown), 0);
    reward_mix_free(x);
}

static void count_line(void *ctx, const char *line, size_t len)
{
    (void)len;
    *(int *)ctx +=
        strstr(line, " warn ") &&
        strstr(line, "reward model counts has seen more than its memory tells apart: new "
                     "observations begin to look seen; a new run with a larger "
                     "reward.counts_mb counts more distinct=");
}

/* Those that are new look new as long as the memory given tells so many apart, and where it does
 * not it is said. */
static void counts_tells_as_many_apart_as_its_memory_allows(void **state)
{
    (void)state;
    enum { DISTINCT = 2 << 20, LAST = 4096 };
    const struct reward_model_type *type;
    struct obs_spec s = {0};
    struct config c = config("counts");
    struct reward_model *m[2];
    struct buf saved;
    double sum[2] = {0};
    obs_spec_add(&s, "x", OBS_I64, 1, (int[]){1});
    assert_ok(reward_model_find("counts", &type, &err));
    int warnings = 0;
    log_set_writer(count_line, &warnings);
    for (int k = 0; k < 2; k++) {
        c.reward_counts_mb = k ? 16 : 64;
        assert_ok(type->create(&m[k], &c, &s, &err));
        for (int64_t i = 0; i < DISTINCT; i++) {
            const uint8_t *row = (const uint8_t *)&i;
            float out;
            type->score(m[k], &(struct reward_batch){.n = 1, .obs_after = &row}, &out);
            sum[k] += i >= DISTINCT - LAST ? (double)out / LAST : 0.0;
        }
        assert_int_equal(warnings, k); /* 64 MB hold four million in each row */
    }
    log_set_writer(NULL, NULL);
    assert_true(sum[0] > 0.98 && sum[1] < 0.85);
    buf_init(&saved, (size_t)1 << 30);
    type->save(m[0], &saved);
    assert_ok(type->load(m[1], saved.data, saved.len, &err));
    const int64_t seen[] = {0, DISTINCT / 2, DISTINCT - 1, DISTINCT + 7};
    for (int i = 0; i < 4; i++) {
        const uint8_t *row = (const uint8_t *)&seen[i];
        float a, b;
        type->score(m[0], &(struct reward_batch){.n = 1, .obs_after = &row}, &a);
        type->score(m[1], &(struct reward_batch){.n = 1, .obs_after = &row}, &b);
        assert_true(a == b && (i == 3 || (double)a < 0.71)); /* seen twice */
    }
    buf_release(&saved);
    type->free(m[0]);
    type->free(m[1]);
}

static void intrinsic_returns_stop_at_ends_unless_the_model_or_the_option_says_no(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum config_reward_episodic option;
        bool oni, episodic;
    } want[] = {{"hash", CONFIG_reward_episodic_auto, false, true},
                {"rnd", CONFIG_reward_episodic_auto, false, false},
                {"rnd", CONFIG_reward_episodic_auto, true, true},
                {"rnd", CONFIG_reward_episodic_yes, false, true},
                {"hash", CONFIG_reward_episodic_no, false, false}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct config c = config(want[i].model);
        c.reward_episodic = want[i].option;
        c.compat_oni = want[i].oni;
        struct reward_mix *x = create(&c);
        assert_int_equal(reward_mix_episodic(x), want[i].episodic);
        reward_mix_free(x);
    }
    struct config c = config("hash");
    struct reward_mix *x;
    c.reward_episodic = CONFIG_reward_episodic_no;
    c.compat_oni = true;
    assert_err(reward_options_open(&x, &c, &(struct obs_spec){0}, &err), ONIC_ECONFIG,
               "reward.episodic=no and compat.oni");
}

static int nfreed;

static void free_counted(struct reward_model *m)
{
    (void)m;
    nfreed++;
}

static void save_too_much(const struct reward_model *m, struct buf *out)
{
    (void)m;
    buf_append(out, "", REWARD_STATE_MAX + 1); /* refused before a byte of it is read */
}

/* rnd over very large observations: a run would end at its first checkpoint. */
static void a_model_without_a_checkpoint_is_refused_at_the_start(void **state)
{
    (void)state;
    static const struct reward_model_type huge = {
        .name = "huge", .free = free_counted, .save = save_too_much};
    struct reward_mix *x;
    nfreed = 0;
    assert_err(reward_mix_create(&x, &(struct reward_mix_params){0}, &huge, NULL, &err),
               ONIC_ECONFIG, "the state of reward.model=huge is larger than 4096 MiB");
    assert_null(x);
    assert_int_equal(nfreed, 1);
}

static const struct shaping_values VALUES = {.clip = 10, .count = 3}; /* the defaults */

static void the_shaping_chain_applies_its_stages_in_order(void **state)
{
    (void)state;
    struct shaping s;
    const struct reward_model_type *hash;
    assert_ok(reward_model_find("hash", &hash, &err));
    assert_ok(shaping_parse(&s, "squash:2,clip:0.25,count", &VALUES, hash, &err));
    float x[] = {1.0f, -1.0f, 0.1f, 0.0f, 1.0f};
    shaping_apply(&s, x, (uint16_t[]){1, 2, 1, 1, 2000}, 5);
    const double want[] = {0.25, -0.25 / 8, 0.04995837495787998, 0, 0.25 / 8e9};
    for (int i = 0; i < 5; i++)
        assert_close(x[i], want[i], 1e-5, 0);
    assert_ok(shaping_parse(&s, "clip:0.5,scale:100,count", &VALUES, hash, &err));
    float z[] = {1.0f, -0.25f, 0.0f};
    shaping_apply(&s, z, (uint16_t[]){1, 2, 1}, 3);
    assert_close(z[0], 50, 0, 0);
    assert_close(z[1], -25.0 / 8, 0, 0);
    assert_close(z[2], 0, 0, 0);
    assert_ok(shaping_parse(&s, "threshold:0.5", &VALUES, hash, &err));
    float y[] = {0.49f, 0.5f, -3.0f};
    shaping_apply(&s, y, (uint16_t[]){1, 1, 1}, 3);
    assert_close(y[0], 0, 0, 0);
    assert_close(y[1], 1, 0, 0);
    assert_close(y[2], 0, 0, 0);
}

static void chains_that_make_no_sense_are_refused_by_name(void **state)
{
    (void)state;
    struct shaping s;
    const struct reward_model_type *hash, *counts;
    assert_ok(reward_model_find("hash", &hash, &err));
    assert_ok(reward_model_find("counts", &counts, &err));
    assert_err(
        shaping_parse(&s, "clip,squish:2", &VALUES, hash, &err), ONIC_ECONFIG,
        "reward.shaping names \"squish\", must be made of threshold, squash, clip, scale, count");
    assert_err(shaping_parse(&s, "count,clip", &VALUES, hash, &err), ONIC_ECONFIG,
               "nothing may follow count");
    assert_err(
        shaping_parse(&s, "count", &VALUES, counts, &err), ONIC_ECONFIG,
        "reward.shaping: count needs a reward model that scores captions alone, counts does not");
    assert_err(shaping_parse(&s, "threshold", &VALUES, hash, &err), ONIC_ECONFIG,
               "threshold needs a value");
    assert_err(shaping_parse(&s, "threshold:0", &VALUES, hash, &err), ONIC_ECONFIG,
               "reward.shaping: threshold needs a value above 0, as in threshold:1");
    assert_err(shaping_parse(&s, "clip:1x", &VALUES, hash, &err), ONIC_ECONFIG, "clip");
    assert_err(shaping_parse(&s, "", &VALUES, hash, &err), ONIC_ECONFIG, "must be made of");
}

static void an_unknown_model_is_refused_with_the_known_ones(void **state)
{
    (void)state;
    struct config c = config("hush");
    struct obs_spec s = obs_spec();
    struct reward_mix *x;
    assert_err(reward_options_open(&x, &c, &s, &err), ONIC_ECONFIG,
               "none, hash, classifier, ranking, motif, similarity, counts");
}

static void the_state_of_another_model_is_refused(void **state)
{
    (void)state;
    struct config c = config("hash"), d = config("none");
    struct reward_mix *x = create(&c), *y = create(&d);
    struct buf saved;
    buf_init(&saved, 1 << 20);
    label(x, TEXT[1], 1.0f);
    reward_mix_save(x, &saved);
    assert_err(reward_mix_load(y, saved.data, saved.len, &err), ONIC_ECONFIG, "reward.model=none");
    struct reward_mix *z = create(&c);
    bool known;
    assert_ok(reward_mix_load(z, saved.data, saved.len, &err));
    assert_close(reward_mix_caption(z, TEXT[1], 14, &known), 1, 0, 0);
    assert_true(known);
    assert_err(reward_mix_load(z, "hash", 4, &err), ONIC_EDAMAGED,
               "the reward model's state has no name");
    buf_release(&saved);
    reward_mix_free(x);
    reward_mix_free(y);
    reward_mix_free(z);
}

/* Once, when a run goes on: what it learns after that is there for a roll-back. */
static void labels_are_forgotten_at_the_next_load_only(void **state)
{
    (void)state;
    struct config c = config("hash");
    struct reward_mix *x = create(&c), *y = create(&c);
    struct buf saved;
    bool known;
    buf_init(&saved, 1 << 20);
    label(x, TEXT[1], 1.0f);
    reward_mix_save(x, &saved);
    reward_mix_forget(y);
    assert_ok(reward_mix_load(y, saved.data, saved.len, &err));
    reward_mix_caption(y, TEXT[1], 14, &known);
    assert_false(known);
    assert_ok(reward_mix_load(y, saved.data, saved.len, &err));
    reward_mix_caption(y, TEXT[1], 14, &known);
    assert_true(known);
    /* also when that load was of another model's state, which is left behind */
    struct config d = config("classifier");
    struct reward_mix *other = create(&d);
    struct buf of_other;
    buf_init(&of_other, 1 << 20);
    reward_mix_save(other, &of_other);
    reward_mix_forget(y);
    reward_mix_unlabelled(y);
    assert_ok(reward_mix_load(y, of_other.data, of_other.len, &err));
    assert_ok(reward_mix_load(y, saved.data, saved.len, &err));
    reward_mix_caption(y, TEXT[1], 14, &known);
    assert_true(known);
    buf_release(&of_other);
    buf_release(&saved);
    reward_mix_free(other);
    reward_mix_free(x);
    reward_mix_free(y);
}

/* A roll-back to a checkpoint from before labels were withdrawn: what the model has heard since it
 * began anew is asked for anew as well, so none of it stays, for whoever loads it again could not
 * have it (learner/record). */
static void forgetting_leaves_nothing_of_what_came_since(void **state)
{
    static const char *const models[] = {"hash", "classifier"};
    (void)state;
    assert_ok(blas_start(&err));
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct config c = config(models[i]);
        c.run_deterministic = true;
        struct reward_mix *x = create(&c), *y = create(&c);
        struct buf old, first, again;
        bool known;
        buf_init(&old, 1 << 26);
        buf_init(&first, 1 << 26);
        buf_init(&again, 1 << 26);
        label(x, TEXT[1], 1.0f);
        reward_mix_save(x, &old);
        reward_mix_forget(y);
        assert_ok(reward_mix_load(y, old.data, old.len, &err));
        reward_mix_save(y, &first);
        label(y, TEXT[2], 1.0f);
        reward_mix_train(y);
        reward_mix_caption(y, TEXT[2], LEN[2], &known);
        assert_true(known);
        reward_mix_forget(y);
        assert_ok(reward_mix_load(y, old.data, old.len, &err));
        assert_close(reward_mix_caption(y, TEXT[2], LEN[2], &known), 0, 0, 0);
        assert_false(known);
        reward_mix_save(y, &again);
        assert_int_equal(again.len, first.len);
        assert_memory_equal(again.data, first.data, first.len);
        buf_release(&old);
        buf_release(&first);
        buf_release(&again);
        reward_mix_free(x);
        reward_mix_free(y);
    }
}

/* The same where the checkpoint is of another model, which had no labels. */
static void another_model_without_labels_leaves_nothing_either(void **state)
{
    (void)state;
    struct config hash = config("hash"), other = config("classifier");
    assert_ok(blas_start(&err));
    struct reward_mix *x = create(&other), *y = create(&hash);
    struct buf old;
    bool known;
    buf_init(&old, 1 << 26);
    reward_mix_save(x, &old);
    label(y, TEXT[1], 1.0f);
    reward_mix_unlabelled(y);
    assert_ok(reward_mix_load(y, old.data, old.len, &err));
    assert_close(reward_mix_caption(y, TEXT[1], LEN[1], &known), 0, 0, 0);
    assert_false(known);
    buf_release(&old);
    reward_mix_free(x);
    reward_mix_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewards_follow_the_formula),
        cmocka_unit_test(a_label_that_arrives_counts_for_old_trajectories),
        cmocka_unit_test(abstentions_and_nonsense_are_not_labels),
        cmocka_unit_test(scores_are_computed_once_per_caption_and_version),
        cmocka_unit_test(counts_pays_one_over_root_n_over_the_whole_run),
        cmocka_unit_test(none_pays_nothing),
        cmocka_unit_test(counts_tells_as_many_apart_as_its_memory_allows),
        cmocka_unit_test(intrinsic_returns_stop_at_ends_unless_the_model_or_the_option_says_no),
        cmocka_unit_test(the_shaping_chain_applies_its_stages_in_order),
        cmocka_unit_test(chains_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(an_unknown_model_is_refused_with_the_known_ones),
        cmocka_unit_test(a_model_without_a_checkpoint_is_refused_at_the_start),
        cmocka_unit_test(the_state_of_another_model_is_refused),
        cmocka_unit_test(labels_are_forgotten_at_the_next_load_only),
        cmocka_unit_test(forgetting_leaves_nothing_of_what_came_since),
        cmocka_unit_test(another_model_without_labels_leaves_nothing_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
