/* SPDX-License-Identifier: MIT */
/* The wrappers noise and vote: around the real rules, and around a stand-in that is told its votes.
 */
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"

#include <stdlib.h>

#include "reward_server/annotators/annotator.h"
#include "reward_server/annotators/wrap.h"

enum { ITEMS = 1024 };

struct answers {
    int n;
    uint64_t ticket[ITEMS];
    double label[ITEMS], confidence[ITEMS];
    enum label_state state[ITEMS];
    char raw[LABEL_RAW_MAX];
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    struct answers *out = ctx;
    assert_true(out->n < ITEMS);
    out->ticket[out->n] = ticket;
    out->label[out->n] = label->value;
    out->confidence[out->n] = label->confidence;
    out->state[out->n++] = label->state;
    snprintf(out->raw, sizeof out->raw, "%s", label->raw);
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

/* --- around rules ---------------------------------------------------------------------------- */

static struct goal *key_corridor(void)
{
    char dir[1024];
    struct goal *g = NULL;
    snprintf(dir, sizeof dir, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&g, dir, "minigrid", "KeyCorridor", &err));
    return g;
}

static struct annotator *open_rules(const struct config *c, const struct goal *g)
{
    struct annotator *a = NULL;
    struct annotator_setup setup = {.config = c, .goal = g, .wake = no_wake};
    assert_ok(order_opened(&a, "rules", &setup, &err));
    return a;
}

/* Caption i: even ones deserve 1, odd ones 0. */
static size_t caption(int i, char out[64])
{
    return (size_t)snprintf(out, 64, i % 2 ? "Wall %d is bumped into." : "You pick up the %d key.",
                            i);
}

/* Which of n answers to vote `vote` are wrong. */
static int wrong_ones(struct annotator *a, int n, int vote, uint8_t *wrong)
{
    static struct answers out;
    char text[64];
    int total = 0;
    for (int i = 0; i < n;) {
        int first = i, end = i + a->v->window(a) < n ? i + a->v->window(a) : n;
        for (; i < end; i++)
            a->v->submit(a, (uint64_t)(i - first), text, caption(i, text), vote);
        out.n = 0;
        assert_int_equal(a->v->poll(a, note, &out), end - first);
        for (int k = 0; k < out.n; k++) {
            int which = first + (int)out.ticket[k];
            assert_int_equal(out.state[k], LABEL_ANSWERED);
            wrong[which] = (out.label[k] > 0.5) == (which % 2 == 1);
            total += wrong[which];
        }
    }
    return total;
}

static void noise_is_wrong_its_share_and_votes_are_independent(void **state)
{
    (void)state;
    enum { N = 4000 };
    const double p = 0.2;
    static uint8_t wrong[2][N];
    struct goal *g = key_corridor();
    struct config c;
    config_defaults(&c);
    c.annotator_noise = p;
    struct annotator *a = open_rules(&c, g);
    int both = 0;
    for (int vote = 0; vote < 2; vote++)
        assert_close(wrong_ones(a, N, vote, wrong[vote]) / (double)N, p, 0,
                     4 * sqrt(p * (1 - p) / N));
    for (int i = 0; i < N; i++)
        both += wrong[0][i] && wrong[1][i];
    assert_close(both / (double)N, p * p, 0, 4 * sqrt(p * p * (1 - p * p) / N));
    a->v->free(a);
    goal_free(g);
}

static void the_same_question_gets_the_same_wrong_answer_until_the_seed_changes(void **state)
{
    (void)state;
    enum { N = 200 };
    static uint8_t first[N], again[N];
    struct goal *g = key_corridor();
    struct config c;
    config_defaults(&c);
    c.rules_noise = 0.5; /* the other name of annotator.noise */
    struct annotator *a = open_rules(&c, g), *b = open_rules(&c, g);
    wrong_ones(a, N, 0, first);
    wrong_ones(a, N, 0, again);
    assert_memory_equal(first, again, N);
    wrong_ones(b, N, 0, again);
    assert_memory_equal(first, again, N);
    b->v->free(b);
    c.annotator_seed = 1;
    b = open_rules(&c, g);
    wrong_ones(b, N, 0, again);
    assert_memory_not_equal(first, again, N);
    a->v->free(a);
    b->v->free(b);
    goal_free(g);
}

