/* SPDX-License-Identifier: MIT */
/* test_label_client.c - captions out, labels in, against the real server side of the link. Over
 * lives and servers: test_label_client_lives.c. */
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "tests/support/asking.h"

static bool stray_is_known(void *ctx)
{
    struct asking *f = ctx;
    float score;
    serve(f);
    return known(f, "a wall", &score);
}

static void labels_reach_the_model_and_each_caption_is_asked_once(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    asking_open(&f, "id-1");
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.nasked, 2); /* never the empty caption, never twice */
    assert_true(known(&f, "a key", &score));
    assert_close(score, 1, 0, 0);
    assert_true(known(&f, "a door", &score));
    assert_close(score, 0, 0, 0);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_false(label_client_pending(f.annotate));
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
    label_client_report(f.annotate, m);
    assert_close(metrics_get(m, "annot/labels_total"), 2, 0, 0);
    assert_close(metrics_get(m, "annot/label_positive"), 0.5, 0, 0);
    assert_close(metrics_get(m, "annot/label_mean"), 0.5, 0, 0);
    assert_close(metrics_get(m, "annot/label_tie"), 0, 0, 0);
    /* They were asked for at second 1 of 1970. */
    assert_close(metrics_get(m, "annot/staleness_s"), clock_wall_s() - 1, 60, 0);
    metrics_free(m);
    asking_close(&f);
}

/* The learner goes back to a checkpoint of before the labels. */
static void labels_that_the_model_forgot_are_asked_for_anew(void **state)
{
    (void)state;
    static struct asking f;
    struct buf empty;
    float score;
    asking_open(&f, "id-1");
    buf_init(&empty, 1 << 20);
    reward_mix_save(f.mix, &empty);
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_ok(reward_mix_load(f.mix, empty.data, empty.len, &err));
    assert_false(known(&f, "a key", &score));
    assert_ok(label_client_restart(f.annotate, &err));
    f.want = 4;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.nasked, 4);
    assert_true(known(&f, "a key", &score));
    assert_close(score, 1, 0, 0);
    buf_release(&empty);
    asking_close(&f);
}

static void held_labels_wait_until_they_are_applied(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    asking_open(&f, "id-1");
    f.want = 2;
    label_client_hold(f.annotate, true);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_false(known(&f, "a key", &score));
    label_client_apply(f.annotate, f.mix);
    assert_true(known(&f, "a key", &score));
    asking_close(&f);
}

static char order_heard[4][16]; /* by the model below, in this order */
static int nheard;

static void hear(struct reward_model *m, const struct label *l)
{
    (void)m;
    assert_true(nheard < 4 && l->question_len < sizeof order_heard[0]);
    memcpy(order_heard[nheard], l->question, l->question_len);
    order_heard[nheard++][l->question_len] = '\0';
}

static bool has_none(const struct reward_model *m, const char *caption, size_t len)
{
    (void)m, (void)caption, (void)len;
    return false;
}

static void free_nothing(struct reward_model *m)
{
    (void)m;
}

static void save_nothing(const struct reward_model *m, struct buf *out)
{
    (void)m, (void)out;
}

static void send_label(struct asking *f, uint64_t id, const char *caption)
{
    struct label l = {.id = id,
                      .state = LABEL_ANSWERED,
                      .value = 1,
                      .question = caption,
                      .question_len = strlen(caption)};
    wire_labels_server_send(f->server, 0, &l, 1);
}

/* When labels come depends on chance, and a model may learn another thing from another order. */
static void held_labels_are_applied_in_an_order_of_their_own(void **state)
{
    (void)state;
    static struct asking f;
    static const struct reward_model_type listener = {
        .name = "listener",
        .traits = {.wants_labels = true, .asks = QUESTION_CLASS},
        .free = free_nothing,
        .on_label = hear,
        .has_label = has_none,
        .save = save_nothing};
    asking_open(&f, "id-1");
    reward_mix_free(f.mix);
    assert_ok(reward_mix_create(&f.mix, &(struct reward_mix_params){0}, &listener, NULL, &err));
    f.mute = true;
    for (int round = 0; round < 2; round++) { /* "a key" comes first, then last */
        nheard = f.nasked = 0;
        f.want = 2;
        label_client_free(f.annotate);
        assert_ok(label_client_of_options(&f.annotate, &f.cfg, f.address, NULL, &err));
        label_client_hold(f.annotate, true);
        label_client_ask(f.annotate, f.mix, f.batch);
        assert_true(wait_until(was_asked, &f, PATIENCE_MS));
        send_label(&f, 1, round ? "a door" : "a key");
        send_label(&f, 2, round ? "a key" : "a door");
        assert_true(wait_until(serve, &f, PATIENCE_MS));
        assert_int_equal(nheard, 0);
        label_client_apply(f.annotate, f.mix);
        assert_int_equal(nheard, 2);
        assert_string_equal(order_heard[0], "a door");
        assert_string_equal(order_heard[1], "a key");
    }
    asking_close(&f);
}

