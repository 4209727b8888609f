/* SPDX-License-Identifier: MIT */
/* Canaries around a judge whose wits the test decides: how many are asked, where their answers
 * stay, and when people are told. */
#define _GNU_SOURCE /* memmem */
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "reward_server/annotators/wrap.h"

enum { JUDGE_ITEMS = 64 };

/* Messages that begin with 'g' deserve 1. Answers at the next poll, unless it is kept waiting. */
struct judge {
    struct annotator base;
    enum annotator_health health;
    int window, most; /* most: had at once */
    bool waits, abstains, says_one, says_first;
    uint64_t ticket[JUDGE_ITEMS];
    char question[JUDGE_ITEMS][QUESTION_MAX];
    size_t len[JUDGE_ITEMS];
    int n;
    int asked, canaries, pairs[2]; /* canaries: messages that hold "canary"; pairs by answer */
};

static double judge_of(struct judge *j, const char *question, size_t len)
{
    struct question q;
    assert_true(question_split(question, len, &q));
    bool canary = memmem(q.caption, q.len, "canary", 6) != NULL;
    j->asked++;
    j->canaries += canary;
    if (q.kind == QUESTION_PAIR) {
        double right = *q.caption_b == 'g';
        j->pairs[right > 0] += canary;
        return j->says_first ? 0 : right;
    }
    return j->says_one ? 1 : *q.caption == 'g';
}

static void judge_free(struct annotator *a)
{
    (void)a;
}

static int judge_window(const struct annotator *a)
{
    return ((const struct judge *)a)->window;
}

static void judge_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                         int vote)
{
    struct judge *j = (struct judge *)a;
    (void)vote;
    assert_true(j->n < j->window);
    memcpy(j->question[j->n], question, len);
    j->len[j->n] = len;
    j->ticket[j->n++] = ticket;
    j->most = j->n > j->most ? j->n : j->most;
}

static int judge_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct judge *j = (struct judge *)a;
    int n = j->waits ? 0 : j->n;
    for (int i = 0; i < n; i++) {
        struct label out = {.state = j->abstains ? LABEL_ABSTAINED : LABEL_ANSWERED,
                            .value = judge_of(j, j->question[i], j->len[i]),
                            .confidence = 1,
                            .raw = "judged"};
        done(ctx, j->ticket[i], &out);
    }
    j->n -= n;
    return n;
}

static int64_t judge_due_ms(const struct annotator *a)
{
    (void)a;
    return -1;
}

static int judge_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct judge *j = (struct judge *)a;
    int n = j->n;
    j->n = 0;
    for (int i = 0; i < n; i++)
        taken(ctx, j->ticket[i]);
    return n;
}

static enum annotator_health judge_health(const struct annotator *a)
{
    return ((const struct judge *)a)->health;
}

static const struct annotator_vtable judge_vtable = {.id = "judge",
                                                     .free = judge_free,
                                                     .window = judge_window,
                                                     .submit = judge_submit,
                                                     .poll = judge_poll,
                                                     .due_ms = judge_due_ms,
                                                     .cancel = judge_cancel,
                                                     .health = judge_health};

/* --- a scene --------------------------------------------------------------------------------- */

struct canary_scene {
    struct judge judge;
    struct annotator *a;
    int answers, wrong, taken;
    double asked, right; /* as reported */
    int warnings;
    char warning[1024];
};

static char *canary_copy(const char *text)
{
    char *copy = calloc(strlen(text) + 1, 1);
    assert_non_null(copy);
    return strcpy(copy, text);
}

static void canary_begin(struct canary_scene *s, double rate, int window)
{
    struct canaries c = {.n = {2, 2}};
    for (int label = 0; label < 2; label++) {
        c.text[label] = calloc(2, sizeof *c.text[label]);
        c.text[label][0] = canary_copy(label ? "good canary one" : "bad canary one");
        c.text[label][1] = canary_copy(label ? "good canary two" : "bad canary two");
    }
    *s = (struct canary_scene){.judge = {.base.v = &judge_vtable, .window = window}};
    s->a = canary_wrap(&s->judge.base, "judge", &c, rate, 0);
}