/* Share of right labels of a majority of k independent votes that are right with 0.8:
 * k = 3: 0.8^3 + 3 0.8^2 0.2 = 0.896; k = 5: 0.94208. */
static void majorities_of_noisy_votes_are_as_right_as_the_binomial_says(void **state)
{
    (void)state;
    enum { N = 40000 };
    static const double want[] = {0.8, 0.896, 0.94208};
    static uint8_t wrong[N];
    struct goal *g = key_corridor();
    for (int k = 1; k <= 5; k += 2) {
        struct config c;
        config_defaults(&c);
        c.annotator_noise = 0.2;
        c.annotator_vote = k;
        struct annotator *a = open_rules(&c, g);
        double accuracy = 1 - wrong_ones(a, N, 0, wrong) / (double)N;
        print_message("%d votes: accuracy %.4f\n", k, accuracy);
        assert_close(accuracy, want[k / 2], 0, 0.01);
        a->v->free(a);
    }
    goal_free(g);
}

static void parameters_of(const struct config *c, const struct goal *g, char out[128])
{
    const char *model, *parameters;
    struct annotator *a = open_rules(c, g);
    a->v->identity(a, &model, &parameters);
    assert_string_equal(model, "patterns");
    snprintf(out, 128, "%s", parameters);
    a->v->free(a);
}

static void noise_and_its_seed_are_part_of_the_identity(void **state)
{
    (void)state;
    struct goal *g = key_corridor();
    struct config c;
    char text[128];
    config_defaults(&c);
    parameters_of(&c, g, text);
    assert_string_equal(text, "");
    c.annotator_seed = 3;
    parameters_of(&c, g, text); /* nothing is drawn */
    assert_string_equal(text, "");
    c.annotator_noise = 0.25;
    parameters_of(&c, g, text);
    assert_string_equal(text, "noise=0.25 seed=3");
    c.annotator_seed = 0;
    c.annotator_vote = 3;
    parameters_of(&c, g, text);
    assert_string_equal(text, "noise=0.25");
    goal_free(g);
}

static void pairings_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    c.annotator_vote = 3;
    assert_err(order_checked("rules", &c, &err), ONIC_ECONFIG,
               "rules would give the same answer every time");
    c.llm_temperature = 0;
    assert_err(order_checked("llm", &c, &err), ONIC_ECONFIG, "llm.temperature");
    c.llm_temperature = 0.7;
    assert_ok(order_checked("llm", &c, &err));
    c.annotator_noise = 0.1;
    assert_ok(order_checked("rules", &c, &err));
    c.rules_noise = 0.2;
    assert_err(order_checked("rules", &c, &err), ONIC_ECONFIG, "they are the same noise");
}

/* --- around a stand-in: character i of a caption is its answer to vote i; a = abstains ------- */

struct told {
    struct annotator base;
    int window, flying, most, asked;
    int limit;      /* answers it will still give */
    bool backwards; /* of one poll the newest first */
    struct {
        uint64_t ticket;
        char answer;
    } item[ITEMS];
};

static void told_free(struct annotator *a)
{
    (void)a;
}

static int told_window(const struct annotator *a)
{
    return ((const struct told *)a)->window;
}

static void told_submit(struct annotator *a, uint64_t ticket, const char *text, size_t len,
                        int vote)
{
    struct told *t = (struct told *)a;
    assert_true(vote >= 0 && (size_t)vote < len);
    t->item[t->flying].ticket = ticket;
    t->item[t->flying++].answer = text[vote + (*text == '\0')]; /* of a score after its NUL */
    t->asked++;
    if (t->flying > t->most)
        t->most = t->flying;
    assert_true(t->flying <= t->window);
}

static int told_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct told *t = (struct told *)a;
    int n = t->flying < t->limit ? t->flying : t->limit;
    t->limit -= n;
    t->flying -= n;
    for (int i = 0; i < n; i++) {
        int at = t->backwards ? n - 1 - i : i;
        char c = t->item[at].answer;
        struct label out = {.state = c == 'a' ? LABEL_ABSTAINED : LABEL_ANSWERED,
                            .value = c == 't' ? 0.5 : c == '1',
                            .confidence = 1,
                            .raw = c == 'a' ? "tired" : "told"};
        done(ctx, t->item[at].ticket, &out);
    }
    memmove(t->item, t->item + n, (size_t)t->flying * sizeof *t->item);
    return n;
}

