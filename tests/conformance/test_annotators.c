/* SPDX-License-Identifier: MIT */
/* Every line of annotators.def against the contract of annotator.h. */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"

#include <stdlib.h>

#include <uv.h>

#include "reward_server/annotators/annotator.h"

enum { MANY = 200 };

struct run {
    struct annotator *a;
    int answered;
    struct {
        int times;
        enum label_state state;
        double label, confidence;
        bool has_raw;
    } got[MANY];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct run *r = ctx;
    assert_true(ticket < MANY);
    r->answered++;
    r->got[ticket].times++;
    r->got[ticket].state = label->state;
    r->got[ticket].label = label->value;
    r->got[ticket].confidence = label->confidence;
    r->got[ticket].has_raw = label->raw && *label->raw;
}

static void wake(void *ctx)
{
    (void)ctx;
}

struct subject {
    const struct annotator_vtable *v;
    struct config config;
    struct goal *goal;
};

static bool wrapped;         /* inside noise, votes and canaries */
static const char *fallback; /* and with these behind it */
static uv_loop_t loop;

/* NULL after skip() when this annotator cannot work here. */
static struct subject *prepare(const char *id, const char *goal)
{
    char dir[1024], cache[1024];
    struct onic_err err = {0};
    struct subject *s = calloc(1, sizeof *s);
    s->v = annotator_find(id);
    assert_non_null(s->v);
    config_defaults(&s->config);
    snprintf(cache, sizeof cache, "%s/build/cache", getenv("ONIC_SOURCE"));
    setenv("ONIC_CACHE", cache, 0);
    snprintf(s->config.command_run, sizeof s->config.command_run,
             "python3 %.200s/tests/support/scripted_annotator/scripted_annotator.py right -",
             getenv("ONIC_SOURCE"));
    if (!wrapped) {
        s->config.annotator_canary_rate = 0;
    } else {
        s->config.annotator_noise = 0.3;
        s->config.annotator_vote = 3;
    }
    if (fallback)
        snprintf(s->config.annotator_fallback, sizeof s->config.annotator_fallback, "%s", fallback);
    if (s->v->available(&s->config, &err) != ONIC_OK) {
        print_message("skipped: %s\n", err.msg);
        free(s);
        return NULL;
    }
    snprintf(dir, sizeof dir, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    if (goal_load(&s->goal, dir, "minigrid", goal, &err) != ONIC_OK)
        fail_msg("%s", err.msg);
    return s;
}

static void dispose(struct subject *s)
{
    goal_free(s->goal);
    free(s);
}

static struct annotator *create(const struct subject *s)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {
        .config = &s->config, .goal = s->goal, .loop = &loop, .wake = wake};
    assert_ok(order_opened(&a, s->v->id, &setup, &err));
    assert_true(wrapped || a->v == s->v);
    return a;
}

static bool all_done(void *ctx)
{
    struct run *r = ctx;
    uv_run(&loop, UV_RUN_NOWAIT);
    r->a->v->poll(r->a, note, r);
    return r->answered >= MANY;
}

static bool some_done(void *ctx)
{
    struct run *r = ctx;
    uv_run(&loop, UV_RUN_NOWAIT);
    return r->a->v->poll(r->a, note, r) > 0;
}

static void make(char out[300], int i)
{
    if (i == 0)
        memset(out, 'x', 256), out[256] = '\0';
    else if (i == 1)
        snprintf(out, 300, "\xe9\xff\x01\x1b[2J %%s %%n");
    else
        snprintf(out, 300, "You see a %s %s.", i % 3 ? "red" : "grey", i % 2 ? "key" : "wall");
}

/* Submits MANY captions within the window and waits for all. */
static void answer_all(struct annotator *a, struct run *r)
{
    *r = (struct run){.a = a};
    int window = a->v->window(a), sent = 0;
    assert_true(window >= 1);
    while (sent < MANY) {
        while (sent < MANY && sent - r->answered < window) {
            char caption[300];
            make(caption, sent);
            a->v->submit(a, (uint64_t)sent, caption, strlen(caption), 0);
            sent++;
        }
        all_done(r);
        if (sent - r->answered == window)
            assert_true(wait_until(some_done, r, 60000));
    }
    assert_true(wait_until(all_done, r, 60000));
}