static void canary_note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct canary_scene *s = ctx;
    s->answers++;
    s->wrong += label->value != (double)(ticket % 2);
}

static void canary_number(void *ctx, const char *name, double value)
{
    struct canary_scene *s = ctx;
    if (strcmp(name, "judge_canaries") == 0)
        s->asked = value;
    if (strcmp(name, "judge_canaries_right") == 0)
        s->right = value;
}

/* n questions, as many at once as it takes; odd tickets are good. */
static void canary_ask(struct canary_scene *s, int n, bool pairs)
{
    char text[QUESTION_MAX];
    int flying = 0;
    for (int i = 0, before; i < n || flying > 0;) {
        for (; i < n && flying < s->a->v->window(s->a); i++, flying++) {
            const char *word = i % 2 ? "good" : "bad";
            size_t len = (size_t)snprintf(text, sizeof text, "%s %d", word, i);
            if (pairs)
                len =
                    question_pair(text, i % 2 ? "bad" : "good", i % 2 ? 3 : 4, word, strlen(word));
            s->a->v->submit(s->a, (uint64_t)i, text, len, 0);
        }
        before = s->answers;
        s->a->v->poll(s->a, canary_note, s);
        flying -= s->answers - before;
    }
    s->a->v->report(s->a, canary_number, s);
}

static void canary_end(struct canary_scene *s)
{
    s->a->v->free(s->a);
}

static void hear_warning(void *ctx, const char *line, size_t len)
{
    struct canary_scene *s = ctx;
    if (!memmem(line, len, " warn ", 6))
        return;
    s->warnings++;
    snprintf(s->warning, sizeof s->warning, "%.*s", (int)len, line);
}

/* --- what it does ---------------------------------------------------------------------------- */

static void a_hundredth_is_asked_and_no_answer_of_it_leaves(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 0.01, 8);
    canary_ask(&s, 1000, false);
    assert_int_equal(s.answers, 1000);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(s.judge.canaries, 10);
    assert_int_equal(s.judge.asked, 1010);
    assert_close(s.asked, 10, 0, 0);
    assert_close(s.right, 1, 0, 0);
    assert_true(s.judge.most <= 8);
    canary_end(&s);
}

/* The next life goes on where the one before ended: lives of 40 questions ask their share. */
static void short_lives_ask_their_share(void **state)
{
    struct canary_scene s;
    int asked = 0;
    (void)state;
    for (uint64_t before = 0; before < 400; before += 40) {
        struct canaries c = {.n = {1, 1}};
        for (int label = 0; label < 2; label++) {
            c.text[label] = calloc(1, sizeof *c.text[label]);
            c.text[label][0] = canary_copy(label ? "good canary" : "bad canary");
        }
        s = (struct canary_scene){.judge = {.base.v = &judge_vtable, .window = 4}};
        s.a = canary_wrap(&s.judge.base, "judge", &c, 0.01, before);
        canary_ask(&s, 40, false);
        asked += s.judge.canaries;
        canary_end(&s);
    }
    assert_int_equal(asked, 4);
}

/* With one place the canary waits for its turn, and others wait for it. */
static void one_place_is_enough(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 0.5, 1);
    canary_ask(&s, 100, false);
    assert_int_equal(s.answers, 100);
    assert_in_range(s.judge.canaries, 49, 51);
    assert_int_equal(s.judge.most, 1);
    canary_end(&s);
}

static void pairs_are_asked_in_either_order(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 0.5, 4);
    canary_ask(&s, 100, true);
    assert_in_range(s.judge.pairs[0], 24, 26);
    assert_in_range(s.judge.pairs[1], 24, 26);
    assert_close(s.right, 1, 0, 0);
    canary_end(&s);
    canary_begin(&s, 0.5, 4);
    s.judge.says_first = true;
    canary_ask(&s, 100, true);
    assert_close(s.right, 0.5, 0, 0.02);
    canary_end(&s);
}