static bool hears_all(void *ctx)
{
    struct asking *f = ctx;
    struct onic_err why = {0};
    wire_labels_server_tick(f->server);
    assert_int_equal(label_client_poll(f->annotate, f->mix, 1, &why), ONIC_OK);
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){.quiet = true}, &err));
    label_client_report(f->annotate, m);
    double dropped = metrics_get(m, "annot/held_dropped_total");
    metrics_free(m);
    return dropped > 0;
}

/* Of another learner of the same server. "a key" is among the oldest: its label goes, and it is
 * asked again when this run wants to know. */
static void labels_that_nobody_asked_for_are_not_kept_without_end(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    asking_open(&f, "id-1");
    label_client_hold(f.annotate, true);
    f.want = 2;
    f.mute = true;
    label_client_ask(f.annotate, f.mix, f.batch); /* the server knows this one now */
    assert_true(wait_until(was_asked, &f, PATIENCE_MS));
    label_client_apply(f.annotate, f.mix);
    f.nasked = 0;
    f.mute = false;
    send_label(&f, 1, "a key");
    send_label(&f, 2, "a door");
    for (int i = 0; i < 40000; i++) {
        char caption[32];
        snprintf(caption, sizeof caption, "somebody sees %d", i);
        send_label(&f, (uint64_t)i + 3, caption);
        if (i % 1000 == 999)
            hears_all(&f);
    }
    assert_true(wait_until(hears_all, &f, PATIENCE_MS));
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    label_client_apply(f.annotate, f.mix);
    assert_true(known(&f, "a key", &score));
    asking_close(&f);
}

/* "\0a key": five letters and what marks a score. */
static void a_score_reaches_the_model_under_its_caption(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    asking_open_with(&f, "id-1", "similarity", 1u << QUESTION_SCORE);
    f.want = 2;
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(f.asked[0][0], '\0');
    assert_true(known(&f, "a key", &score));
    assert_true(known(&f, "a door", &score));
    asking_close(&f);
}

static void pairs_are_drawn_and_labels_of_another_kind_are_no_answer(void **state)
{
    (void)state;
    static struct asking f;
    float score;
    asking_open_with(&f, "id-1", "ranking", 1u << QUESTION_PAIR);
    f.want = 1;
    for (int i = 0; i < 8 && !label_client_pending(f.annotate); i++) {
        reward_mix_on_batch(f.mix, &f.batch->reward);
        label_client_ask(f.annotate, f.mix, f.batch);
    }
    struct label stray = {
        .id = 99, .state = LABEL_ANSWERED, .question = "a wall", .question_len = 6};
    assert_true(wait_until(serve, &f, PATIENCE_MS));
    assert_int_equal(question_kind_of(f.asked[0], 12), QUESTION_PAIR); /* a key, a door */
    assert_true(wire_labels_server_send(f.server, 0, &stray, 1));
    assert_false(wait_until(stray_is_known, &f, 200));
    assert_true(known(&f, "a key", &score));
    asking_close(&f);
}

static void an_annotator_that_does_not_answer_such_questions_ends_the_run(void **state)
{
    (void)state;
    static struct asking f;
    struct onic_err err = {0};
    asking_open_with(&f, "id-1", "ranking", 1u << QUESTION_CLASS);
    while (label_client_poll(f.annotate, f.mix, 10, &err) == ONIC_OK) {
        struct wire_labels_ask ask;
        wire_labels_server_tick(f.server);
        wire_labels_server_recv(f.server, &ask);
    }
    assert_int_equal(err.code, ONIC_ECONFIG);
    assert_non_null(
        strstr(err.msg, "asks pair questions, which annotator.id=rules does not answer"));
    asking_close(&f);
}

static bool annotator_is_quoted(void *ctx)
{
    struct asking *f = ctx;
    serve(f);
    return strcmp(label_client_waiting_for(f->annotate), "labels: the budget is used up") == 0;
}

