/* SPDX-License-Identifier: MIT */
/* timeout: 120 */
/* test_beside.c - the reward models that are trained, beside the policy's updates and between them:
 * one model whoever takes the steps, and nothing is lost on the way. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

enum { CAPTIONS = 120, OWED = 9, STEPS_MAX = 3 };

/* Captions 1.. of a world: those about killing help, and are better than those about missing. */
static struct {
    char text[CAPTIONS][48];
    const char *ptr[CAPTIONS];
    uint16_t len[CAPTIONS];
    uint32_t caption[CAPTIONS];
} w;

static int start(void **state)
{
    (void)state;
    for (int i = 1; i < CAPTIONS; i++)
        snprintf(w.text[i], sizeof w.text[i],
                 i % 2 ? "You kill the %c%c%c!" : "You miss the %c%c%c.", 'a' + i % 26,
                 'a' + i / 26 % 26, 'a' + i * 7 % 26);
    for (int i = 0; i < CAPTIONS; i++) {
        w.ptr[i] = w.text[i];
        w.len[i] = (uint16_t)strlen(w.text[i]);
        w.caption[i] = (uint32_t)i;
    }
    return 0;
}

static struct reward_batch batch(void)
{
    return (struct reward_batch){.n = CAPTIONS,
                                 .caption = w.caption,
                                 .ncaptions = CAPTIONS,
                                 .caption_text = w.ptr,
                                 .caption_len = w.len};
}

/* Of the models made below: owed by an arrival of labels; updates between two renewals. */
static int owed = OWED, refresh = 1;

static struct reward_model *create(const struct reward_model_type *t, bool beside)
{
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.reward_lr = 1e-3;
    cfg.reward_batch = 16;
    cfg.reward_refresh = refresh;
    cfg.reward_holdout = 0.2;
    cfg.reward_train_share = 1;
    cfg.reward_steps_per_arrival = owed;
    cfg.reward_steps_max = STEPS_MAX;
    assert_ok(t->create(&m, &cfg, NULL, &err));
    if (beside)
        t->beside(m);
    struct reward_batch b = batch();
    if (t->on_batch)
        t->on_batch(m, &b);
    return m;
}

/* Labels of captions first..last, or of pairs of them. */
static void teach(const struct reward_model_type *t, struct reward_model *m, int first, int last)
{
    bool pairs = t->traits.asks == QUESTION_PAIR;
    char question[QUESTION_MAX];
    for (int i = first; i <= last; i++) {
        size_t len = pairs ? question_pair(question, w.ptr[i], w.len[i], w.ptr[i - 1], w.len[i - 1])
                           : w.len[i];
        t->on_label(m, &(struct label){.id = (uint64_t)i,
                                       .state = LABEL_ANSWERED,
                                       .value = pairs ? i % 2 == 0 : i % 2,
                                       .confidence = 1,
                                       .question = pairs ? question : w.ptr[i],
                                       .question_len = len,
                                       .source = "test"});
    }
}

struct numbers {
    double steps, owed, accuracy;
};

static void take(void *ctx, const char *name, double value)
{
    struct numbers *n = ctx;
    if (strcmp(name, "reward_model/train_steps") == 0)
        n->steps = value;
    if (strcmp(name, "reward_model/owed_steps") == 0)
        n->owed = value;
    if (strcmp(name, "reward_model/heldout_accuracy") == 0)
        n->accuracy = value;
}

static struct numbers numbers_of(const struct reward_model_type *t, const struct reward_model *m)
{
    struct numbers n = {0};
    t->report(m, take, &n);
    return n;
}

/* What a checkpoint would hold now; waits for the steps at hand. */
static struct buf saved(const struct reward_model_type *t, const struct reward_model *m)
{
    struct buf b;
    buf_init(&b, 1 << 26);
    t->save(m, &b);
    assert_false(b.overflow);
    return b;
}

/* Updates of the policy, none of which comes before the last one's steps are done, until nothing is
 * owed; and one more, in which what was learned beside is taken. */
static void learn(const struct reward_model_type *t, struct reward_model *m, bool beside)
{
    do {
        struct buf waited;
        t->train(m);
        waited = saved(t, m);
        buf_release(&waited);
    } while (numbers_of(t, m).owed > 0);
    if (beside)
        t->train(m);
}

/* Gradient steps, weights and moments in a saved state, as the models' files describe them. */
static const char *trained_part(const struct reward_model_type *t, const struct buf *b, size_t *len)
{
    uint64_t share = 0, floats;
    if (t->traits.asks == QUESTION_PAIR)
        memcpy(&share, b->data + 4, 8);
    const char *p = b->data + (share ? 12 + share + 16 : 20);
    memcpy(&floats, p + 40, 8);
    *len = 3 * floats * sizeof(float);
    assert_true(*len > 0 && p + 48 + *len <= b->data + b->len);
    return p + 48;
}

static void assert_same_weights(const struct reward_model_type *t, const struct reward_model *a,
                                const struct reward_model *b)
{
    struct buf of_a = saved(t, a), of_b = saved(t, b);
    size_t len_a, len_b;
    const char *p = trained_part(t, &of_a, &len_a), *q = trained_part(t, &of_b, &len_b);
    assert_int_equal(len_a, len_b);
    assert_memory_equal(p - 48, q - 48, sizeof(uint64_t)); /* steps */
    assert_int_equal(memcmp(p, q, len_a), 0);
    buf_release(&of_a);
    buf_release(&of_b);
}