static int told_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct told *t = (struct told *)a;
    int n = t->flying;
    t->flying = 0;
    for (int i = 0; i < n; i++)
        taken(ctx, t->item[i].ticket);
    return n;
}

static void told_identity(const struct annotator *a, const char **model, const char **parameters)
{
    (void)a;
    *model = *parameters = "told";
}

static const struct annotator_vtable told_vtable = {.id = "told",
                                                    .free = told_free,
                                                    .identity = told_identity,
                                                    .window = told_window,
                                                    .submit = told_submit,
                                                    .poll = told_poll,
                                                    .cancel = told_cancel};

static struct told *told(int window)
{
    static struct told t;
    t = (struct told){.base.v = &told_vtable, .window = window, .limit = ITEMS};
    return &t;
}

static void votes_stop_when_the_majority_cannot_change(void **state)
{
    static const struct {
        const char *votes;
        int k, asked;
        char outcome;
        double confidence;
    } want[] = {
        {"11", 3, 2, '1', 1},
        {"00", 3, 2, '0', 1},
        {"101", 3, 3, '1', 2 / 3.0},
        {"100", 3, 3, '0', 2 / 3.0},
        {"111", 5, 3, '1', 1},
        {"1101", 5, 4, '1', 0.75},
        {"11001", 5, 5, '1', 0.6},
        {"10000", 5, 4, '0', 0.75},
        {"1", 1, 1, '1', 1},
        {"1100", 4, 4, 'a', 0},
        {"11", 2, 2, '1', 1},
        {"10", 2, 2, 'a', 0},
        {"aa", 3, 2, 'a', 0},
        {"a11", 3, 3, '1', 2 / 3.0},
        {"10a", 3, 3, 'a', 0},
        {"aa1aa", 5, 4, 'a', 0},
        {"a1a11", 5, 5, '1', 0.6},
        {"1010a", 5, 5, 'a', 0},
        {"1111111", 9, 5, '1', 1},
        {"101010101", 9, 9, '1', 5 / 9.0},
        {"0000100", 13, 8, '0', 7 / 8.0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        for (int turn = 0; turn < 4;
             turn++) { /* the order of arrival and the window do not matter */
            struct answers out = {0};
            struct told *t = told(turn < 2 ? 64 : 1);
            char votes[32] = "";
            struct annotator *a = vote_wrap(&t->base, want[i].k);
            t->backwards = turn % 2;
            snprintf(votes, sizeof votes, "%s000000000000", want[i].votes);
            a->v->submit(a, 7, votes, strlen(votes), 0);
            assert_int_equal(a->v->poll(a, note, &out), 1);
            assert_int_equal(t->asked, want[i].asked);
            assert_int_equal(out.ticket[0], 7);
            assert_int_equal(out.state[0],
                             want[i].outcome == 'a' ? LABEL_ABSTAINED : LABEL_ANSWERED);
            assert_close(out.label[0], want[i].outcome == '1', 0, 0);
            assert_close(out.confidence[0], want[i].confidence, 0, 1e-12);
            a->v->free(a);
        }
    }
}

static void pairs_may_tie_and_scores_are_averaged(void **state)
{
    struct answers out = {0};
    struct annotator *a = vote_wrap(&told(8)->base, 5);
    (void)state;
    a->v->submit(a, 0, "tt10t\0b", 7, 0);
    a->v->poll(a, note, &out);
    assert_close(out.label[0], 0.5, 0, 0);
    assert_close(out.confidence[0], 0.6, 0, 1e-12);
    a->v->free(a);
    a = vote_wrap(&told(8)->base, 4);
    a->v->submit(a, 0, "\0001ta1", 5, 0);
    a->v->poll(a, note, &out);
    assert_close(out.label[1], 2.5 / 3, 0, 1e-12);
    assert_close(out.confidence[1], 0.75, 0, 1e-12);
    a->v->submit(a, 0, "\000aaaa", 5, 0);
    a->v->poll(a, note, &out);
    assert_int_equal(out.state[2], LABEL_ABSTAINED);
    a->v->free(a);
}

static void noise_turns_each_kind_its_own_way(void **state)
{
    static const struct {
        const char *question;
        size_t len;
        double label;
    } want[] = {{"1", 1, 0}, {"0", 1, 1}, {"1\0b", 3, 0}, {"t\0b", 3, 0.5}, {"\0t", 2, -0.5}};
    struct answers out = {0};
    struct goal *g = key_corridor();
    (void)state;
    struct annotator *a = noise_wrap(&told(8)->base, g, 0, 1);
    for (int i = 0; i < 5; i++) {
        a->v->submit(a, (uint64_t)i, want[i].question, want[i].len, 0);
        a->v->poll(a, note, &out);
        assert_int_equal(out.ticket[i], i);
        assert_close(out.label[i], want[i].label, 0, 0);
    }
    a->v->submit(a, 5, "a", 1, 0);
    a->v->poll(a, note, &out);
    assert_int_equal(out.state[5], LABEL_ABSTAINED);
    a->v->free(a);
    goal_free(g);
}

static void reasons_say_how_the_votes_fell(void **state)
{
    struct answers out = {0};
    (void)state;
    struct annotator *a = vote_wrap(&told(8)->base, 3);
    a->v->submit(a, 0, "101", 3, 0);
    a->v->poll(a, note, &out);
    assert_string_equal(out.raw, "2 of 3 votes: told");
    a->v->submit(a, 0, "10a", 3, 0);
    a->v->poll(a, note, &out);
    assert_string_equal(out.raw, "abstained: no majority: 1 for 1, 1 for 0, 1 abstained: tired");
    a->v->free(a);
}

static void what_is_wrapped_is_never_asked_more_than_its_window(void **state)
{
    struct answers out = {0};
    struct told *t = told(7);
    (void)state;
    struct annotator *a = vote_wrap(&t->base, 5);
    assert_int_equal(a->v->window(a), 2); /* first waves of three */
    a->v->submit(a, 0, "11111", 5, 0);
    a->v->submit(a, 1, "11001", 5, 0);
    assert_int_equal(t->flying, 6);
    t->window = 1; /* told_submit checks */
    assert_int_equal(a->v->window(a), 1);
    assert_int_equal(a->v->poll(a, note, &out), 2);
    assert_close(out.label[0] + out.label[1], 2, 0, 0);
    assert_int_equal(t->most, 6);
    a->v->free(a);
}

static void remember(void *ctx, uint64_t ticket)
{
    struct answers *out = ctx;
    out->ticket[out->n++] = ticket;
}

static void a_drain_lets_begun_votes_finish_and_gives_the_others_back(void **state)
{
    struct answers out = {0}, taken = {0};
    struct told *t = told(4);
    (void)state;
    struct annotator *a = vote_wrap(&t->base, 3);
    a->v->submit(a, 5, "101", 3, 0);
    a->v->submit(a, 6, "111", 3, 0);
    t->limit = 2;
    assert_int_equal(a->v->poll(a, note, &out), 0); /* 1:1 in question 5 */
    assert_int_equal(t->flying, 3);
    assert_int_equal(a->v->cancel(a, remember, &taken), 1);
    assert_int_equal(taken.n, 1);
    assert_int_equal(taken.ticket[0], 6);
    t->limit = 1;
    assert_int_equal(a->v->poll(a, note, &out), 1);
    assert_int_equal(out.ticket[0], 5);
    assert_close(out.label[0], 1, 0, 0);
    assert_int_equal(t->asked, 6); /* its third vote twice: taken back, then asked after all */
    a->v->free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_is_wrong_its_share_and_votes_are_independent),
        cmocka_unit_test(the_same_question_gets_the_same_wrong_answer_until_the_seed_changes),
        cmocka_unit_test(majorities_of_noisy_votes_are_as_right_as_the_binomial_says),
        cmocka_unit_test(noise_and_its_seed_are_part_of_the_identity),
        cmocka_unit_test(pairings_that_make_no_sense_are_refused),
        cmocka_unit_test(votes_stop_when_the_majority_cannot_change),
        cmocka_unit_test(pairs_may_tie_and_scores_are_averaged),
        cmocka_unit_test(noise_turns_each_kind_its_own_way),
        cmocka_unit_test(reasons_say_how_the_votes_fell),
        cmocka_unit_test(what_is_wrapped_is_never_asked_more_than_its_window),
        cmocka_unit_test(a_drain_lets_begun_votes_finish_and_gives_the_others_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
