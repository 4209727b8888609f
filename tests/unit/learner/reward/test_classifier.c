/* timeout: 180 */
/* SPDX-License-Identifier: MIT */
/* test_classifier.c - the network's gradient, what it learns, and what it is kept from learning. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/classifier/classifier_net.h"
#include "learner/reward/heldout.h"
#include "learner/reward/label_pass.h"
#include "learner/reward/reward_model.h"
#include "tests/onic_test.h"

extern const struct reward_model_type reward_model_classifier;
static const struct reward_model_type *const t = &reward_model_classifier;

static void the_network_has_the_parameters_of_the_specification(void **state)
{
    (void)state;
    struct message_head *c = classifier_net_create();
    assert_int_equal(params_count(message_head_params(c)), 471554);
    message_head_free(c);
}

/* Along the gradient the loss must rise by its length; per tensor, so that no tensor hides. */
static void the_gradient_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    const char *text[] = {"You kill the newt!", "The door is locked.", "", "You hear a bell."};
    const uint16_t len[] = {18, 19, 0, 16};
    const int32_t target[] = {1, 0, 0, 1};
    struct message_head *c = classifier_net_create();
    const struct params *p = message_head_params(c);
    float *w = xaligned(p->floats * sizeof *w), *g = xaligned(p->floats * sizeof *g);
    float *moved = xaligned(p->floats * sizeof *w), *unused = xaligned(p->floats * sizeof *g);
    message_head_init(c, w, 7);
    classifier_net_loss(c, w, text, len, target, 4, NULL, 1, 2, g);
    for (int i = 0; i < p->count; i++) {
        const struct param *q = &p->param[i];
        double norm = 0, loss[2];
        size_t n = (size_t)q->rows * (size_t)q->cols;
        for (size_t k = 0; k < n; k++)
            norm += (double)g[q->offset + k] * (double)g[q->offset + k];
        norm = sqrt(norm);
        assert_true(norm > 1e-6);
        const double h = 1e-3 / norm < 0.004 ? 1e-3 / norm : 0.004;
        for (int side = 0; side < 2; side++) {
            memcpy(moved, w, p->floats * sizeof *w);
            for (size_t k = 0; k < n; k++)
                moved[q->offset + k] += (float)((side ? h : -h) * (double)g[q->offset + k] / norm);
            loss[side] = classifier_net_loss(c, moved, text, len, target, 4, NULL, 1, 2, unused);
        }
        if (norm * h > 1e-5) /* else lost in the rounding of the loss */
            assert_close((loss[1] - loss[0]) / (2 * h), norm, 0.03, 1e-4);
    }
    free(w), free(g), free(moved), free(unused);
    message_head_free(c);
}

static void a_score_does_not_depend_on_the_company(void **state)
{
    (void)state;
    enum { N = 19 }; /* more than are scored together, and a rest */
    char text[N][64];
    const char *caption[N];
    uint16_t len[N];
    float together[N], alone;
    struct message_head *c = classifier_net_create();
    float *w = xaligned(message_head_params(c)->floats * sizeof *w);
    message_head_init(c, w, 3);
    for (int i = 0; i < N; i++) {
        len[i] = (uint16_t)snprintf(text[i], sizeof text[i], "%.*s hit the newt %d times.", i,
                                    "You and your little dog", i * i);
        caption[i] = text[i];
    }
    classifier_net_score(c, w, caption, len, N, together);
    for (int i = N - 1; i >= 0; i--) {
        classifier_net_score(c, w, &caption[i], &len[i], 1, &alone);
        assert_memory_equal(&alone, &together[i], sizeof alone);
    }
    assert_true(together[0] != together[N - 1]);
    free(w);
    message_head_free(c);
}

static void dropout_depends_on_seed_and_step_alone(void **state)
{
    (void)state;
    const char *text[] = {"You kill the newt!"};
    const uint16_t len[] = {18};
    const int32_t target[] = {1};
    struct message_head *c = classifier_net_create();
    size_t floats = message_head_params(c)->floats;
    float *w = xaligned(floats * sizeof *w), *g = xaligned(floats * sizeof *g);
    message_head_init(c, w, 7);
    double a = classifier_net_loss(c, w, text, len, target, 1, NULL, 1, 2, g);
    double other_step = classifier_net_loss(c, w, text, len, target, 1, NULL, 1, 3, g);
    double other_seed = classifier_net_loss(c, w, text, len, target, 1, NULL, 2, 2, g);
    double again = classifier_net_loss(c, w, text, len, target, 1, NULL, 1, 2, g);
    assert_close(again, a, 0, 0);
    assert_true(other_step != a && other_seed != a);
    free(w), free(g);
    message_head_free(c);
}

