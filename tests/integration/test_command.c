/* SPDX-License-Identifier: MIT */
/* The command annotator against tests/support/scripted_annotator: one behaviour of a program per
 * test. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <stdlib.h>

#include "tests/support/annotator_run.h"
#include "tests/support/program.h"

enum { MANY = 12 };

static void prepare(struct annotator_run *r, const char *behaviour)
{
    char run[900];
    annotator_run_prepare(r, MANY);
    snprintf(run, sizeof run,
             "python3 %s/tests/support/scripted_annotator/scripted_annotator.py %s %s",
             getenv("ONIC_SOURCE"), behaviour, r->dir);
    annotator_run_set(r, "command.run", run);
    annotator_run_set(r, "command.backoff_s", "0.01");
}

/* Process id of life number `life` (from 1), or 0. */
static pid_t life_pid(const struct annotator_run *r, int life)
{
    char path[300];
    snprintf(path, sizeof path, "%s/lives", r->dir);
    const char *p = program_text(path);
    while (--life > 0 && p)
        p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    return p ? atoi(p) : 0;
}

static bool all_gone(void *ctx)
{
    for (int life = 1; life_pid(ctx, life) > 0; life++)
        if (!process_gone(life_pid(ctx, life)))
            return false;
    return true;
}

static void dispose(struct annotator_run *r)
{
    annotator_run_close(r);
    assert_true(wait_until(all_gone, r, ANNOTATOR_RUN_PATIENCE_MS));
    annotator_run_dispose(r);
}

static void labels_come(const char *behaviour, const char *key, const char *value)
{
    struct annotator_run r;
    prepare(&r, behaviour);
    if (key)
        annotator_run_set(&r, key, value);
    annotator_run_open(&r, "command");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    dispose(&r);
}

/* timeout_s: of an answer; a program that says why needs time to say it, also on a busy machine. */
static void abstains(const char *behaviour, const char *why, int questions, const char *timeout_s)
{
    struct annotator_run r;
    prepare(&r, behaviour);
    r.want = questions;
    annotator_run_set(&r, "command.timeout_s", timeout_s);
    annotator_run_open(&r, "command");
    annotator_run_ask_all(&r);
    assert_int_equal(r.abstained, r.want);
    if (!strstr(r.raw, why))
        fail_msg("\"%s\" does not say \"%s\"", r.raw, why);
    dispose(&r);
}

static bool says(void *ctx)
{
    struct annotator_hope *h = ctx;
    return annotator_run_says(h) && life_pid(h->r, 2) > 0;
}

/* Nothing is answered, the status says why, and it is started again. */
static void stops(const char *behaviour, const char *part, const char *timeout_s)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = part};
    prepare(&r, behaviour);
    annotator_run_set(&r, "command.timeout_s", timeout_s);
    annotator_run_open(&r, "command");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    if (!wait_until(says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\" does not say \"%s\"", h.text, part);
    assert_int_equal(r.answered, 0);
    dispose(&r);
}

#define COMES(name, key, value)                                                                    \
    static void name##_labels_come(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        labels_come(#name, key, value);                                                            \
    }
#define ABSTAINS(name, why, questions, timeout_s)                                                  \
    static void name##_abstains(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        abstains(#name, why, questions, timeout_s);                                                \
    }
#define STOPS(name, part, timeout_s)                                                               \
    static void name##_stops(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        stops(#name, part, timeout_s);                                                             \
    }
#define ALL                                                                                        \
    COMES(right, NULL, NULL)                                                                       \
    COMES(pairs, NULL, NULL)                                                                       \
    COMES(boolean, NULL, NULL)                                                                     \
    COMES(chatty, NULL, NULL)                                                                      \
    COMES(twice, NULL, NULL)                                                                       \
    COMES(one_shot, NULL, NULL)                                                                    \
    COMES(deaf, "command.window", "1")                                                             \
    COMES(dead_first, NULL, NULL)                                                                  \
    COMES(killed_first, NULL, NULL)                                                                \
    COMES(endless_line, NULL, NULL)                                                                \
    COMES(hang_first, "command.timeout_s", "2")                                                    \
    COMES(fickle, "annotator.vote", "3")                                                           \
    COMES(repents, NULL, NULL)                                                                     \
    ABSTAINS(shy, "I would rather not", MANY, "30")                                                \
    STOPS(hang, "no answer within 0.7 s", "0.7")                                                   \
    STOPS(garbage, "no answer within 2 s; it wrote what is no answer: Traceback:  [2J", "2")       \
    STOPS(liar, "no answer within 0.7 s", "0.7")                                                   \
    STOPS(seven, "label 7, confidence 1, of a question of kind class: label must be 0 or 1", "30") \
    STOPS(word, "\"label\" (a number)", "30")                                                      \
    STOPS(nothing, "\"label\" (a number)", "30")                                                   \
    STOPS(both, "\"label\" (a number)", "30")                                                      \
    STOPS(sure, "of kind class: confidence must be from 0 to 1", "30")                             \
    STOPS(error, "it says: the service is overloaded", "30")                                       \
    STOPS(dead, "it ended with code 3: I cannot go on", "30")                                      \
    STOPS(mute, "it closed its output, without a word on stderr", "30")

