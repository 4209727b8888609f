/* SPDX-License-Identifier: MIT */
/* Word vectors of a fastText file, and the embedding annotator on them. Numbers:
 * tests/golden/make_wordvec.py. */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/files.h"

#include <stdlib.h>

#include "reward_server/annotators/annotator.h"
#include "reward_server/annotators/embedding/wordvec.h"

static const char good[] = "10 4\n"
                           "you 0.1 -0.2 0.3 0.05\n"
                           "see 0.25 0.5 -0.125 1.5 \r\n"
                           "key -1.5 0.75 2.25 -0.4\n"
                           "key 9 9 9 9\n" /* the first one counts */
                           "Key 8 8 8 8\n" /* no token has a capital letter */
                           ", 7 7 7 7\n"
                           "</s> 6 6 6 6\n"
                           "door 0.9 -0.1 0.35 0.6\n"
                           "red2 0.01 0.02 0.03 0.04\n"
                           "caf\xc3\xa9 1e-3 -2.5e-1 0.5 7\n";

static struct {
    char dir[256], path[300];
} f;

static int make_dir(void **state)
{
    (void)state;
    temp_dir_create(f.dir);
    snprintf(f.path, sizeof f.path, "%s/words.vec", f.dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    temp_dir_remove(f.dir);
    return 0;
}

static void a_sentence_is_the_sum_of_its_known_words(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int known;
        double sum[4];
    } want[] = {
        {"You see a KEY, a key and a door.", 5, {-1.75, 1.7, 5.025, 1.35}},
        {"red2 caf\xc3\xa9", 2, {0.011, -0.23, 0.53, 7.04}},
        {"red 2", 0, {0}},
        {"", 0, {0}},
        {"a b c", 0, {0}},
    };
    struct wordvec *w = NULL;
    files_write(f.path, good);
    assert_ok(wordvec_load(&w, f.path, &err));
    assert_int_equal(wordvec_dim(w), 4);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        float x[4];
        assert_int_equal(wordvec_sum(w, want[i].text, x), want[i].known);
        for (int j = 0; j < 4; j++)
            assert_close(x[j], want[i].sum[j], 1e-6, 0);
    }
    wordvec_free(w);
}

static void a_very_long_token_is_a_word_nobody_knows(void **state)
{
    (void)state;
    char text[1100];
    float x[4];
    struct wordvec *w = NULL;
    files_write(f.path, good);
    assert_ok(wordvec_load(&w, f.path, &err));
    memset(text, 'k', sizeof text);
    strcpy(text + 1000, " key");
    assert_int_equal(wordvec_sum(w, text, x), 1);
    assert_close(x[2], 2.25, 1e-6, 0);
    wordvec_free(w);
}

static void a_damaged_file_is_named_with_its_line(void **state)
{
    (void)state;
    const struct {
        const char *text, *complaint;
    } want[] = {
        {"", "words.vec:1: the file is empty, it must begin with \"COUNT WIDTH\""},
        {"you 0.1 0.2\n", "words.vec:1: the first line must be \"COUNT WIDTH\""},
        {"2\n", "words.vec:1: the first line must be"},
        {"2 0\n", "words.vec:1: the first line must be"},
        {"2 2 2\n", "words.vec:1: the first line must be"},
        {"-2 2\n", "words.vec:1: the first line must be"},
        {"2 99999\n", "words.vec:1: the first line must be"},
        {"2 3\na 1 2 3\nb 1 2\n", "words.vec:3: 2 numbers where the first line says 3"},
        {"2 3\na 1 2 3 4\nb 1 2 3\n", "words.vec:2: 4 numbers where the first line says 3"},
        {"2 3\n\nb 1 2 3\n", "words.vec:2: 0 numbers where the first line says 3"},
        {"2 2\nA 1 x2\nb 1 2\n", "words.vec:2: \"x2\" does not begin with a number"},
        {"2 2\na 1 2x\nb 1 2\n", "words.vec:2: \"2x\" "},
        {"2 2\na 1 nan\nb 1 2\n", "words.vec:2: \"nan\" "},
        {"2 2\na 1 1e99\nb 1 2\n", "words.vec:2: \"1e99\" "},
        {"3 2\na 1 2\nb 1 2\n", "words.vec:3: 2 words where the first line says 3"},
        {"1 2\na 1 2\nb 1 2\n", "words.vec:3: 2 words where the first line says 1"},
        {"1 2\nA 1 2\n", "words.vec:2: no word of the file is in small letters"},
    };
    struct wordvec *w = NULL;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        files_write(f.path, want[i].text);
        assert_err(wordvec_load(&w, f.path, &err), ONIC_ECONFIG, want[i].complaint);
        assert_null(w);
    }
    assert_err(wordvec_load(&w, "/nowhere/x.vec", &err), ONIC_ECONFIG, "/nowhere/x.vec");
}

