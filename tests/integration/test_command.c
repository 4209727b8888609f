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
    return annotator_run_says(h) && life_pid(h->r, 3) > 0;
}

/* Nothing is answered, the status says why, and it is started again and again. */
static void stops(const char *behaviour, const char *part)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = part};
    prepare(&r, behaviour);
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
#define STOPS(name, part)                                                                          \
    static void name##_stops(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        stops(#name, part);                                                                        \
    }
#define ALL                                                                                        \
    COMES(right, NULL, NULL)                                                                       \
    COMES(pairs, NULL, NULL)                                                                       \
    COMES(boolean, NULL, NULL)                                                                     \
    COMES(chatty, NULL, NULL)                                                                      \
    COMES(twice, NULL, NULL)                                                                       \
    COMES(one_shot, NULL, NULL)                                                                    \
    COMES(dead_first, NULL, NULL)                                                                  \
    COMES(killed_first, NULL, NULL)                                                                \
    COMES(endless_line, NULL, NULL)                                                                \
    COMES(hang_first, "command.timeout_s", "2")                                                    \
    COMES(fickle, "annotator.vote", "3")                                                           \
    ABSTAINS(hang, "no answer within 0.7 s", 2, "0.7")                                             \
    ABSTAINS(garbage, "it wrote Traceback", 1, "4")                                                \
    ABSTAINS(liar, "no answer within", 1, "0.7")                                                   \
    ABSTAINS(seven, "7 is no label of a question of kind class", MANY, "30")                       \
    ABSTAINS(word, "\"label\" (a number)", MANY, "30")                                             \
    ABSTAINS(nothing, "\"label\" (a number)", MANY, "30")                                          \
    ABSTAINS(both, "\"label\" (a number)", MANY, "30")                                             \
    ABSTAINS(sure, "confidence", MANY, "30")                                                       \
    ABSTAINS(shy, "I would rather not", MANY, "30")                                                \
    STOPS(dead, "it ended with code 3")                                                            \
    STOPS(mute, "it closed its output")

ALL
#undef COMES
#undef ABSTAINS
#undef STOPS

    static void
    one_question_that_kills_it_is_given_up_alone(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "poison");
    annotator_run_open(&r, "command");
    r.a->v->submit(r.a, MANY - 1, "the poison", 10, 0);
    for (int i = 0; i < MANY - 1; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.abstained, 1);
    assert_int_equal(r.labels, MANY - 1);
    assert_int_equal(r.right, r.labels);
    dispose(&r);
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
    r.a->v->submit(r.a, 1, "the lost", 8, 0);
    for (int i = 1; r.odd == 0; i++) { /* keep the others coming */
        r.want = i;
        annotator_run_submit(&r, 2 * i);
        assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    }
    assert_int_equal(r.abstained, 0);
    assert_int_equal(r.right, r.labels);
    assert_int_equal(life_pid(&r, 2), 0); /* nobody was killed for it */
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
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "\"/dev/null\"");
    snprintf(c.command_run, sizeof c.command_run, "X=1 no-such-program | cat");
    assert_ok(v->available(&c, &err)); /* for the shell to judge */
    memset(c.command_version, 'v', 61);
    assert_err(v->available(&c, &err), ONIC_ECONFIG, "command.version");
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
#define STOPS(name, part) cmocka_unit_test(name##_stops),
        ALL
#undef COMES
#undef ABSTAINS
#undef STOPS
            cmocka_unit_test(one_question_that_kills_it_is_given_up_alone),
        cmocka_unit_test(a_missing_answer_is_asked_for_again),
        cmocka_unit_test(bad_options_are_refused_with_a_sentence),
        cmocka_unit_test(the_example_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