static void what_the_annotator_says_of_itself_reaches_the_learner(void **state)
{
    (void)state;
    static struct asking f;
    struct wire_labels_server_numbers n = {.status = "the budget is used up",
                                           .own = {{"llm_requests", 7}, {"Not a name/", 1}},
                                           .nown = 2};
    asking_open(&f, "id-1");
    wire_labels_server_numbers(f.server, &n);
    assert_true(wait_until(annotator_is_quoted, &f, PATIENCE_MS));
    struct metrics *m = NULL;
    assert_ok(metrics_create(&m, &(struct metrics_params){0}, &err));
    label_client_report(f.annotate, m);
    assert_close(metrics_get(m, "annot/llm_requests"), 7, 0, 0);
    assert_false(metrics_get(m, "annot/Not a name/") == 1);
    metrics_free(m);
    asking_close(&f);
}

static _Atomic int64_t sooner_ns; /* the clock is ahead by so much */
static int64_t ahead(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec + sooner_ns;
}

static bool annotator_warms_up(void *ctx)
{
    struct asking *f = ctx;
    serve(f);
    return strstr(label_client_waiting_for(f->annotate), "warming up") && f->nasked == 2;
}

/* Stopped while the annotator was still starting, it could not have had a label. */
static void a_life_that_is_too_short_for_labels_is_not_fruitless(void **state)
{
    (void)state;
    static struct asking f;
    struct wire_labels_server_numbers n = {.status = "warming up: 3 of 300 sentences"};
    asking_open(&f, "id-1");
    f.mute = true;
    wire_labels_server_numbers(f.server, &n);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(annotator_warms_up, &f, PATIENCE_MS));
    assert_string_equal(label_client_fruitless(f.annotate), "");
    sooner_ns = 60000000000LL;
    clock_replace(ahead);
    const char *why = label_client_fruitless(f.annotate);
    clock_replace(NULL);
    assert_non_null(strstr(why, "no label in this life, none of 2 questions was answered"));
    asking_close(&f);
}

static bool annotator_ails(void *ctx)
{
    struct asking *f = ctx;
    serve(f);
    return strstr(label_client_waiting_for(f->annotate), "no such model") != NULL;
}

static void an_annotator_that_ails_makes_every_life_fruitless(void **state)
{
    (void)state;
    static struct asking f;
    struct wire_labels_server_numbers n = {.status = "llm.url: no such model"};
    asking_open(&f, "id-1");
    f.mute = true;
    wire_labels_server_numbers(f.server, &n);
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_true(wait_until(annotator_ails, &f, PATIENCE_MS));
    assert_string_equal(label_client_fruitless(f.annotate),
                        "no label in this life, none of 2 questions was answered: llm.url: no "
                        "such model");
    asking_close(&f);
}

static void without_a_server_nothing_waits(void **state)
{
    (void)state;
    static struct asking f;
    asking_open(&f, "id-1");
    label_client_free(f.annotate);
    assert_ok(label_client_of_options(&f.annotate, &f.cfg, "", NULL, &err));
    label_client_ask(f.annotate, f.mix, f.batch);
    assert_ok(label_client_poll(f.annotate, f.mix, 0, &err));
    assert_false(label_client_pending(f.annotate));
    assert_string_equal(label_client_waiting_for(f.annotate), "");
    assert_string_equal(label_client_fruitless(f.annotate), "");
    asking_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_reach_the_model_and_each_caption_is_asked_once),
        cmocka_unit_test(labels_that_the_model_forgot_are_asked_for_anew),
        cmocka_unit_test(held_labels_wait_until_they_are_applied),
        cmocka_unit_test(held_labels_are_applied_in_an_order_of_their_own),
        cmocka_unit_test(labels_that_nobody_asked_for_are_not_kept_without_end),
        cmocka_unit_test(a_score_reaches_the_model_under_its_caption),
        cmocka_unit_test(pairs_are_drawn_and_labels_of_another_kind_are_no_answer),
        cmocka_unit_test(an_annotator_that_does_not_answer_such_questions_ends_the_run),
        cmocka_unit_test(what_the_annotator_says_of_itself_reaches_the_learner),
        cmocka_unit_test(a_life_that_is_too_short_for_labels_is_not_fruitless),
        cmocka_unit_test(an_annotator_that_ails_makes_every_life_fruitless),
        cmocka_unit_test(without_a_server_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