static void what_is_low_is_said_once_and_again_when_it_is_well(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 0.5, 4);
    log_set_writer(hear_warning, &s);
    canary_ask(&s, 36, false);
    assert_int_equal(s.warnings, 0);
    s.judge.says_one = true; /* wrong about half of them */
    canary_ask(&s, 4, false);
    assert_int_equal(s.warnings, 0); /* 18 of 20 are right: not below 0.9 */
    canary_ask(&s, 60, false);
    assert_int_equal(s.warnings, 1);
    assert_non_null(strstr(s.warning, "annotator.prompt"));
    assert_non_null(strstr(s.warning, "quantisation"));
    assert_non_null(strstr(s.warning, "annotator.canaries"));
    assert_non_null(strstr(s.warning, "bad canary"));
    assert_in_range(s.right * 50, 30, 37); /* 15 or 16 of the last 50 are wrong */
    canary_ask(&s, 200, false);
    assert_int_equal(s.warnings, 1);
    s.judge.says_one = false;
    canary_ask(&s, 200, false); /* nothing that is older than 50 canaries counts */
    assert_int_equal(s.warnings, 2);
    assert_non_null(
        strstr(s.warning, "canaries are answered rightly again annotator=\"judge\" right="));
    assert_close(s.right, 1, 0, 0);
    log_set_writer(NULL, NULL);
    canary_end(&s);
}

static void an_abstention_is_no_right_answer(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 0.5, 4);
    log_set_writer(hear_warning, &s);
    s.judge.abstains = true;
    canary_ask(&s, 100, false);
    log_set_writer(NULL, NULL);
    assert_close(s.right, 0, 0, 0);
    assert_int_equal(s.warnings, 1);
    canary_end(&s);
}

static void canary_taken(void *ctx, uint64_t ticket)
{
    struct canary_scene *s = ctx;
    assert_true(ticket < 100);
    s->taken++;
}

static void a_drain_gives_back_questions_and_keeps_the_canary(void **state)
{
    struct canary_scene s;
    (void)state;
    canary_begin(&s, 1, 4);
    s.judge.waits = true;
    s.a->v->submit(s.a, 7, "good", 4, 0);
    assert_int_equal(s.judge.n, 2);
    assert_int_equal(s.a->v->window(s.a), 3);
    assert_int_equal(s.a->v->cancel(s.a, canary_taken, &s), 1);
    assert_int_equal(s.taken, 1);
    s.a->v->report(s.a, canary_number, &s);
    assert_close(s.asked, 0, 0, 0);
    s.judge.health = ANNOTATOR_UNAVAILABLE; /* who is away is not asked */
    s.a->v->poll(s.a, canary_note, &s);
    assert_int_equal(s.judge.n, 0);
    s.judge.health = ANNOTATOR_AVAILABLE;
    s.a->v->poll(s.a, canary_note, &s);
    assert_int_equal(s.judge.n, 1);
    canary_end(&s);
}

static void scores_have_none_and_that_is_said(void **state)
{
    struct canary_scene s;
    char text[QUESTION_MAX];
    (void)state;
    canary_begin(&s, 1, 4);
    log_set_writer(hear_warning, &s);
    for (uint64_t i = 0; i < 10; i++) {
        s.a->v->submit(s.a, 1, text, question_about(text, QUESTION_SCORE, "good", 4), 0);
        s.judge.n = 0; /* it has no answer to scores */
    }
    log_set_writer(NULL, NULL);
    assert_int_equal(s.judge.most, 1);
    assert_int_equal(s.warnings, 1);
    assert_non_null(strstr(s.warning, "scores have no known answers: no canaries are asked "
                                      "(annotator.canary_rate)"));
    canary_end(&s);
}

