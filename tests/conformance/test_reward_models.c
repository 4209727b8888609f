/* SPDX-License-Identifier: MIT */
/* test_reward_models.c - every line of reward_models.def against the contract of reward_model.h. */
#include <stdlib.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "learner/reward/motif/motif_file.h"
#include "learner/reward/ranking_net.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

enum { CAPTIONS = 200, STEPS = 512, OBS = 24 };

/* A world of captions and observations, drawn once. */
static struct {
    char text[CAPTIONS][32];
    const char *ptr[CAPTIONS];
    uint16_t len[CAPTIONS];
    uint8_t obs[STEPS][OBS];
    const uint8_t *row[STEPS];
    uint32_t caption[STEPS];
    uint16_t count[STEPS];
} w;

static char motif_file[64]; /* what reward.model=motif reads */

static int write_motif(void)
{
    struct message_head *net = ranking_net_create();
    struct motif_reward r = {
        .floats = message_head_params(net)->floats, .var = 1, .labels = "test"};
    message_head_free(net);
    struct rng g = rng_stream(2, "test", 0, 0, 0);
    r.weights = xmalloc(r.floats * sizeof *r.weights);
    for (size_t i = 0; i < r.floats; i++)
        r.weights[i] = 0.05f * rng_normal(&g);
    snprintf(motif_file, sizeof motif_file, "/tmp/onic-motif-%d.safetensors", (int)getpid());
    int rc = motif_file_write(motif_file, &r, NULL);
    motif_reward_release(&r);
    return rc;
}

static int clean(void **state)
{
    (void)state;
    return unlink(motif_file);
}

static int draw(void **state)
{
    (void)state;
    if (write_motif() != ONIC_OK)
        return -1;
    struct rng r = rng_stream(1, "test", 0, 0, 0);
    for (int i = 0; i < CAPTIONS; i++) {
        if (i)
            snprintf(w.text[i], sizeof w.text[i], "You see thing %d.", i);
        w.ptr[i] = w.text[i];
        w.len[i] = (uint16_t)strlen(w.text[i]);
    }
    for (int i = 0; i < STEPS; i++) {
        w.obs[i][0] = (uint8_t)rng_below(&r, 20);
        w.row[i] = w.obs[i];
        w.caption[i] = rng_below(&r, CAPTIONS);
        w.count[i] = w.caption[i] ? (uint16_t)(1 + rng_below(&r, 9)) : 0;
    }
    return 0;
}

static struct reward_batch batch(void)
{
    static const uint64_t environment = 0;
    return (struct reward_batch){.n = STEPS,
                                 .C = 1,
                                 .environment = &environment,
                                 .obs_after = w.row,
                                 .caption = w.caption,
                                 .episodic_count = w.count,
                                 .ncaptions = CAPTIONS,
                                 .caption_text = w.ptr,
                                 .caption_len = w.len};
}

static struct reward_model *create(const struct reward_model_type *t)
{
    struct config cfg;
    struct obs_spec spec = {0};
    config_defaults(&cfg);
    cfg.run_deterministic = true; /* train() takes counted steps */
    cfg.reward_steps_max = 2;
    cfg.reward_refresh = 1;
    snprintf(cfg.reward_file, sizeof cfg.reward_file, "%s", motif_file);
    obs_spec_add(&spec, "x", OBS_U8, 1, (int[]){OBS});
    struct reward_model *m = NULL;
    assert_ok(t->create(&m, &cfg, &spec, &err));
    assert_non_null(m);
    return m;
}

static void observe(const struct reward_model_type *t, struct reward_model *m, int i, float value)
{
    char question[QUESTION_MAX];
    int b = i ^ 64; /* of a pair */
    size_t len = t->traits.asks == QUESTION_PAIR
                     ? question_pair(question, w.ptr[i], w.len[i], w.ptr[b], w.len[b])
                     : question_about(question, QUESTION_CLASS, w.ptr[i], w.len[i]);
    t->on_label(m, &(struct label){.id = (uint64_t)i,
                                   .state = LABEL_ANSWERED,
                                   .value = (double)value,
                                   .confidence = 0.75,
                                   .question = question,
                                   .question_len = len,
                                   .source = "test"});
}

