/* SPDX-License-Identifier: MIT */
/* The health of one server of a language model: how many requests it gets at once, how long it is
 * left alone. Times are those of a clock of the test's own. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "reward_server/annotators/llm/llm_impl.h"

enum { WINDOW_MAX = 16, LATENCY_MS = 100, START_MS = 1000000, IN_A_ROW = 5, ROUND_MS = 1000 };

static const struct llm_health_options options = {
    .backoff_s = 0.5, .breaker_s = 10, .deadline_s = 60};

struct server {
    struct llm_endpoint e;
    struct rng jitter;
    int64_t now;
};

static int setup(void **state)
{
    static struct server s;
    s = (struct server){.now = START_MS, .jitter = rng_stream(1, "test", 0, 0, 0)};
    s.e = (struct llm_endpoint){.ready = true, .window = 4, .window_max = WINDOW_MAX};
    *state = &s;
    return 0;
}

/* After `ms`, n times, each a round trip after the one before. */
static void answers(struct server *s, int n, double ms)
{
    for (int i = 0; i < n; i++) {
        s->now += (int64_t)ms;
        llm_endpoint_success(&s->e, ms, s->now);
    }
}

/* Fails; overload: with 429. */
static void fails(struct server *s, bool overload, double retry_after_s)
{
    llm_endpoint_failure(&s->e, &options, overload ? HTTP_FAULT_OVERLOAD : HTTP_FAULT_PASSING,
                         retry_after_s, &s->jitter, s->now);
}

/* The pause that the server has been given, in ms. */
static int64_t pause_of(const struct server *s)
{
    return s->e.hold_until - s->now;
}

/* --- window ---------------------------------------------------------------------------------- */

static void the_window_grows_by_one_per_window_of_answers_up_to_its_bound(void **state)
{
    struct server *s = *state;
    answers(s, 4, LATENCY_MS);
    assert_in_range((int)(s->e.window * 100), 485, 500);
    answers(s, 5, LATENCY_MS);
    assert_in_range((int)(s->e.window * 100), 575, 600);
    answers(s, 1000, LATENCY_MS);
    assert_int_equal((int)s->e.window, WINDOW_MAX);
    s->e.in_flight = WINDOW_MAX - 1;
    assert_true(llm_endpoint_may_ask(&s->e, s->now));
    s->e.in_flight = WINDOW_MAX;
    assert_false(llm_endpoint_may_ask(&s->e, s->now));
}

static void too_many_requests_halve_the_window_once_per_round_trip(void **state)
{
    struct server *s = *state;
    answers(s, 1, LATENCY_MS);
    s->e.window = 12;
    for (int i = 0; i < 3; i++)
        fails(s, true, -1);
    assert_close(s->e.window, 6, 0, 0);
    s->now += LATENCY_MS;
    fails(s, true, -1);
    assert_close(s->e.window, 3, 0, 0);
    for (int i = 0; i < 4; i++) {
        s->now += LATENCY_MS;
        fails(s, true, -1);
    }
    assert_close(s->e.window, 1, 0, 0);
}

static void a_failure_that_is_not_of_load_leaves_the_window(void **state)
{
    struct server *s = *state;
    answers(s, 1, LATENCY_MS);
    s->e.window = 12;
    fails(s, false, -1);
    assert_close(s->e.window, 12, 0, 0);
    assert_true(llm_endpoint_may_ask(&s->e, s->now)); /* one failure alone is no reason to wait */
}

static void answers_four_times_slower_take_a_quarter_of_the_window(void **state)
{
    struct server *s = *state;
    answers(s, 1, LATENCY_MS);
    s->e.window = 12;
    answers(s, 1, 4 * LATENCY_MS); /* as slow as is borne */
    assert_in_range((int)(s->e.window * 100), 1200, 1210);
    s->e.window = 12;
    answers(s, 1, 5 * LATENCY_MS);
    assert_close(s->e.window, 9, 0, 0);
    llm_endpoint_success(&s->e, 5 * LATENCY_MS, s->now); /* of the same round */
    assert_close(s->e.window, 9, 0, 0);
    answers(s, 1, 5 * LATENCY_MS);
    assert_close(s->e.window, 6.75, 0, 0);
}

