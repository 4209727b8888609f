/* SPDX-License-Identifier: MIT */
/* test_supervise_deaths.c - parts that die: which deaths end a run, which are counted, and up to
 * where, and which are nobody's fault. */
#define _GNU_SOURCE
#include "tests/support/supervised.h"

static void deaths_by_signal_are_counted_and_end_the_run(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 3;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR, "ev actor-life; echo 'last words' >&2; kill -9 $$");
    int64_t begin = clock_ms();
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "actor-life"), 3);
    assert_int_equal(count_word(s, "events", "learner-term"), 1); /* drained, not killed */
    assert_true(clock_ms() - begin >= 600); /* two back-offs, doubling: 0.2 + 0.4 s at least */
    const char *sentence = strstr(slurp(s, "stderr"), "SENTENCE actor-0 ended with signal 9");
    assert_non_null(sentence);
    assert_non_null(strstr(sentence, "3 times"));
    assert_non_null(strstr(sentence, "out-of-memory killer"));
    assert_non_null(strstr(sentence, "last words"));
}

/* A failed assertion is a signal, memory that is short an exit code: each is a cause with a count,
 * and the sentence has the part's own words. */
static void assertions_and_want_of_memory_are_bounded(void **state)
{
    static const struct {
        const char *end, *sentence;
    } cases[] = {
        {"kill -6 $$", "SENTENCE actor-0 ended with signal 6 (Aborted), 2 times by now "
                       "(run.restarts): onic: what is wrong"},
        {"exit 70", "SENTENCE actor-0 ended with exit code 70, 2 times by now (run.restarts): "
                    "onic: what is wrong"},
    };
    struct supervised *s = *state;
    s->params.restarts = 2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[200], events[300];
        s->params.count = 0;
        snprintf(events, sizeof events, "%s/events", s->dir);
        files_write(events, "");
        part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
        snprintf(body, sizeof body, "ev life; echo 'onic: what is wrong' >&2; %s", cases[i].end);
        part(s, "actor-0", CHILD_ACTOR, body);
        start(s);
        assert_int_equal(finish(s), 70);
        assert_int_equal(count_word(s, "events", "life"), 2);
        assert_non_null(strstr(slurp(s, "stderr"), cases[i].sentence));
    }
}

static void restarts_0_restarts_without_a_bound(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 0;
    part(s, "learner", CHILD_LEARNER,
         "while [ $(grep -c actor events) -lt 6 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev actor; kill -9 $$");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "actor"), 6);
    assert_non_null(strstr(slurp(s, "stderr"), "signal 9"));
}

static void each_cause_has_its_own_count(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR,
         "ev life; case $(grep -c life events) in 1) kill -11 $$;; 2) exit 70;; 3) kill -6 $$;; "
         "*) kill -11 $$;; esac");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "life"), 4);
    assert_non_null(strstr(slurp(s, "stderr"), "SENTENCE actor-0 ended with signal 11"));
}

static void a_fenced_part_is_replaced(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, "await second; exit 0");
    part(s, "actor-0", CHILD_ACTOR,
         "ev life; [ $(grep -c life events) -eq 1 ] && exit 76; ev second; " UNTIL_TERM("actor"));
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 2);
}

static void a_part_that_is_fenced_again_and_again_does_not_end_the_run(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "while [ $(grep -c life events) -lt 4 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev life; echo 'number 0 is in use' >&2; exit 76");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "life"), 4);
    assert_non_null(strstr(slurp(s, "stderr"), "number 0 is in use"));
}

static void a_part_that_cannot_be_started_ends_the_run(void **state)
{
    struct supervised *s = *state;
    char path[300];
    s->params.restarts = 1;
    snprintf(path, sizeof path, "%s/log", s->dir);
    assert_int_equal(rmdir(path), 0);
    FILE *f = fopen(path, "w"); /* where the folder should be */
    assert_non_null(f);
    fclose(f);
    part(s, "learner", CHILD_LEARNER, "ev life");
    start(s);
    assert_int_equal(finish(s), 74);
    assert_int_equal(count_word(s, "events", "life"), 0);
    assert_non_null(strstr(slurp(s, "stderr"), "/log cannot be made: Not a directory"));
}