static int scores(const struct reward_model_type *t, struct reward_model *m, float out[STEPS])
{
    struct reward_batch b = batch();
    t->score(m, &b, out);
    return t->traits.caption_only ? CAPTIONS : STEPS;
}

/* A model that has seen labels, trained a little and scored a batch. */
static struct reward_model *experienced(const struct reward_model_type *t)
{
    struct reward_model *m = create(t);
    float out[STEPS];
    if (t->on_label)
        for (int i = 1; i < CAPTIONS / 2; i++)
            observe(t, m, i, (float)(i % 3 == 0));
    for (int round = 0; round < 2; round++) {
        struct reward_batch b = batch();
        if (t->on_batch)
            t->on_batch(m, &b);
        if (t->train)
            t->train(m);
    }
    scores(t, m, out);
    return m;
}

static void declares_what_it_offers(const struct reward_model_type *t)
{
    assert_non_null(t->name);
    assert_non_null(t->summary);
    assert_true(t->create && t->free && t->version && t->score && t->save && t->load);
    assert_int_equal(t->traits.wants_labels, t->on_label != NULL);
    assert_int_equal(t->traits.wants_labels, t->has_label != NULL);
    assert_true(!t->next_question || t->traits.wants_labels);
    const struct reward_model_type *found;
    assert_ok(reward_model_find(t->name, &found, &err));
    assert_ptr_equal(found, t);
}

static void scores_are_finite_and_bounded(const struct reward_model_type *t)
{
    struct reward_model *fresh = create(t), *m = experienced(t);
    float out[STEPS];
    int n = scores(t, fresh, out);
    for (int i = 0; i < n; i++)
        assert_close(out[i], 0, 0, 100);
    n = scores(t, m, out);
    for (int i = 0; i < n; i++)
        assert_close(out[i], 0, 0, t->traits.pays_nothing ? 0 : 100);
    t->free(fresh);
    t->free(m);
}

static void a_repeated_label_changes_nothing(const struct reward_model_type *t)
{
    if (!t->traits.wants_labels)
        return;
    struct reward_model *m = create(t);
    float once[STEPS], twice[STEPS];
    observe(t, m, 3, 1.0f);
    observe(t, m, 4, 0.0f);
    uint64_t version = t->version(m);
    scores(t, m, once);
    observe(t, m, 4, 0.0f);
    observe(t, m, 3, 1.0f);
    assert_int_equal(t->version(m), version);
    scores(t, m, twice);
    assert_memory_equal(once, twice, CAPTIONS * sizeof *once);
    assert_true(t->has_label(m, w.ptr[3], w.len[3]));
    assert_true(t->has_label(m, w.ptr[4], w.len[4]));
    assert_false(t->has_label(m, w.ptr[5], w.len[5]));
    t->free(m);
}

static void the_version_rises_when_scores_change(const struct reward_model_type *t)
{
    struct reward_model *m = create(t);
    float before[STEPS], after[STEPS];
    uint64_t v0 = t->version(m);
    int n = scores(t, m, before);
    if (t->on_label)
        observe(t, m, 3, 1.0f);
    if (t->train)
        t->train(m);
    uint64_t v1 = t->version(m);
    assert_true(v1 >= v0);
    scores(t, m, after);
    if (memcmp(before, after, (size_t)n * sizeof *before) != 0)
        assert_true(v1 > v0);
    t->free(m);
}

static void same_questions(const struct reward_model_type *t, struct reward_model *m,
                           struct reward_model *copy)
{
    char a[QUESTION_MAX], b[QUESTION_MAX];
    size_t n;
    while (t->next_question && (n = t->next_question(m, a)) > 0) {
        struct question q;
        assert_int_equal(t->next_question(copy, b), n);
        assert_memory_equal(a, b, n);
        assert_true(question_split(a, n, &q));
        assert_int_equal(q.kind, t->traits.asks);
    }
}

