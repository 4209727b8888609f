/* SPDX-License-Identifier: MIT */
/* The command annotator against tests/support/scripted_annotator: one behaviour of a program per
 * test. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "reward_server/annotators/annotator.h"
#include "tests/support/program.h"

enum { MANY = 12, SECONDS = 20 };

struct run {
    char dir[256], store[300];
    struct config config;
    struct goal *goal;
    uv_loop_t loop;
    struct annotator *a;
    int want, answered, labels, right, abstained, odd;
    char raw[LABEL_RAW_MAX];
};

static void wake(void *ctx)
{
    (void)ctx;
}

static void set(struct run *r, const char *key, const char *value)
{
    assert_ok(config_set(&r->config, key, value, CONFIG_CLI, key, &err));
}

static void prepare(struct run *r, const char *behaviour)
{
    char run[900], goals[600];
    memset(r, 0, sizeof *r);
    r->want = MANY;
    signal(SIGPIPE, SIG_IGN);
    temp_dir_create(r->dir);
    config_defaults(&r->config);
    snprintf(goals, sizeof goals, "%s/deploy/goals", getenv("ONIC_SOURCE"));
    assert_ok(goal_load(&r->goal, goals, "minigrid", "KeyCorridor", &err));
    snprintf(run, sizeof run,
             "python3 %s/tests/support/scripted_annotator/scripted_annotator.py %s %s",
             getenv("ONIC_SOURCE"), behaviour, r->dir);
    set(r, "command.run", run);
    set(r, "command.backoff_s", "0.01");
    assert_int_equal(uv_loop_init(&r->loop), 0);
}

static void open_annotator(struct run *r)
{
    struct annotator_setup setup = {
        .config = &r->config, .goal = r->goal, .loop = &r->loop, .wake = wake};
    assert_ok(annotator_open(&r->a, annotator_find("command"), &setup, &err));
}

/* Process id of life number `life` (from 1), or 0. */
static pid_t life_pid(const struct run *r, int life)
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

static void dispose(struct run *r)
{
    r->a->v->free(r->a);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0); /* every handle is closed */
    assert_true(wait_until(all_gone, r, SECONDS * 1000));
    goal_free(r->goal);
    temp_dir_remove(r->dir);
}

/* Even tickets are good captions. */
static void note(void *ctx, const struct annotator_answer *a)
{
    struct run *r = ctx;
    r->answered++;
    r->labels += a->state == LABEL_ANSWERED;
    r->abstained += a->state == LABEL_ABSTAINED;
    r->right += a->state == LABEL_ANSWERED && (a->label > 0.5) == (a->ticket % 2 == 0);
    r->odd += a->ticket % 2 == 1;
    snprintf(r->raw, sizeof r->raw, "%s", a->raw);
}

static void submit(struct run *r, int i)
{
    char caption[80];
    snprintf(caption, sizeof caption, "A %s thing\xe9 number \"%d\" happens.",
             i % 2 ? "bad" : "good", i);
    r->a->v->submit(r->a, (uint64_t)i, caption, strlen(caption), 0);
}

static bool answered(void *ctx)
{
    struct run *r = ctx;
    uv_run(&r->loop, UV_RUN_NOWAIT);
    r->a->v->poll(r->a, note, r);
    return r->answered >= r->want;
}

static void ask_all(struct run *r)
{
    for (int i = 0; i < r->want; i++)
        submit(r, i);
    if (!wait_until(answered, r, SECONDS * 1000)) {
        char text[160];
        r->a->v->status(r->a, text, NULL);
        fail_msg("%d of %d answers; status: %s", r->answered, r->want, text);
    }
    assert_int_equal(r->answered, r->want);
    assert_int_equal(r->right, r->labels); /* no label was ever wrong */
}

static void labels_come(const char *behaviour, const char *key, const char *value)
{
    struct run r;
    prepare(&r, behaviour);
    if (key)
        set(&r, key, value);
    open_annotator(&r);
    ask_all(&r);
    assert_int_equal(r.labels, MANY);
    dispose(&r);
}