ALL
#undef COMES
#undef ABSTAINS
#undef STOPS

    /* Others come all the time, as they do in training; the one is given up, they are labelled. */
    static void
    one_is_given_up(const char *behaviour, const char *why)
{
    struct annotator_run r;
    prepare(&r, behaviour);
    annotator_run_open(&r, "command");
    r.a->v->submit(r.a, 1, "the poison", 10, 0);
    for (int i = 0; r.odd == 0; i++) {
        r.want = i + 1;
        annotator_run_submit(&r, 2 * i);
        assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    }
    assert_int_equal(r.abstained, 1);
    assert_in_range(r.labels, 1, 200); /* how many come between its ends is the machine's */
    assert_int_equal(r.right, r.labels);
    if (!strstr(r.odd_raw, why))
        fail_msg("\"%s\" does not say \"%s\"", r.odd_raw, why);
    dispose(&r);
}

static void one_question_that_kills_it_is_given_up_alone(void **state)
{
    (void)state;
    one_is_given_up("poison", "failed 3 times while others were answered: it ended with code 5");
}

static void one_question_that_it_answers_with_nonsense_is_given_up(void **state)
{
    (void)state;
    one_is_given_up("seven_once", "while others were answered: its answer is no label: label 7");
}

/* As at the end of a list, or in a deterministic run that waits for it: what was labelled before
 * shows that the program works. */
static void the_last_question_is_given_up_too(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "poison");
    annotator_run_open(&r, "command");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    r.a->v->submit(r.a, 1, "the poison", 10, 0);
    r.want = MANY + 1;
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.abstained, 1);
    assert_int_equal(r.answered, MANY + 1);
    dispose(&r);
}

/* It answers, then dies at once for six lives, then answers again. */
static void a_program_that_has_worked_and_breaks_settles_nothing(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "it ended with code 1: the licence has expired"};
    (void)state;
    prepare(&r, "breaks");
    annotator_run_set(&r, "command.backoff_s", "0.02");
    annotator_run_open(&r, "command");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    annotator_run_submit(&r, 0);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    r.want = MANY + 1;
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.labels, MANY + 1);
    assert_int_equal(r.right, MANY + 1);
    dispose(&r);
}

static void ignore_answer(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    (void)ctx;
    (void)label;
}

static bool lives_again(void *ctx)
{
    struct annotator_run *r = ctx;
    r->a->v->poll(r->a, ignore_answer, NULL);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    return life_pid(r, 2) > 0;
}

/* Never 8 unusable answers in a row, but two of three. */
static void a_program_that_is_wrong_more_often_than_not_is_started_again(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "often_wrong");
    annotator_run_open(&r, "command");
    for (int i = 0; i < 5 * MANY; i++)
        annotator_run_submit(&r, 2 * i);
    assert_true(wait_until(lives_again, &r, ANNOTATOR_RUN_PATIENCE_MS));
    dispose(&r);
}

static void a_program_that_only_abstains_is_told(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "abstained: I would rather not (12 times, never"};
    (void)state;
    prepare(&r, "shy");
    annotator_run_open(&r, "command");
    annotator_run_ask_all(&r);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    dispose(&r);
}

/* Asks this, and others one after the other until it has come to something. */
static void ask_among_others(struct annotator_run *r, const char *caption)
{
    r->a->v->submit(r->a, 1, caption, strlen(caption), 0);
    for (int i = 1; r->odd == 0; i++) {
        r->want = i;
        annotator_run_submit(r, 2 * i);
        assert_true(wait_until(annotator_run_answered, r, ANNOTATOR_RUN_PATIENCE_MS));
    }
}