static void a_step_that_is_warm_allocates_nothing(void **state)
{
    (void)state;
    const char *text[] = {"You kill the newt!", "The door is locked."};
    const uint16_t len[] = {18, 19};
    const int32_t target[] = {1, 0};
    struct message_head *c = classifier_net_create();
    size_t floats = message_head_params(c)->floats;
    float *w = xaligned(floats * sizeof *w), *g = xaligned(floats * sizeof *g);
    message_head_init(c, w, 7);
    classifier_net_loss(c, w, text, len, target, 2, NULL, 1, 2, g);
    uint64_t before = xmalloc_calls();
    classifier_net_loss(c, w, text, len, target, 2, NULL, 1, 3, g);
    assert_int_equal(xmalloc_calls(), before);
    free(w), free(g);
    message_head_free(c);
}

/* --- the model ------------------------------------------------------------------------------- */

enum { WORDS = 120 };

static bool balanced = true; /* of the models made below */
static int steps = 80;

static struct reward_model *create(double holdout)
{
    struct config cfg;
    struct reward_model *m = NULL;
    config_defaults(&cfg);
    cfg.run_deterministic = true;
    cfg.reward_lr = 1e-3;
    cfg.reward_refresh = 1;
    cfg.reward_steps_per_arrival = cfg.reward_steps_max = steps;
    cfg.reward_holdout = holdout;
    cfg.reward_balanced = balanced;
    assert_ok(t->create(&m, &cfg, NULL, &err));
    return m;
}

/* Helpful when something is killed; the rest of the words says nothing. */
static int caption(char out[48], int i)
{
    return snprintf(out, 48, i % 2 ? "You kill the %c%c%c!" : "You miss the %c%c%c.", 'a' + i % 26,
                    'a' + i / 26 % 26, 'a' + i * 7 % 26);
}

static void teach(struct reward_model *m)
{
    char text[48];
    for (int i = 0; i < WORDS; i++)
        t->on_label(m, &(struct label){.id = (uint64_t)i + 1,
                                       .state = LABEL_ANSWERED,
                                       .value = i % 2,
                                       .confidence = 1,
                                       .question = text,
                                       .question_len = (uint16_t)caption(text, i),
                                       .source = "test"});
    t->train(m);
}

static float score(struct reward_model *m, const char *text)
{
    const char *texts[2] = {"", text};
    const uint16_t len[2] = {0, (uint16_t)strlen(text)};
    float out[2];
    t->score(m, &(struct reward_batch){.ncaptions = 2, .caption_text = texts, .caption_len = len},
             out);
    assert_close(out[0], 0, 0, 0);
    return out[1];
}

struct numbers {
    double accuracy, auc, heldout, steps, dataset;
};

static void take(void *ctx, const char *name, double value)
{
    struct numbers *n = ctx;
    if (strcmp(name, "reward_model/heldout_accuracy") == 0)
        n->accuracy = value;
    if (strcmp(name, "reward_model/heldout_auc") == 0)
        n->auc = value;
    if (strcmp(name, "reward_model/heldout") == 0)
        n->heldout = value;
    if (strcmp(name, "reward_model/train_steps") == 0)
        n->steps = value;
    if (strcmp(name, "reward_model/dataset") == 0)
        n->dataset = value;
}

static void it_learns_what_helps_and_predicts_labels_it_never_saw(void **state)
{
    (void)state;
    struct reward_model *m = create(0.2);
    assert_close(score(m, "You kill the owl!"), 0, 0, 0); /* untrained: nothing to say */
    teach(m);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_int_equal((int)n.steps, 80);
    assert_int_equal((int)n.dataset, WORDS);
    assert_in_range((int)n.heldout, 12, 40);
    assert_true(n.accuracy > 0.9);
    assert_true(n.auc > 0.95);
    assert_close(score(m, "You kill the owl!"), 1, 0, 0); /* never labelled */
    assert_close(score(m, "You miss the owl."), 0, 0, 0);
    assert_false(t->has_label(m, "You kill the owl!", 17));
    char held[48];
    for (int i = 1; i < WORDS; i += 2)
        if (heldout_caption(held, (size_t)caption(held, i), 0.2)) {
            assert_true(t->has_label(m, held, strlen(held))); /* not asked again */
            assert_close(score(m, held), 1, 0, 0);            /* and scored as all others */
            break;
        }
    t->free(m);
}

/* One message in twenty helps, as on NetHack: after as many steps the network that draws both sides
 * alike pays it, and one that draws labels as they come says no to all. */