/* --- pauses ---------------------------------------------------------------------------------- */

static void retry_after_is_obeyed(void **state)
{
    struct server *s = *state;
    fails(s, true, 7);
    assert_in_range(pause_of(s), 7000, 7001);
    assert_false(llm_endpoint_may_ask(&s->e, s->now + 6999));
    assert_true(llm_endpoint_may_ask(&s->e, s->e.hold_until));
    assert_int_equal(llm_endpoint_due(&s->e, s->now), s->e.hold_until);
    assert_int_equal(llm_endpoint_due(&s->e, s->e.hold_until), -1);
    fails(s, true, 2); /* never shortens what was asked for before */
    assert_in_range(pause_of(s), 7000, 7001);
    fails(s, true, 9);
    assert_in_range(pause_of(s), 9000, 9001);
}

static void retry_after_may_not_ask_for_ever(void **state)
{
    struct server *s = *state;
    fails(s, true, 1e9);
    assert_in_range(pause_of(s), 120000, 120001);
}

static void pauses_double_with_jitter_between_half_and_whole(void **state)
{
    enum { TIMES = 500, ROUNDS = 9 };
    struct server *s = *state;
    double low[ROUNDS], high[ROUNDS];
    for (int i = 0; i < TIMES; i++) {
        s->e = (struct llm_endpoint){.ready = true, .window = 4, .window_max = WINDOW_MAX};
        for (int k = 0; k < ROUNDS; k++) {
            s->e.history = 0; /* the breaker is another test's */
            fails(s, true, -1);
            double ms = (double)pause_of(s);
            low[k] = i && low[k] < ms ? low[k] : ms;
            high[k] = i && high[k] > ms ? high[k] : ms;
            s->now = s->e.hold_until;
        }
    }
    for (int k = 0; k < ROUNDS; k++) {
        double most = fmin(500 * (1 << k), 60000);
        assert_true(low[k] >= most / 2 && low[k] < 0.55 * most);
        assert_true(high[k] <= most + 1 && high[k] > 0.95 * most);
    }
}

static void an_answer_ends_the_doubling(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < 4; i++) {
        fails(s, true, -1);
        s->now = s->e.hold_until;
    }
    answers(s, 1, LATENCY_MS);
    fails(s, true, -1);
    assert_in_range(pause_of(s), 250, 501);
}

/* A whole window that is refused at once is one sign, not sixteen. */
static void requests_of_one_round_do_not_double_the_pause(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < LLM_HISTORY / 2; i++)
        fails(s, true, -1);
    assert_in_range(pause_of(s), 250, 501);
    s->now = s->e.hold_until;
    fails(s, true, -1);
    assert_in_range(pause_of(s), 500, 1001);
}

/* --- breaker --------------------------------------------------------------------------------- */

static void five_failures_in_a_row_open_the_breaker(void **state)
{
    struct server *s = *state;
    for (int i = 1; i < IN_A_ROW; i++) {
        fails(s, false, -1);
        assert_int_equal(s->e.breaker, LLM_CLOSED);
    }
    fails(s, false, -1);
    assert_int_equal(s->e.breaker, LLM_OPEN);
    assert_true(s->e.gone && !s->e.ready);
    assert_int_equal(s->e.open_until - s->now, 10000);
    assert_false(llm_endpoint_may_ask(&s->e, s->e.open_until - 1));
    assert_int_equal(llm_endpoint_due(&s->e, s->now), s->e.open_until);
}

