/* SPDX-License-Identifier: MIT */
/* test_label_model.c - hash and similarity pay what the annotator said, each by its own rule. */
#include "learner/reward/label_model.h"

#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_hash, reward_model_similarity;

enum { CAPTIONS = 5 };
static const char *const text[CAPTIONS] = {"", "a key", "a door", "a wall", "a rat"};
static const uint16_t length[CAPTIONS] = {0, 5, 6, 6, 5};

static struct reward_model *create(const struct reward_model_type *t, double epsilon)
{
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.reward_epsilon = epsilon;
    assert_ok(t->create(&m, &cfg, NULL, &err));
    return m;
}

static void observe(struct reward_model *m, int caption, float label)
{
    label_model_on_label(m, &(struct label){.state = LABEL_ANSWERED,
                                            .value = (double)label,
                                            .confidence = 1,
                                            .question = text[caption],
                                            .question_len = length[caption]});
}

static void assert_pays(struct reward_model *m, int caption, double want)
{
    float out[CAPTIONS];
    label_model_score(
        m,
        &(struct reward_batch){.ncaptions = CAPTIONS, .caption_text = text, .caption_len = length},
        out);
    assert_close(out[caption], want, 0, 1e-7);
}

static void hash_pays_labels_from_0_to_1_and_ignores_others(void **state)
{
    (void)state;
    struct reward_model *m = create(&reward_model_hash, 0.9); /* not its option */
    observe(m, 1, 1);
    observe(m, 2, 0.25f);
    observe(m, 3, -0.5f);
    observe(m, 4, 1.5f);
    assert_pays(m, 1, 1);
    assert_pays(m, 2, 0.25);
    assert_pays(m, 3, 0);
    assert_pays(m, 4, 0);
    assert_false(label_model_has_label(m, text[3], length[3]));
    assert_false(label_model_has_label(m, text[4], length[4]));
    observe(m, 1, 0);
    assert_pays(m, 1, 0);
    assert_true(label_model_has_label(m, text[1], length[1]));
    label_model_free(m);
}

static void similarity_pays_the_cosine_above_epsilon(void **state)
{
    (void)state;
    struct reward_model *m = create(&reward_model_similarity, 0.5);
    observe(m, 1, 0.75f);
    observe(m, 2, 0.5f);
    observe(m, 3, -1);
    assert_pays(m, 1, 0.75);
    assert_pays(m, 2, 0);
    assert_pays(m, 3, 0);
    assert_true(label_model_has_label(m, text[3], length[3]));
    label_model_free(m);
    m = create(&reward_model_similarity, -0.5);
    observe(m, 1, -0.25f);
    observe(m, 2, -0.75f);
    assert_pays(m, 1, -0.25);
    assert_pays(m, 2, 0);
    assert_pays(m, 3, 0); /* no label yet */
    label_model_free(m);
}

static void a_table_of_the_other_model_is_refused(void **state)
{
    (void)state;
    struct reward_model *hash = create(&reward_model_hash, 0),
                        *similarity = create(&reward_model_similarity, 0);
    struct buf saved;
    buf_init(&saved, 1 << 16);
    observe(hash, 1, 1);
    observe(similarity, 1, 0.5f);
    label_model_save(hash, &saved);
    assert_err(label_model_load(similarity, saved.data, saved.len, &err), ONIC_EDAMAGED,
               "reward model similarity is malformed");
    assert_pays(similarity, 1, 0.5);
    buf_release(&saved);
    label_model_free(hash);
    label_model_free(similarity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_pays_labels_from_0_to_1_and_ignores_others),
        cmocka_unit_test(similarity_pays_the_cosine_above_epsilon),
        cmocka_unit_test(a_table_of_the_other_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