static void a_rare_side_is_learned(void **state)
{
    (void)state;
    enum { MANY = 1000, RARE = 20 };
    int paid[2] = {0}, wrong = 0;
    for (int k = 0; k < 2; k++) {
        balanced = k;
        steps = 35;
        struct reward_model *m = create(0);
        balanced = true;
        steps = 80;
        for (int i = 0; i < MANY; i++) {
            char text[48];
            int n = caption(text, i % RARE ? 2 * i : 2 * i + 1);
            t->on_label(m, &(struct label){.id = (uint64_t)i + 1,
                                           .state = LABEL_ANSWERED,
                                           .value = i % RARE == 0,
                                           .confidence = 1,
                                           .question = text,
                                           .question_len = (uint16_t)n,
                                           .source = "test"});
        }
        t->train(m);
        for (int i = 0; i < 26; i++) {
            char text[48];
            snprintf(text, sizeof text, "You kill the z%cz!", 'a' + i);
            paid[k] += score(m, text) > 0;
            snprintf(text, sizeof text, "You miss the z%cz.", 'a' + i);
            wrong += score(m, text) > 0;
        }
        t->free(m);
    }
    assert_true(paid[1] >= 24 && paid[0] <= 2 && wrong == 0);
}

/* n labels, the first share of them "helpful", of messages that have the verb in common alone. */
static void label_verb(struct reward_model *m, struct rng *r, const char *verb, int n, double share)
{
    for (int i = 0; i < n; i++) {
        char text[48], rest[4];
        for (int k = 0; k < 4; k++)
            rest[k] = (char)('a' + rng_below(r, 26));
        int len = snprintf(text, sizeof text, "You %s the %.4s!", verb, rest);
        t->on_label(m, &(struct label){.id = 1 + (uint64_t)i,
                                       .state = LABEL_ANSWERED,
                                       .value = i < share * n,
                                       .confidence = 1,
                                       .question = text,
                                       .question_len = (uint16_t)len,
                                       .source = "test"});
    }
}

static int paid_of_verb(struct reward_model *m, const char *verb)
{
    int paid = 0;
    for (int i = 0; i < 26; i++) {
        char text[48];
        snprintf(text, sizeof text, "You %s the %cq%cu!", verb, 'a' + i, 'z' - i);
        paid += score(m, text) > 0;
    }
    return paid;
}

/* One message in twenty helps, and of those with a certain word 30 in a hundred: p = 0.3. Drawn
 * alike from both sides its odds are 0.5 to 0.061, which would be 0.89. */
static void what_is_drawn_alike_is_weighed_by_how_frequent_it_is(void **state)
{
    (void)state;
    struct rng r = rng_stream(1, "test", 0, 0, 0);
    steps = 100;
    struct reward_model *m = create(0);
    steps = 80;
    label_verb(m, &r, "kill", 600, 1);
    label_verb(m, &r, "pet", 2000, 0.3);
    label_verb(m, &r, "miss", 21400, 0);
    t->train(m);
    assert_in_range(paid_of_verb(m, "kill"), 24, 26);
    assert_in_range(paid_of_verb(m, "pet"), 0, 3);
    assert_int_equal(paid_of_verb(m, "miss"), 0);
    t->free(m);
}

static void a_label_that_changes_sides_is_counted_there(void **state)
{
    (void)state;
    struct reward_model *m = create(0), *copy = create(0);
    struct buf a, b;
    teach(m);
    for (int i = 0; i < WORDS; i += 3) {
        char text[48];
        int n = caption(text, i);
        t->on_label(m, &(struct label){.id = 1,
                                       .state = LABEL_ANSWERED,
                                       .value = !(i % 2),
                                       .question = text,
                                       .question_len = (uint16_t)n,
                                       .source = "test"});
    }
    buf_init(&a, 1 << 26);
    buf_init(&b, 1 << 26);
    t->save(m, &a);
    assert_ok(t->load(copy, a.data, a.len, &err)); /* sorts them from their order of arrival */
    t->train(m);
    t->train(copy);
    buf_reset(&a);
    t->save(m, &a);
    t->save(copy, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    buf_release(&a);
    buf_release(&b);
    t->free(m);
    t->free(copy);
}

static void count_line(void *ctx, const char *line, size_t len)
{
    (void)len;
    *(int *)ctx += strstr(line, " warn ") && strstr(line, "as many labels as it can");
}

static void a_model_without_room_for_labels_says_so_once(void **state)
{
    (void)state;
    enum { ROOM = 1 << 20 };
    struct reward_model *m = create(0);
    int warnings = 0;
    log_set_writer(count_line, &warnings);
    for (int i = 0; i < ROOM + 3; i++) {
        char text[16];
        t->on_label(m, &(struct label){.id = (uint64_t)i + 1,
                                       .state = LABEL_ANSWERED,
                                       .value = i % 2,
                                       .question = text,
                                       .question_len = (size_t)snprintf(text, sizeof text, "%d", i),
                                       .source = "test"});
        assert_int_equal(warnings, i >= ROOM);
        assert_int_equal(t->has_label(m, text, strlen(text)), i < ROOM);
    }
    log_set_writer(NULL, NULL);
    t->free(m);
}

/* What no caption or no answer is, is none here either. */
static void labels_that_cannot_be_are_ignored(void **state)
{
    static const struct {
        size_t len;
        double value, confidence;
        bool fine;
    } given[] = {{256, 1, 1, true},  {257, 1, 1, false}, {0, 1, 1, false},
                 {5, 0.5, 1, false}, {6, 1, 1.5, false}, {7, 0, 0, true}};
    char text[300];
    struct reward_model *m = create(0);
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        t->on_label(m, &(struct label){.id = i + 1,
                                       .state = LABEL_ANSWERED,
                                       .value = given[i].value,
                                       .confidence = given[i].confidence,
                                       .question = text,
                                       .question_len = given[i].len});
        assert_int_equal(t->has_label(m, text, given[i].len), given[i].fine);
    }
    text[2] = '\0';
    t->on_label(
        m, &(struct label){.id = 9, .state = LABEL_ANSWERED, .question = text, .question_len = 9});
    assert_false(t->has_label(m, text, 9));
    t->free(m);
}