static void every_ticket_is_answered_once_with_a_valid_answer(const char *id)
{
    static struct run r;
    struct subject *s = prepare(id, "KeyCorridor");
    if (!s)
        skip();
    struct annotator *a = create(s);
    answer_all(a, &r);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r.got[i].times, 1);
        assert_true(r.got[i].state == LABEL_ANSWERED || r.got[i].state == LABEL_ABSTAINED);
        assert_true(r.got[i].label == 0 || r.got[i].label == 1);
        assert_true(r.got[i].confidence >= 0 && r.got[i].confidence <= 1);
        assert_true(r.got[i].has_raw);
    }
    a->v->free(a);
    dispose(s);
}

static void answers_depend_on_the_caption_alone(const char *id)
{
    static struct run r, again;
    struct subject *s = prepare(id, "KeyCorridor");
    if (!s)
        skip();
    struct annotator *a = create(s), *b = create(s);
    answer_all(a, &r);
    answer_all(b, &again);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r.got[i].state, again.got[i].state);
        assert_close(r.got[i].label, again.got[i].label, 0, 0);
        assert_close(r.got[i].confidence, again.got[i].confidence, 0, 0);
    }
    answer_all(a, &again);
    for (int i = 0; i < MANY; i++)
        assert_close(r.got[i].label, again.got[i].label, 0, 0);
    a->v->free(a);
    b->v->free(b);
    dispose(s);
}

static void goal_none_labels_everything_0(const char *id)
{
    static struct run r;
    struct subject *s = prepare(id, "none");
    if (!s)
        skip();
    struct annotator *a = create(s);
    answer_all(a, &r);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r.got[i].state, LABEL_ANSWERED);
        assert_close(r.got[i].label, 0, 0, 0);
    }
    a->v->free(a);
    dispose(s);
}

static void identity_is_stated_and_stable(const char *id)
{
    const char *model = NULL, *parameters = NULL, *model2 = NULL, *parameters2 = NULL;
    struct subject *s = prepare(id, "KeyCorridor");
    if (!s)
        skip();
    struct annotator *a = create(s), *b = create(s);
    a->v->identity(a, &model, &parameters);
    b->v->identity(b, &model2, &parameters2);
    assert_true(*model && strlen(model) < 64);
    assert_non_null(parameters);
    assert_string_equal(model, model2);
    assert_string_equal(parameters, parameters2);
    assert_true(*s->v->summary);
    a->v->free(a);
    b->v->free(b);
    dispose(s);
}

static double ask_kind(struct annotator *a, enum question_kind kind, const char *x, const char *y)
{
    static struct run r;
    char text[QUESTION_MAX];
    size_t n = kind == QUESTION_PAIR ? question_pair(text, x, strlen(x), y, strlen(y))
                                     : question_about(text, kind, x, strlen(x));
    r = (struct run){.a = a};
    a->v->submit(a, 0, text, n, 0);
    assert_true(wait_until(some_done, &r, 60000));
    assert_int_equal(r.got[0].times, 1);
    assert_int_equal(r.got[0].state, LABEL_ANSWERED);
    assert_true(question_label_fits(kind, r.got[0].label));
    assert_true(r.got[0].confidence >= 0 && r.got[0].confidence <= 1);
    return r.got[0].label;
}

