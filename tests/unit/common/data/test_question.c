/* SPDX-License-Identifier: MIT */
/* test_question.c - pairs made, split, and refused when they are none. */
#include "common/data/question.h"

#include "tests/onic_test.h"

static void a_caption_is_its_own_question(void **state)
{
    (void)state;
    struct question q;
    assert_true(question_split("You see a key.", 14, &q));
    assert_int_equal(q.len, 14);
    assert_null(q.caption_b);
}

static void a_pair_comes_back_as_it_was_put_together(void **state)
{
    (void)state;
    char text[QUESTION_MAX];
    struct question q;
    size_t n = question_pair(text, "left", 4, "right!", 6);
    assert_int_equal(n, 11);
    assert_true(question_split(text, n, &q));
    assert_int_equal(q.len, 4);
    assert_int_equal(q.len_b, 6);
    assert_memory_equal(q.caption, "left", 4);
    assert_memory_equal(q.caption_b, "right!", 6);
    n = question_pair(text, "same", 4, "same", 4);
    assert_true(question_split(text, n, &q));
    n = question_pair(text, "sam1", 4, "sam2", 4);
    assert_true(question_split(text, n, &q));
}

static void both_orders_of_a_pair_have_one_name(void **state)
{
    (void)state;
    static const struct {
        const char *lesser, *other;
    } pairs[] = {{"a door", "a key"}, {"a key", "a key!"}, {"a\x01", "a\xe9"}, {"same", "same"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *a = pairs[i].lesser, *b = pairs[i].other;
        char want[QUESTION_MAX], text[QUESTION_MAX];
        size_t n = question_pair(want, a, strlen(a), b, strlen(b));
        assert_int_equal(question_pair_name(text, a, strlen(a), b, strlen(b)), n);
        assert_memory_equal(text, want, n);
        assert_int_equal(question_pair_name(text, b, strlen(b), a, strlen(a)), n);
        assert_memory_equal(text, want, n);
    }
}

static void long_captions_are_cut_and_fill_the_longest_question(void **state)
{
    (void)state;
    char longer[300], text[QUESTION_MAX];
    memset(longer, 'x', sizeof longer);
    struct question q;
    size_t n = question_pair(text, longer, sizeof longer, longer, sizeof longer);
    assert_int_equal(n, QUESTION_MAX);
    assert_true(question_split(text, n, &q));
    assert_int_equal(q.len, QUESTION_CAPTION_MAX);
    assert_int_equal(q.len_b, QUESTION_CAPTION_MAX);
    longer[2] = '\0'; /* padding of a fixed-size message */
    assert_int_equal(question_pair(text, longer, sizeof longer, "b", 1), 4);
}

static void a_score_question_holds_one_caption(void **state)
{
    (void)state;
    char text[QUESTION_MAX];
    struct question q;
    size_t n = question_about(text, QUESTION_SCORE, "You win.", 8);
    assert_int_equal(n, 9);
    assert_true(question_split(text, n, &q));
    assert_int_equal(q.kind, QUESTION_SCORE);
    assert_int_equal(q.len, 8);
    assert_memory_equal(q.caption, "You win.", 8);
    assert_int_equal(question_about(text, QUESTION_CLASS, "You win.", 8), 8);
    assert_int_equal(question_kind_of(text, 8), QUESTION_CLASS);
}

static void labels_fit_their_kind(void **state)
{
    (void)state;
    assert_true(question_label_fits(QUESTION_CLASS, 1));
    assert_false(question_label_fits(QUESTION_CLASS, 0.5));
    assert_true(question_label_fits(QUESTION_PAIR, 0.5));
    assert_false(question_label_fits(QUESTION_PAIR, 0.4));
    assert_true(question_label_fits(QUESTION_SCORE, -0.7));
    assert_false(question_label_fits(QUESTION_SCORE, 1.1));
    assert_false(question_label_fits(QUESTION_SCORE, (double)NAN));
}

static void bytes_that_are_no_question_are_refused(void **state)
{
    (void)state;
    char longer[QUESTION_MAX + 1];
    memset(longer, 'x', sizeof longer);
    struct question q;
    assert_false(question_split("", 0, &q));
    assert_false(question_split("a\0", 2, &q));
    assert_false(question_split("a\0b\0c", 5, &q));
    assert_false(question_split("\0", 1, &q));
    assert_false(question_split("\0a\0b", 4, &q));
    assert_false(question_split(longer, QUESTION_CAPTION_MAX + 1, &q));
    longer[1] = '\0';
    assert_true(question_split(longer, 2 + QUESTION_CAPTION_MAX, &q));
    assert_false(question_split(longer, 3 + QUESTION_CAPTION_MAX, &q));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caption_is_its_own_question),
        cmocka_unit_test(a_pair_comes_back_as_it_was_put_together),
        cmocka_unit_test(both_orders_of_a_pair_have_one_name),
        cmocka_unit_test(long_captions_are_cut_and_fill_the_longest_question),
        cmocka_unit_test(a_score_question_holds_one_caption),
        cmocka_unit_test(labels_fit_their_kind),
        cmocka_unit_test(bytes_that_are_no_question_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