static void failures_that_are_not_in_a_row_open_it_when_they_are_more_than_half(void **state)
{
    struct server *s = *state;
    answers(s, 9, LATENCY_MS);
    for (int i = 0; i < 5; i++) {
        fails(s, false, -1);
        fails(s, false, -1);
        assert_int_equal(s->e.breaker, LLM_CLOSED);
        if (i < 4)
            answers(s, 1, LATENCY_MS);
    }
    fails(s, false, -1); /* the eleventh of the last 20 */
    assert_int_equal(s->e.breaker, LLM_OPEN);
}

static void too_many_requests_five_times_in_a_row_do_not_open_it(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < 2 * IN_A_ROW; i++)
        fails(s, true, -1);
    assert_int_equal(s->e.breaker, LLM_CLOSED);
    assert_true(s->e.ready);
}

static void no_answer_in_time_five_times_in_a_row_opens_it(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < IN_A_ROW; i++) {
        assert_int_equal(s->e.breaker, LLM_CLOSED);
        llm_endpoint_failure(&s->e, &options, HTTP_FAULT_LATE, -1, &s->jitter, s->now);
    }
    assert_int_equal(s->e.breaker, LLM_OPEN);
    assert_true(s->e.gone);
}

/* The pause of the breaker that opens now, until which the clock is put. */
static int64_t open_for(struct server *s)
{
    int64_t pause = s->e.open_until - s->now;
    s->now = s->e.open_until > s->e.hold_until ? s->e.open_until : s->e.hold_until;
    return pause;
}

static void a_probe_that_fails_doubles_the_pause_up_to_sixteen_times(void **state)
{
    static const int64_t want[] = {10000, 20000, 40000, 80000, 160000, 160000};
    struct server *s = *state;
    for (int i = 0; i < IN_A_ROW; i++)
        fails(s, false, -1);
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_int_equal(open_for(s), want[k]);
        assert_true(llm_endpoint_may_ask(&s->e, s->now));
        assert_int_equal(s->e.breaker, LLM_HALF_OPEN);
        s->e.in_flight = 1;
        assert_false(llm_endpoint_may_ask(&s->e, s->now)); /* one probe decides */
        s->e.in_flight = 0;
        fails(s, false, -1);
    }
}

static void a_probe_that_succeeds_closes_it_with_a_window_of_one(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < IN_A_ROW; i++)
        fails(s, false, -1);
    open_for(s);
    assert_true(llm_endpoint_may_ask(&s->e, s->now));
    assert_close(s->e.window, 1, 0, 0);
    answers(s, 1, LATENCY_MS);
    assert_int_equal(s->e.breaker, LLM_CLOSED);
    s->e.ready = true; /* the probe's work */
    for (int i = 0; i < IN_A_ROW; i++)
        fails(s, false, -1);
    assert_int_equal(open_for(s), 10000); /* from the start */
}

/* What was under way when it opened fails as well and says nothing new. */
static void requests_under_way_do_not_double_the_pause_of_the_breaker(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < WINDOW_MAX; i++)
        fails(s, false, -1);
    assert_int_equal(s->e.open_until - s->now, 10000);
    s->now += ROUND_MS;
    fails(s, false, -1);
    assert_int_equal(s->e.open_until - s->now, 10000 - ROUND_MS);
    assert_int_equal(s->e.nhistory, 0);
    s->e.in_flight = 1; /* one hangs beyond the pause: it is no probe */
    s->now = s->e.open_until + 1;
    assert_int_equal(llm_endpoint_due(&s->e, s->now), -1);
    assert_false(llm_endpoint_may_ask(&s->e, s->now));
    int64_t hold = s->e.hold_until;
    s->e.in_flight = 0;
    fails(s, true, -1);
    assert_int_equal(s->e.hold_until, hold);
    assert_true(llm_endpoint_may_ask(&s->e, s->now));
}