static void exit_64_ends_the_run_with_the_childs_sentence(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, UNTIL_TERM("learner"));
    part(s, "actor-0", CHILD_ACTOR,
         "await learner-up; echo 'noise' >&2; echo 'onic-actor: the "
         "wheel is missing' >&2; exit 64");
    start(s);
    assert_int_equal(finish(s), 64);
    assert_non_null(
        strstr(slurp(s, "stderr"),
               "SENTENCE actor-0 ended with exit code 64: onic-actor: the wheel is missing"));
    assert_int_equal(count_word(s, "stderr", "the wheel is missing"), 1); /* said once */
    assert_int_equal(count_word(s, "events", "learner-term"), 1);         /* drained, not killed */
}

static void exit_70_is_restarted_five_times_at_most(void **state)
{
    struct supervised *s = *state;
    part(s, "learner", CHILD_LEARNER, "ev learner; echo broken >&2; exit 70");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "learner"), 5);
    assert_non_null(
        strstr(slurp(s, "stderr"),
               "SENTENCE learner ended with exit code 70, 5 times by now (run.restarts): broken"));
}

static void exit_75_again_and_again_ends_the_run(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 3;
    part(s, "learner", CHILD_LEARNER,
         "trap 'ev learner-term; exit 0' TERM; "
         "while [ $(grep -c life events) -lt 6 ]; do sleep 0.05; done; exit 0");
    part(s, "actor-0", CHILD_ACTOR, "ev life; echo 'environment step hung' >&2; exit 75");
    start(s);
    assert_int_equal(finish(s), 70); /* whoever supervises us would try 75 for ever */
    assert_in_range(count_word(s, "events", "life"), 3, 4); /* the learner may be the newer one */
    assert_non_null(strstr(slurp(s, "stderr"),
                           "SENTENCE actor-0 ended with exit code 75, 3 times by now "
                           "(run.restarts): environment step hung"));
    assert_int_equal(count_word(s, "events", "learner-term"), 1); /* drained, not killed */
}

static void exit_75_of_a_learner_is_bounded_too(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev learner; [ $(grep -c learner events) -ge 4 ] && exit 0; exit 75");
    start(s);
    assert_int_equal(finish(s), 70);
    assert_int_equal(count_word(s, "events", "learner"), 2);
}

/* Each life of the learner ends after one more of the actor has begun, and each of the actor's when
 * the learner is gone: four of them, where two would end the run. */
static void an_actor_that_misses_its_learner_is_not_counted(void **state)
{
    struct supervised *s = *state;
    s->params.restarts = 2;
    part(s, "learner", CHILD_LEARNER,
         "ev learner; n=$(grep -c learner events); [ $n -eq 5 ] && exit 0; "
         "while [ $(grep -c actor events) -lt $n ]; do sleep 0.02; done; exit $n");
    part(s, "actor-0", CHILD_ACTOR,
         "ev actor; n=$(grep -c actor events); "
         "while [ $(grep -c learner events) -le $n ]; do sleep 0.02; done; exit 75");
    start(s);
    assert_int_equal(finish(s), 0);
    assert_int_equal(count_word(s, "events", "learner"), 5);
    assert_true(count_word(s, "events", "actor") >= 4);
}

#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(deaths_by_signal_are_counted_and_end_the_run),
        SCENE(assertions_and_want_of_memory_are_bounded),
        SCENE(restarts_0_restarts_without_a_bound),
        SCENE(each_cause_has_its_own_count),
        SCENE(a_fenced_part_is_replaced),
        SCENE(a_part_that_is_fenced_again_and_again_does_not_end_the_run),
        SCENE(a_part_that_cannot_be_started_ends_the_run),
        SCENE(exit_64_ends_the_run_with_the_childs_sentence),
        SCENE(exit_70_is_restarted_five_times_at_most),
        SCENE(exit_75_again_and_again_ends_the_run),
        SCENE(exit_75_of_a_learner_is_bounded_too),
        SCENE(an_actor_that_misses_its_learner_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