static void abstains(const char *behaviour, const char *why, int questions)
{
    struct run r;
    prepare(&r, behaviour);
    r.want = questions;
    set(&r, "command.timeout_s", questions < MANY ? "0.7" : "30");
    open_annotator(&r);
    ask_all(&r);
    assert_int_equal(r.abstained, r.want);
    if (!strstr(r.raw, why))
        fail_msg("\"%s\" does not say \"%s\"", r.raw, why);
    dispose(&r);
}

struct hope {
    struct run *r;
    const char *part;
    char text[160];
};

static bool says(void *ctx)
{
    struct hope *h = ctx;
    answered(h->r);
    h->r->a->v->status(h->r->a, h->text, NULL);
    return strstr(h->text, h->part) && life_pid(h->r, 3) > 0;
}

/* Nothing is answered, the status says why, and it is started again and again. */
static void stops(const char *behaviour, const char *part)
{
    struct run r;
    struct hope h = {.r = &r, .part = part};
    prepare(&r, behaviour);
    open_annotator(&r);
    for (int i = 0; i < MANY; i++)
        submit(&r, i);
    if (!wait_until(says, &h, SECONDS * 1000))
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
#define ABSTAINS(name, why, questions)                                                             \
    static void name##_abstains(void **state)                                                      \
    {                                                                                              \
        (void)state;                                                                               \
        abstains(#name, why, questions);                                                           \
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
    ABSTAINS(hang, "no answer within 0.7 s", 2)                                                    \
    ABSTAINS(garbage, "it wrote Traceback", 1)                                                     \
    ABSTAINS(liar, "no answer within", 1)                                                          \
    ABSTAINS(seven, "7 is no label of a question of kind class", MANY)                             \
    ABSTAINS(word, "\"label\" (a number)", MANY)                                                   \
    ABSTAINS(nothing, "\"label\" (a number)", MANY)                                                \
    ABSTAINS(both, "\"label\" (a number)", MANY)                                                   \
    ABSTAINS(sure, "confidence", MANY)                                                             \
    ABSTAINS(shy, "I would rather not", MANY)                                                      \
    STOPS(dead, "it ended with code 3")                                                            \
    STOPS(mute, "it closed its output")

ALL
#undef COMES
#undef ABSTAINS
#undef STOPS

    static void
    one_question_that_kills_it_is_given_up_alone(void **state)
{
    struct run r;
    (void)state;
    prepare(&r, "poison");
    open_annotator(&r);
    r.a->v->submit(r.a, MANY - 1, "the poison", 10, 0);
    for (int i = 0; i < MANY - 1; i++)
        submit(&r, i);
    assert_true(wait_until(answered, &r, SECONDS * 1000));
    assert_int_equal(r.abstained, 1);
    assert_int_equal(r.labels, MANY - 1);
    assert_int_equal(r.right, r.labels);
    dispose(&r);
}

/* One answer never comes while others do. */
static void a_missing_answer_is_asked_for_again(void **state)
{
    struct run r;
    (void)state;
    prepare(&r, "loses");
    set(&r, "command.window", "2");
    set(&r, "command.timeout_s", "1");
    open_annotator(&r);
    r.a->v->submit(r.a, 1, "the lost", 8, 0);
    for (int i = 1; r.odd == 0; i++) { /* keep the others coming */
        r.want = i;
        submit(&r, 2 * i);
        assert_true(wait_until(answered, &r, SECONDS * 1000));
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
    struct run r;
    char run[700];
    (void)state;
    prepare(&r, "");
    snprintf(run, sizeof run, "%s/deploy/examples/annotator.py", getenv("ONIC_SOURCE"));
    set(&r, "command.run", run);
    open_annotator(&r);
    r.want = 1;
    r.a->v->submit(r.a, 0, "You see a red key.", 18, 0);
    assert_true(wait_until(answered, &r, SECONDS * 1000));
    assert_string_equal(r.raw, "has key");
    assert_int_equal(r.right, 1);
    r.want = 2;
    r.a->v->submit(r.a, 0, "a\0b", 3, 0);
    assert_true(wait_until(answered, &r, SECONDS * 1000));
    assert_string_equal(r.raw, "abstained: cannot answer questions of kind pair");
    dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define COMES(name, key, value) cmocka_unit_test(name##_labels_come),
#define ABSTAINS(name, why, questions) cmocka_unit_test(name##_abstains),
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