static void what_only_a_person_can_mend_is_left_alone_for_as_long_as_told(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < WINDOW_MAX; i++) /* all that were under way say so */
        llm_endpoint_stop(&s->e, 300, s->now);
    assert_false(llm_endpoint_may_ask(&s->e, s->now + 299999));
    assert_true(llm_endpoint_may_ask(&s->e, s->now + 300000));
    s->now += 300000;
    fails(s, false, -1);
    assert_int_equal(s->e.open_until - s->now, 20000); /* the second in a row */
}

/* --- answers --------------------------------------------------------------------------------- */

static void labels(struct server *s, int n)
{
    for (int i = 0; i < n; i++)
        llm_endpoint_good_answer(&s->e, s->now);
}

/* True when the breaker opened at the last of n answers that are no labels. */
static bool babbles(struct server *s, int n)
{
    bool opened = false;
    for (int i = 0; i < n; i++) {
        answers(s, 1, LATENCY_MS);
        llm_endpoint_bad_answer(&s->e);
        assert_false(opened);
        opened = llm_endpoint_judge(&s->e, &options, s->now);
    }
    return opened;
}

static void eight_answers_in_a_row_that_are_no_labels_open_it(void **state)
{
    struct server *s = *state;
    assert_false(babbles(s, 7));
    labels(s, 1);
    assert_false(babbles(s, 7));
    assert_true(babbles(s, 1));
    assert_int_equal(s->e.breaker, LLM_OPEN);
    assert_true(s->e.gone && !s->e.ready);
    assert_int_equal(s->e.open_until - s->now, 10000);
    answers(s, 1, LATENCY_MS); /* what was under way changes nothing */
    assert_false(babbles(s, 20));
    assert_int_equal(s->e.breaker, LLM_OPEN);
}

static void more_than_half_of_twenty_answers_open_it(void **state)
{
    struct server *s = *state;
    for (int i = 0; i < 40; i++) { /* half of them are borne for ever */
        labels(s, 1);
        assert_false(babbles(s, 1));
    }
    assert_true(babbles(s, 1)); /* 11 of the last 20 */
}

static void a_server_that_obeys_the_probe_and_never_labels_is_asked_ever_less(void **state)
{
    static const int64_t want[] = {10000, 20000, 40000, 80000, 160000, 160000};
    struct server *s = *state;
    assert_true(babbles(s, 8));
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        assert_int_equal(open_for(s), want[k]);
        assert_true(llm_endpoint_may_ask(&s->e, s->now));
        answers(s, 2, LATENCY_MS); /* the probe */
        s->e.ready = true;
        assert_int_equal(s->e.breaker, LLM_CLOSED);
        s->e.in_flight = 1;
        assert_false(llm_endpoint_may_ask(&s->e, s->now)); /* one question at a time */
        s->e.in_flight = 0;
        assert_true(babbles(s, 2));
    }
}

static void eight_labels_end_the_trial(void **state)
{
    struct server *s = *state;
    for (int before = 1; before <= 8; before += 7) {
        s->e = (struct llm_endpoint){.ready = true, .window = 4, .window_max = WINDOW_MAX};
        assert_true(babbles(s, 8));
        open_for(s);
        assert_true(llm_endpoint_may_ask(&s->e, s->now));
        answers(s, 2, LATENCY_MS);
        s->e.ready = true;
        labels(s, before);
        assert_false(s->e.gone);
        assert_true(babbles(s, 8));
        assert_int_equal(open_for(s), before < 8 ? 20000 : 10000);
    }
}

static void doubt_is(struct server *s, int64_t doubted_ms, bool idle, enum llm_doubt want)
{
    assert_int_equal(llm_endpoint_doubt(&s->e, &options, doubted_ms, idle, s->now), want);
}

static void an_abstention_stands_when_eight_others_are_labelled_after_it(void **state)
{
    struct server *s = *state;
    int64_t asked = s->now;
    s->now++;
    labels(s, 7);
    doubt_is(s, asked, true, LLM_DOUBT_OPEN);
    labels(s, 1);
    doubt_is(s, asked, false, LLM_DOUBT_STANDS);
}