static void every_kind_it_declares_is_answered(const char *id)
{
    static const char GOOD[] = "You pick up the yellow key.", BAD[] = "You bump into a wall.";
    struct subject *s = prepare(id, "KeyCorridor");
    if (!s)
        skip();
    struct annotator *a = create(s);
    assert_true(s->v->kinds != 0 && s->v->kinds < 1u << QUESTION_KINDS);
    for (int kind = 0; kind < QUESTION_KINDS; kind++) {
        if (!(s->v->kinds & 1u << kind))
            continue;
        double there = ask_kind(a, (enum question_kind)kind, GOOD, BAD);
        double back = ask_kind(a, (enum question_kind)kind, BAD, GOOD);
        if (kind == QUESTION_PAIR)
            assert_close(there + back, 1, 0, 0); /* whichever is named first */
        else if (strcmp(id, "random") != 0)
            assert_true(there >= back);
    }
    a->v->free(a);
    dispose(s);
}

static void count_taken(void *ctx, uint64_t ticket)
{
    struct run *r = ctx;
    r->got[ticket].times++;
    r->answered++;
}

static void cancel_takes_back_what_was_not_answered(const char *id)
{
    static struct run r;
    struct subject *s = prepare(id, "KeyCorridor");
    if (!s)
        skip();
    struct annotator *a = create(s);
    int n = a->v->window(a) < 20 ? a->v->window(a) : 20;
    r = (struct run){.a = a};
    for (int i = 0; i < n; i++) {
        char caption[64];
        snprintf(caption, sizeof caption, "Strange thing number %d appears here.", i);
        a->v->submit(a, (uint64_t)i, caption, strlen(caption), 0);
    }
    int taken = a->v->cancel(a, count_taken, &r);
    assert_int_equal(taken, r.answered);
    for (int spin = 0; r.answered < n && spin < 1000; spin++) /* at most the one that was begun */
        wait_until(all_done, &r, 10);
    for (int i = 0; i < n; i++)
        assert_int_equal(r.got[i].times, 1);
    a->v->free(a);
    a = create(s);
    a->v->submit(a, 0, "x", 1, 0);
    a->v->free(a); /* with work in the making */
    dispose(s);
}

static void wrappers_keep_the_contract(void **state)
{
    (void)state;
    wrapped = true;
    every_ticket_is_answered_once_with_a_valid_answer("rules");
    answers_depend_on_the_caption_alone("rules");
    identity_is_stated_and_stable("rules");
    cancel_takes_back_what_was_not_answered("rules");
    wrapped = false;
}

static void a_declared_order_keeps_the_contract(void **state)
{
    (void)state;
    wrapped = true;
    fallback = "random,rules";
    every_ticket_is_answered_once_with_a_valid_answer("command");
    identity_is_stated_and_stable("command");
    cancel_takes_back_what_was_not_answered("command");
    wrapped = false;
    fallback = NULL;
}

#define ANNOTATOR(id)                                                                              \
    static void id##_answers(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        every_ticket_is_answered_once_with_a_valid_answer(#id);                                    \
    }                                                                                              \
    static void id##_repeats(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        answers_depend_on_the_caption_alone(#id);                                                  \
    }                                                                                              \
    static void id##_none(void **state)                                                            \
    {                                                                                              \
        (void)state;                                                                               \
        goal_none_labels_everything_0(#id);                                                        \
    }                                                                                              \
    static void id##_kinds(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        every_kind_it_declares_is_answered(#id);                                                   \
    }                                                                                              \
    static void id##_identity(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        identity_is_stated_and_stable(#id);                                                        \
    }                                                                                              \
    static void id##_cancel(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        cancel_takes_back_what_was_not_answered(#id);                                              \
    }
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ANNOTATOR(id)                                                                              \
    cmocka_unit_test(id##_answers), cmocka_unit_test(id##_repeats), cmocka_unit_test(id##_none),   \
        cmocka_unit_test(id##_identity), cmocka_unit_test(id##_kinds),                             \
        cmocka_unit_test(id##_cancel),
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR
        cmocka_unit_test(wrappers_keep_the_contract),
        cmocka_unit_test(a_declared_order_keeps_the_contract),
    };
    uv_loop_init(&loop);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return failed || uv_loop_close(&loop) != 0; /* every handle is closed */
}