static void assert_same_scores(const struct reward_model_type *t, struct reward_model *a,
                               struct reward_model *b)
{
    float of_a[CAPTIONS], of_b[CAPTIONS];
    struct reward_batch seen = batch();
    t->score(a, &seen, of_a);
    t->score(b, &seen, of_b);
    assert_memory_equal(of_a, of_b, sizeof of_a);
}

static void the_same_batches_make_the_same_model(const struct reward_model_type *t)
{
    struct reward_model *between = create(t, false), *beside = create(t, true);
    for (int round = 0; round < 2; round++) {
        teach(t, between, 1 + 40 * round, 40 + 40 * round);
        teach(t, beside, 1 + 40 * round, 40 + 40 * round);
        learn(t, between, false);
        learn(t, beside, true);
        assert_int_equal((int)numbers_of(t, beside).steps, OWED * (round + 1));
        assert_int_equal((int)numbers_of(t, between).steps, OWED * (round + 1));
        assert_same_weights(t, between, beside);
        assert_same_scores(t, between, beside);
    }
    t->free(between);
    t->free(beside);
}

/* Labels of long captions, which move the pool that all lie in. */
static void overwhelm(const struct reward_model_type *t, struct reward_model *m)
{
    bool pairs = t->traits.asks == QUESTION_PAIR;
    char text[4000], question[QUESTION_MAX];
    for (int i = 0; i < 400; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        int n = snprintf(text, sizeof text, "%d", i);
        text[n] = ' ';
        size_t len = sizeof text;
        if (pairs)
            len = question_pair(question, text, sizeof text, w.ptr[1], w.len[1]);
        t->on_label(m, &(struct label){.id = (uint64_t)(1000 + i),
                                       .state = LABEL_ANSWERED,
                                       .value = 1,
                                       .question = pairs ? question : text,
                                       .question_len = len,
                                       .source = "test"});
    }
}

static void labels_that_come_meanwhile_change_no_step(const struct reward_model_type *t)
{
    struct reward_model *both[2] = {create(t, false), create(t, true)};
    for (int i = 0; i < 2; i++) {
        teach(t, both[i], 1, 40);
        learn(t, both[i], i);
        teach(t, both[i], 41, 44);
        t->train(both[i]); /* beside: three steps are at hand now */
        overwhelm(t, both[i]);
    }
    assert_same_weights(t, both[0], both[1]);
    t->free(both[0]);
    t->free(both[1]);
}

/* A drain, or a checkpoint before a kill: saved in the middle of a piece of work. */
static void what_is_saved_at_any_time_is_whole(const struct reward_model_type *t)
{
    struct reward_model *between = create(t, false), *beside = create(t, true);
    struct reward_model *resumed = create(t, false);
    teach(t, between, 1, 80);
    learn(t, between, false);
    teach(t, beside, 1, 80);
    t->train(beside);
    t->train(beside);
    struct buf b = saved(t, beside);
    t->free(beside); /* killed */
    assert_ok(t->load(resumed, b.data, b.len, &err));
    struct numbers n = numbers_of(t, resumed);
    assert_true(n.steps >= 1);
    assert_int_equal((int)(n.steps + n.owed), OWED);
    learn(t, resumed, false);
    assert_same_weights(t, between, resumed);
    buf_release(&b);
    t->free(between);
    t->free(resumed);
}

struct learner {
    const struct reward_model_type *t;
    struct reward_model *m;
};

/* The next updates of the policy; true when those about killing are paid, and no other. */
static bool pays_for_kills(void *ctx)
{
    struct learner *l = ctx;
    float out[CAPTIONS], of[2] = {0};
    struct reward_batch b = batch();
    uint64_t version = l->t->version(l->m);
    l->t->train(l->m);
    if (l->t->version(l->m) == version)
        return false;
    l->t->score(l->m, &b, out);
    for (int i = 1; i < CAPTIONS; i++)
        of[i % 2] += out[i];
    return of[1] > 0 && of[0] == 0 && numbers_of(l->t, l->m).accuracy > 0.9;
}

static void labels_that_come_are_learned(const struct reward_model_type *t)
{
    owed = 1000;
    refresh = 16;
    struct learner l = {t, create(t, true)};
    owed = OWED;
    refresh = 1;
    teach(t, l.m, 1, 60);
    assert_true(wait_until(pays_for_kills, &l, 100000));
    t->free(l.m);
}

#define REWARD_MODEL(id)                                                                           \
    extern const struct reward_model_type reward_model_##id;                                       \
    static void id##_beside(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        const struct reward_model_type *t = &reward_model_##id;                                    \
        assert_int_equal(t->train != NULL, t->beside != NULL);                                     \
        if (!t->beside)                                                                            \
            return;                                                                                \
        the_same_batches_make_the_same_model(t);                                                   \
        labels_that_come_meanwhile_change_no_step(t);                                              \
        what_is_saved_at_any_time_is_whole(t);                                                     \
        labels_that_come_are_learned(t);                                                           \
    }
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL

int main(void)
{
    const struct CMUnitTest tests[] = {
#define REWARD_MODEL(id) cmocka_unit_test(id##_beside),
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