/* Half of what it says, or more, is no label: time alone proves nothing. */
static void an_abstention_falls_while_the_server_does_badly(void **state)
{
    struct server *s = *state;
    int64_t asked = s->now;
    labels(s, 8);
    assert_false(babbles(s, 5));
    labels(s, 1);
    assert_false(babbles(s, 5));
    s->now = asked + 60000;
    doubt_is(s, asked + 10000, false, LLM_DOUBT_OPEN);
    s->now = asked + 70000;
    doubt_is(s, asked + 10000, false, LLM_DOUBT_FALLS);
}

/* Labels before it may be those of better times: first the server shows that it goes on well. */
static void with_labels_before_it_an_abstention_waits_for_more(void **state)
{
    struct server *s = *state;
    labels(s, 8);
    s->now += 1000;
    int64_t asked = s->now;
    doubt_is(s, asked, true, LLM_DOUBT_OPEN);
    s->now += 7999;
    doubt_is(s, asked, true, LLM_DOUBT_OPEN);
    s->now += 1;
    doubt_is(s, asked, true, LLM_DOUBT_STANDS); /* nobody else is there to be asked */
    doubt_is(s, asked, false, LLM_DOUBT_OPEN);
    s->now = asked + 60000;
    doubt_is(s, asked, false, LLM_DOUBT_STANDS);
}

static void an_abstention_falls_without_eight_labels_within_a_minute(void **state)
{
    struct server *s = *state;
    int64_t asked = s->now + 60001;
    labels(s, 20);
    s->now = asked + 8000;
    doubt_is(s, asked, true, LLM_DOUBT_FALLS); /* all are older */
    s->now = asked + 30000;
    labels(s, 7);
    s->now = asked + 60000;
    doubt_is(s, asked, false, LLM_DOUBT_FALLS); /* one too few */
    s->now = asked + 61000;
    labels(s, 1);
    doubt_is(s, asked, false, LLM_DOUBT_FALLS); /* too late */
}

int main(void)
{
#define SERVER(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        SERVER(the_window_grows_by_one_per_window_of_answers_up_to_its_bound),
        SERVER(too_many_requests_halve_the_window_once_per_round_trip),
        SERVER(a_failure_that_is_not_of_load_leaves_the_window),
        SERVER(answers_four_times_slower_take_a_quarter_of_the_window),
        SERVER(retry_after_is_obeyed),
        SERVER(retry_after_may_not_ask_for_ever),
        SERVER(pauses_double_with_jitter_between_half_and_whole),
        SERVER(an_answer_ends_the_doubling),
        SERVER(requests_of_one_round_do_not_double_the_pause),
        SERVER(five_failures_in_a_row_open_the_breaker),
        SERVER(failures_that_are_not_in_a_row_open_it_when_they_are_more_than_half),
        SERVER(no_answer_in_time_five_times_in_a_row_opens_it),
        SERVER(too_many_requests_five_times_in_a_row_do_not_open_it),
        SERVER(a_probe_that_fails_doubles_the_pause_up_to_sixteen_times),
        SERVER(a_probe_that_succeeds_closes_it_with_a_window_of_one),
        SERVER(requests_under_way_do_not_double_the_pause_of_the_breaker),
        SERVER(what_only_a_person_can_mend_is_left_alone_for_as_long_as_told),
        SERVER(eight_answers_in_a_row_that_are_no_labels_open_it),
        SERVER(more_than_half_of_twenty_answers_open_it),
        SERVER(a_server_that_obeys_the_probe_and_never_labels_is_asked_ever_less),
        SERVER(eight_labels_end_the_trial),
        SERVER(an_abstention_stands_when_eight_others_are_labelled_after_it),
        SERVER(an_abstention_falls_while_the_server_does_badly),
        SERVER(with_labels_before_it_an_abstention_waits_for_more),
        SERVER(an_abstention_falls_without_eight_labels_within_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