static void the_name_follows_the_content(void **state)
{
    (void)state;
    struct wordvec *a = NULL, *b = NULL;
    char other[400];
    snprintf(other, sizeof other, "%s/other.vec", f.dir);
    files_write(f.path, good);
    files_write(other, good);
    assert_ok(wordvec_load(&a, f.path, &err));
    assert_ok(wordvec_load(&b, other, &err));
    assert_string_equal(wordvec_name(a), wordvec_name(b));
    wordvec_free(b);
    files_write(other, "1 4\nyou 0.1 -0.2 0.3 0.05\n");
    assert_ok(wordvec_load(&b, other, &err));
    assert_string_not_equal(wordvec_name(a), wordvec_name(b));
    wordvec_free(a);
    wordvec_free(b);
}

/* --- the annotator ----------------------------------------------------------------------- */

struct one {
    bool done;
    enum label_state state;
    double label;
    char raw[LABEL_RAW_MAX];
};

struct waiting {
    struct annotator *a;
    struct one one;
};

static void note(void *ctx, uint64_t ticket, const struct label *label)
{
    (void)ticket;
    struct one *one = ctx;
    *one = (struct one){.done = true, .state = label->state, .label = label->value};
    snprintf(one->raw, sizeof one->raw, "%s", label->raw);
}

static bool answered(void *ctx)
{
    struct waiting *w = ctx;
    w->a->v->poll(w->a, note, &w->one);
    return w->one.done;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static struct one ask(struct annotator *a, enum question_kind kind, const char *caption)
{
    struct waiting w = {.a = a};
    char question[QUESTION_MAX];
    size_t len = question_about(question, kind, caption, strlen(caption));
    a->v->submit(a, 1, question, len, 0);
    assert_true(wait_until(answered, &w, 20000));
    return w.one;
}

static struct goal *make_goal(void)
{
    char path[300];
    struct goal *g = NULL;
    snprintf(path, sizeof path, "%s/pool.txt", f.dir);
    files_write(path, "You see a key.\nYou see a door.\n");
    snprintf(path, sizeof path, "%s/goal.yaml", f.dir);
    files_write(path, "description: keys\npositive: [\"Key.\"]\nnegative: [\"You see a door!\"]\n"
                      "threshold: -0.5\nrules: [{\"*\": 0}]\n");
    assert_ok(goal_load(&g, f.dir, "minigrid", path, &err));
    return g;
}

static void labels_and_scores_are_cosines_of_the_sums(void **state)
{
    (void)state;
    struct config c;
    struct goal *g = make_goal();
    struct annotator *a = NULL;
    const char *model, *parameters;
    config_defaults(&c);
    files_write(f.path, good);
    assert_ok(config_set(&c, "embedding.source", "file", CONFIG_CLI, "test", &err));
    assert_ok(config_set(&c, "embedding.vectors", f.path, CONFIG_CLI, "test", &err));
    struct annotator_setup setup = {.config = &c, .goal = g, .wake = no_wake};
    assert_ok(annotator_find("embedding")->create(&a, &setup, &err));
    a->v->identity(a, &model, &parameters);
    assert_memory_equal(model, "fasttext@", 9);
    assert_string_equal(parameters, "file sum of words threshold=-0.5 tie=0.05");

    struct one one = ask(a, QUESTION_SCORE, "You see a KEY, a key and a door.");
    assert_int_equal(one.state, LABEL_ANSWERED);
    assert_close(one.label, 0.900327717, 0, 1e-6);
    one = ask(a, QUESTION_CLASS, "You see a KEY, a key and a door.");
    assert_close(one.label, 1, 0, 0);
    one = ask(a, QUESTION_CLASS, "You see a door.");
    assert_close(one.label, 0, 0, 0);
    /* no known word: cosine 0, and label 0 although 0 lies above this threshold */
    one = ask(a, QUESTION_SCORE, "It tastes strange");
    assert_int_equal(one.state, LABEL_ANSWERED);
    assert_close(one.label, 0, 0, 0);
    one = ask(a, QUESTION_CLASS, "It tastes strange");
    assert_close(one.label, 0, 0, 0);
    /* a sentence that is known counts, not one that is not */
    one = ask(a, QUESTION_SCORE, "It tastes strange. You see a door.");
    assert_close(one.label, -0.194231325, 0, 1e-6);
    a->v->free(a);
    goal_free(g);
}

static void without_a_file_the_annotator_says_what_it_needs(void **state)
{
    (void)state;
    struct config c;
    config_defaults(&c);
    assert_ok(config_set(&c, "embedding.source", "file", CONFIG_CLI, "test", &err));
    assert_err(annotator_find("embedding")->available(&c, &err), ONIC_ECONFIG,
               "needs embedding.vectors");
    assert_ok(config_set(&c, "embedding.vectors", "/nowhere", CONFIG_CLI, "test", &err));
    assert_err(annotator_find("embedding")->available(&c, &err), ONIC_ECONFIG, "/nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_the_sum_of_its_known_words),
        cmocka_unit_test(a_very_long_token_is_a_word_nobody_knows),
        cmocka_unit_test(a_damaged_file_is_named_with_its_line),
        cmocka_unit_test(the_name_follows_the_content),
        cmocka_unit_test(labels_and_scores_are_cosines_of_the_sums),
        cmocka_unit_test(without_a_file_the_annotator_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
