/* SPDX-License-Identifier: MIT */
/* A preference model whose labels were withdrawn asks for the pairs it had before it draws any:
 * what other sources answered is still in the label store. */
#include "common/nn/blas.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

#include <stdlib.h>

extern const struct reward_model_type reward_model_ranking;
static const struct reward_model_type *const t = &reward_model_ranking;

enum { PAIRS = 250, PER_UPDATE = 100 };

static struct reward_model *create(void)
{
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.run_deterministic = true;
    cfg.reward_pairs = PER_UPDATE;
    assert_ok(blas_start(&err));
    assert_ok(t->create(&m, &cfg, NULL, &err));
    return m;
}

static size_t pair(int i, char out[QUESTION_MAX])
{
    char a[40], b[40];
    int la = snprintf(a, sizeof a, "message %d", i), lb = snprintf(b, sizeof b, "other %d", i % 7);
    return question_pair(out, a, (size_t)la, b, (size_t)lb);
}

static void label(struct reward_model *m, int first, int last)
{
    for (int i = first; i < last; i++) {
        char question[QUESTION_MAX];
        size_t len = pair(i, question);
        t->on_label(m, &(struct label){.state = LABEL_ANSWERED,
                                       .value = i % 2,
                                       .question = question,
                                       .question_len = len});
    }
}

/* What it asks in one update: pairs `from` and on; returns how many. */
static int ask(struct reward_model *m, int from)
{
    static const char *const nothing[] = {""};
    static const uint16_t none[] = {0};
    struct reward_batch b = {.ncaptions = 1, .caption_text = nothing, .caption_len = none};
    char question[QUESTION_MAX], want[QUESTION_MAX];
    size_t len;
    int n = 0;
    t->on_batch(m, &b);
    for (; (len = t->next_question(m, question)) > 0; n++) {
        assert_int_equal(len, pair(from + n, want));
        assert_memory_equal(question, want, len);
    }
    return n;
}

static void number(void *ctx, const char *name, double value)
{
    if (strcmp(name, "reward_model/dataset") == 0)
        *(double *)ctx = value;
}

static double labels_of(struct reward_model *m)
{
    double n = -1;
    t->report(m, number, &n);
    return n;
}

/* A model whose labels are gone, of one that had PAIRS. */
static struct reward_model *relearning(void)
{
    struct reward_model *before = create(), *m = create();
    struct buf state;
    buf_init(&state, 1 << 28);
    label(before, 0, PAIRS);
    t->save(before, &state);
    assert_memory_equal(state.data, "RNK2", 4); /* as older ones read it */
    assert_ok(t->relearn(m, state.data, state.len, &err));
    buf_release(&state);
    t->free(before);
    return m;
}

static void what_was_asked_is_asked_again_first(void **state)
{
    (void)state;
    struct reward_model *m = relearning();
    assert_close(labels_of(m), 0, 0, 0);
    assert_int_equal(t->version(m), 0);
    assert_int_equal(ask(m, 0), PER_UPDATE); /* no more at once than it would draw */
    assert_int_equal(ask(m, PER_UPDATE), PER_UPDATE);
    assert_int_equal(ask(m, 2 * PER_UPDATE), PAIRS - 2 * PER_UPDATE);
    assert_int_equal(ask(m, 0), 0);
    t->free(m);
}

static void what_is_left_of_it_outlives_the_learner(void **state)
{
    (void)state;
    struct reward_model *m = relearning(), *next = create(), *last = create();
    struct buf saved, end;
    buf_init(&saved, 1 << 28);
    buf_init(&end, 1 << 28);
    ask(m, 0);
    label(m, 0, PER_UPDATE);
    t->save(m, &saved);
    assert_ok(t->load(next, saved.data, saved.len, &err));
    assert_close(labels_of(next), PER_UPDATE, 0, 0);
    /* labels are withdrawn once more: those it has, and those it still waits for */
    assert_ok(t->relearn(last, saved.data, saved.len, &err));
    for (int i = 0; i < PAIRS / PER_UPDATE; i++)
        assert_int_equal(ask(last, i * PER_UPDATE), PER_UPDATE);
    assert_int_equal(ask(next, PER_UPDATE), PER_UPDATE);
    ask(next, 2 * PER_UPDATE);
    t->save(next, &end);
    assert_memory_equal(end.data, "RNK2", 4); /* nothing is left */
    buf_release(&saved);
    buf_release(&end);
    t->free(m);
    t->free(next);
    t->free(last);
}

static void a_damaged_rest_is_refused(void **state)
{
    (void)state;
    struct reward_model *m = relearning(), *to = create();
    struct buf saved;
    buf_init(&saved, 1 << 28);
    t->save(m, &saved);
    assert_memory_equal(saved.data, "RNK3", 4);
    static const uint64_t bad[] = {0, 1, 1 << 20, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memcpy(saved.data + saved.len - 8, &bad[i], 8);
        assert_err(t->load(to, saved.data, saved.len, &err), ONIC_EDAMAGED, "malformed");
        assert_err(t->relearn(to, saved.data, saved.len, &err), ONIC_EDAMAGED, "malformed");
    }
    for (size_t len = 0; len < 16; len++)
        assert_err(t->load(to, saved.data, len, &err), ONIC_EDAMAGED, "malformed");
    buf_release(&saved);
    t->free(m);
    t->free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_is_asked_again_first),
        cmocka_unit_test(what_is_left_of_it_outlives_the_learner),
        cmocka_unit_test(a_damaged_rest_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