/* One answer never comes while others do. */
static void a_missing_answer_is_asked_for_again(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "loses");
    annotator_run_set(&r, "command.window", "2");
    annotator_run_set(&r, "command.timeout_s", "3");
    annotator_run_open(&r, "command");
    ask_among_others(&r, "the lost");
    assert_int_equal(r.abstained, 0);
    assert_int_equal(r.right, r.labels);
    assert_int_equal(life_pid(&r, 2), 0); /* nobody was killed for it */
    dispose(&r);
}

/* Twice no label, then nothing at all, while others are answered. */
static void one_question_that_it_forgets_in_the_end_is_given_up(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "nonsense_then_silent");
    annotator_run_set(&r, "command.window", "2");
    annotator_run_set(&r, "command.timeout_s", "6");
    annotator_run_open(&r, "command");
    ask_among_others(&r, "the poison");
    assert_int_equal(r.abstained, 1);
    assert_int_equal(r.right, r.labels);
    assert_string_equal(r.odd_raw, "abstained: it failed 3 times while others were answered: its "
                                   "answer is missing, others came");
    dispose(&r);
}

static void bad_options_are_refused_with_a_sentence(void **state)
{
    const struct annotator_vtable *v = annotator_find("command");
    struct config c;
    (void)state;
    config_defaults(&c);
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "--command.run=");
    snprintf(c.command_run, sizeof c.command_run, "no-such-program --x");
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "\"no-such-program\"");
    snprintf(c.command_run, sizeof c.command_run, "/dev/null");
    assert_err(
        v->available(&c, &err), ONIC_ECONFIG,
        "\"/dev/null\", which is no program: make it one (chmod +x), or put its interpreter before "
        "it (python3 FILE)");
    snprintf(c.command_run, sizeof c.command_run, "/tmp --x");
    assert_err(v->available(&c, &err), ONIC_ECONFIG,
               "\"/tmp\", which is a folder: name a program in it");
    snprintf(c.command_run, sizeof c.command_run, "/tmp/no-such-program");
    assert_err(v->available(&c, &err), ONIC_ECONFIG,
               "which is not found: name a program, or its path");
    snprintf(c.command_run, sizeof c.command_run, "README.md");
    assert_err(
        v->available(&c, &err), ONIC_ECONFIG,
        "\"README.md\", which is a file here but no program that a shell finds: write ./ before "
        "it, or its interpreter (python3 FILE)");
    snprintf(c.command_run, sizeof c.command_run, "X=1 no-such-program | cat");
    assert_ok(v->available(&c, &err)); /* for the shell to judge */
    memset(c.command_version, 'v', 61);
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "command.version is longer than 60 bytes");
}

static void the_example_answers(void **state)
{
    struct annotator_run r;
    char run[700];
    (void)state;
    prepare(&r, "");
    snprintf(run, sizeof run, "%s/deploy/examples/annotator.py", getenv("ONIC_SOURCE"));
    annotator_run_set(&r, "command.run", run);
    annotator_run_open(&r, "command");
    r.want = 1;
    r.a->v->submit(r.a, 0, "You see a red key.", 18, 0);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_string_equal(r.raw, "has key");
    assert_int_equal(r.right, 1);
    r.want = 2;
    r.a->v->submit(r.a, 0, "a\0b", 3, 0);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_string_equal(r.raw, "abstained: cannot answer questions of kind pair");
    dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define COMES(name, key, value) cmocka_unit_test(name##_labels_come),
#define ABSTAINS(name, why, questions, timeout_s) cmocka_unit_test(name##_abstains),
#define STOPS(name, part, timeout_s) cmocka_unit_test(name##_stops),
        ALL
#undef COMES
#undef ABSTAINS
#undef STOPS
            cmocka_unit_test(one_question_that_kills_it_is_given_up_alone),
        cmocka_unit_test(one_question_that_it_answers_with_nonsense_is_given_up),
        cmocka_unit_test(the_last_question_is_given_up_too),
        cmocka_unit_test(a_program_that_has_worked_and_breaks_settles_nothing),
        cmocka_unit_test(a_program_that_is_wrong_more_often_than_not_is_started_again),
        cmocka_unit_test(a_program_that_only_abstains_is_told),
        cmocka_unit_test(a_missing_answer_is_asked_for_again),
        cmocka_unit_test(one_question_that_it_forgets_in_the_end_is_given_up),
        cmocka_unit_test(bad_options_are_refused_with_a_sentence),
        cmocka_unit_test(the_example_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