/* n bytes at `at` of a state that was saved are others: it is refused, and taken as it was. */
static void is_refused_with(struct buf *saved, size_t at, const void *bytes, size_t n)
{
    char before[16];
    struct reward_model *to = create(0);
    assert_true(n <= sizeof before && at + n <= saved->len);
    memcpy(before, saved->data + at, n);
    memcpy(saved->data + at, bytes, n);
    assert_err(t->load(to, saved->data, saved->len, &err), ONIC_EDAMAGED,
               "the state of reward model classifier is malformed (");
    assert_false(t->has_label(to, "You kill the aaa!", 17));
    memcpy(saved->data + at, before, n);
    assert_ok(t->load(to, saved->data, saved->len, &err));
    t->free(to);
}

/* A class that is neither would be counted and written beyond those that are. */
static void a_state_with_labels_that_cannot_be_is_refused(void **state)
{
    struct reward_model *m = create(0);
    struct buf saved;
    char text[48];
    size_t labels = 0;
    (void)state;
    teach(m);
    buf_init(&saved, 1 << 26);
    t->save(m, &saved);
    for (int i = 0; i < WORDS; i++)
        labels += 3 + (size_t)caption(text, i);
    size_t first = saved.len - labels, last = saved.len - 3 - (size_t)caption(text, WORDS - 1);
    const size_t entry[] = {first, last};
    for (size_t i = 0; i < 2; i++) {
        is_refused_with(&saved, entry[i], "\2", 1);
        is_refused_with(&saved, entry[i], "\377", 1);
        is_refused_with(&saved, entry[i] + 1, "\377\377", 2); /* longer than what is there */
        is_refused_with(&saved, entry[i] + 3, "\0", 1);       /* no caption */
    }
    const double odds[] = {0, -1, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++)
        is_refused_with(&saved, first - 8 - 3 * sizeof(struct label_pass), &odds[i], 8);
    const struct label_pass beyond = {.at = 1, .count = UINT64_MAX};
    size_t pass = first - sizeof beyond; /* the last; it has not begun */
    is_refused_with(&saved, pass + offsetof(struct label_pass, at), &beyond.at, 8);
    is_refused_with(&saved, pass + offsetof(struct label_pass, count), &beyond.count, 8);
    buf_release(&saved);
    t->free(m);
}

static void held_out_labels_are_never_trained_on(void **state)
{
    (void)state;
    struct reward_model *m = create(1.0);
    teach(m);
    struct numbers n = {0};
    t->report(m, take, &n);
    assert_int_equal((int)n.steps, 0);
    assert_int_equal((int)n.heldout, WORDS);
    t->free(m);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_has_the_parameters_of_the_specification),
        cmocka_unit_test(the_gradient_is_the_slope_of_the_loss),
        cmocka_unit_test(a_score_does_not_depend_on_the_company),
        cmocka_unit_test(dropout_depends_on_seed_and_step_alone),
        cmocka_unit_test(a_step_that_is_warm_allocates_nothing),
        cmocka_unit_test(it_learns_what_helps_and_predicts_labels_it_never_saw),
        cmocka_unit_test(a_rare_side_is_learned),
        cmocka_unit_test(what_is_drawn_alike_is_weighed_by_how_frequent_it_is),
        cmocka_unit_test(a_label_that_changes_sides_is_counted_there),
        cmocka_unit_test(a_model_without_room_for_labels_says_so_once),
        cmocka_unit_test(labels_that_cannot_be_are_ignored),
        cmocka_unit_test(a_state_with_labels_that_cannot_be_is_refused),
        cmocka_unit_test(held_out_labels_are_never_trained_on),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