static void a_loaded_model_continues_bit_for_bit(const struct reward_model_type *t)
{
    struct reward_model *m = experienced(t), *copy = create(t), *used = experienced(t);
    struct buf one, two, three;
    buf_init(&one, 1 << 26);
    buf_init(&two, 1 << 26);
    buf_init(&three, 1 << 26);
    t->save(m, &one);
    assert_ok(t->load(copy, one.data, one.len, &err));
    if (t->on_label)
        observe(t, used, CAPTIONS - 1, 1.0f); /* what a model held before is forgotten */
    assert_ok(t->load(used, one.data, one.len, &err));
    t->save(copy, &two);
    t->save(used, &three);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    assert_int_equal(one.len, three.len);
    assert_memory_equal(one.data, three.data, one.len);
    assert_int_equal(t->version(m), t->version(copy));
    float a[STEPS], b[STEPS];
    for (int round = 0; round < 3; round++) {
        struct reward_batch seen = batch();
        if (t->on_batch) {
            t->on_batch(m, &seen);
            t->on_batch(copy, &seen);
        }
        same_questions(t, m, copy);
        int n = scores(t, m, a);
        scores(t, copy, b);
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
        if (t->on_label) {
            observe(t, m, CAPTIONS - 1 - round, 1.0f);
            observe(t, copy, CAPTIONS - 1 - round, 1.0f);
        }
        if (t->train) {
            t->train(m);
            t->train(copy);
        }
        assert_int_equal(t->version(m), t->version(copy));
    }
    buf_reset(&one);
    buf_reset(&two);
    t->save(m, &one);
    t->save(copy, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.data, two.data, one.len);
    buf_release(&one);
    buf_release(&two);
    buf_release(&three);
    t->free(m);
    t->free(copy);
    t->free(used);
}

/* And says whose it is: a checkpoint may come from anywhere. */
static void is_refused_by_name(const struct reward_model_type *t, struct reward_model *m,
                               const char *state, size_t len)
{
    char name[80];
    struct onic_err why = {0};
    snprintf(name, sizeof name, "reward model %s ", t->name);
    assert_int_equal(t->load(m, state, len, &why), ONIC_EDAMAGED);
    if (!strstr(why.msg, name) ||
        !(strstr(why.msg, " malformed (") || strstr(why.msg, " bytes, must be empty")))
        fail_msg("%s: \"%s\"", t->name, why.msg);
}

static void malformed_state_is_refused_and_changes_nothing(const struct reward_model_type *t)
{
    struct reward_model *m = experienced(t);
    struct buf saved, again;
    buf_init(&saved, 1 << 26);
    buf_init(&again, 1 << 26);
    t->save(m, &saved);
    char *bad = xmalloc(saved.len + 1);
    memcpy(bad, saved.data, saved.len);
    bad[saved.len] = 1;
    is_refused_by_name(t, m, bad, saved.len + 1);
    for (size_t cut = 0; cut < saved.len; cut += 1 + saved.len / 97)
        assert_int_not_equal(t->load(m, saved.data, cut, NULL), ONIC_OK);
    if (saved.len > 20) {
        memset(bad + 12, 0xff, 8); /* a count from nowhere */
        assert_int_not_equal(t->load(m, bad, saved.len, NULL), ONIC_OK);
    }
    t->save(m, &again);
    assert_int_equal(saved.len, again.len);
    assert_memory_equal(saved.data, again.data, saved.len);
    free(bad);
    buf_release(&saved);
    buf_release(&again);
    t->free(m);
}

#define REWARD_MODEL(id)                                                                           \
    extern const struct reward_model_type reward_model_##id;                                       \
    static void id##_meets_the_contract(void **state)                                              \
    {                                                                                              \
        (void)state;                                                                               \
        declares_what_it_offers(&reward_model_##id);                                               \
        scores_are_finite_and_bounded(&reward_model_##id);                                         \
        a_repeated_label_changes_nothing(&reward_model_##id);                                      \
        the_version_rises_when_scores_change(&reward_model_##id);                                  \
        a_loaded_model_continues_bit_for_bit(&reward_model_##id);                                  \
        malformed_state_is_refused_and_changes_nothing(&reward_model_##id);                        \
    }
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL

int main(void)
{
    const struct CMUnitTest tests[] = {
#define REWARD_MODEL(id) cmocka_unit_test(id##_meets_the_contract),
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL
    };
    return cmocka_run_group_tests(tests, draw, clean);
}