/* Else as many canaries would come in a row as scores were asked, with the first other question. */
static void scores_earn_no_canaries(void **state)
{
    struct canary_scene s;
    char text[QUESTION_MAX];
    (void)state;
    canary_begin(&s, 1, 4);
    for (uint64_t i = 0; i < 40; i++) {
        s.a->v->submit(s.a, 1, text, question_about(text, QUESTION_SCORE, "good", 4), 0);
        s.a->v->poll(s.a, canary_note, &s);
    }
    s.answers = 0;
    canary_ask(&s, 8, false);
    assert_in_range(s.judge.canaries, 1, 8);
    canary_end(&s);
}

/* --- by the options -------------------------------------------------------------------------- */

static double rate_of(const char *id, const char *option)
{
    struct config c;
    struct annotator_order o;
    config_defaults(&c);
    if (option)
        assert_ok(config_set(&c, "annotator.canary_rate", option, CONFIG_CLI, "test", &err));
    assert_ok(annotator_order_read(&o, annotator_find(id), &c, &err));
    return o.member[0].canary_rate;
}

static void who_may_worsen_is_watched_by_default(void **state)
{
    (void)state;
    assert_close(rate_of("llm", NULL), 0.01, 0, 0);
    assert_close(rate_of("command", NULL), 0.01, 0, 0);
    assert_close(rate_of("embedding", NULL), 0, 0, 0);
    assert_close(rate_of("rules", NULL), 0, 0, 0);
    assert_close(rate_of("llm", "0"), 0, 0, 0);
    assert_close(rate_of("rules", "0.25"), 0.25, 0, 0);
}

/* Noise is behind the canaries: they measure it. */
static void the_rules_are_asked_what_their_goal_says(void **state)
{
    struct annotator_run r;
    struct canary_scene s = {0};
    (void)state;
    annotator_run_prepare(&r, 0);
    annotator_run_set(&r, "annotator.canary_rate", "0.5");
    annotator_run_open(&r, "rules");
    s.a = r.a;
    canary_ask(&s, 200, false);
    assert_int_equal(s.answers, 200);
    annotator_run_close(&r);
    annotator_run_set(&r, "annotator.canaries", "/nonexistent");
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = &r.config, .goal = r.goal, .loop = &r.loop};
    assert_err(order_opened(&a, "rules", &setup, &err), ONIC_ECONFIG,
               "annotator.canaries: cannot read /nonexistent");
    assert_null(a);
    annotator_run_dispose(&r);
}

static void a_goal_without_canaries_is_said_where_they_are_wanted(void **state)
{
    struct config c;
    struct annotator *a = NULL;
    struct goal *g = goal_unstated("minigrid");
    struct annotator_setup setup = {.config = &c, .goal = g};
    (void)state;
    config_defaults(&c);
    assert_ok(order_opened(&a, "random", &setup, &err));
    a->v->free(a);
    c.annotator_canary_rate = 0.5;
    assert_err(order_opened(&a, "random", &setup, &err), ONIC_ECONFIG,
               "there is no canary of goal ");
    assert_err(order_opened(&a, "random", &setup, &err), ONIC_ECONFIG,
               " whose answer is 1 and one whose answer is 0: name a file of them "
               "(annotator.canaries), or set annotator.canary_rate=0");
    goal_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundredth_is_asked_and_no_answer_of_it_leaves),
        cmocka_unit_test(short_lives_ask_their_share),
        cmocka_unit_test(one_place_is_enough),
        cmocka_unit_test(pairs_are_asked_in_either_order),
        cmocka_unit_test(what_is_low_is_said_once_and_again_when_it_is_well),
        cmocka_unit_test(an_abstention_is_no_right_answer),
        cmocka_unit_test(a_drain_gives_back_questions_and_keeps_the_canary),
        cmocka_unit_test(scores_have_none_and_that_is_said),
        cmocka_unit_test(scores_earn_no_canaries),
        cmocka_unit_test(who_may_worsen_is_watched_by_default),
        cmocka_unit_test(the_rules_are_asked_what_their_goal_says),
        cmocka_unit_test(a_goal_without_canaries_is_said_where_they_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
