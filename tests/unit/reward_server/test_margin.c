/* SPDX-License-Identifier: MIT */
/* The arithmetic of the sentence model's labels, and the cutting of captions, without the model. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <stdlib.h>

#include "reward_server/annotators/embedding/margin.h"
#include "reward_server/annotators/embedding/sentences.h"
#include "reward_server/annotators/embedding/vectors.h"

static void margin_of_a_case_worked_by_hand(void **state)
{
    (void)state;
    float pool[3][2] = {{1, 0}, {0, 1}, {2, 2}}, mean[2]; /* mean (1, 1) */
    margin_mean(mean, pool[0], 3, 2);
    assert_close(mean[0], 1, 0, 1e-7);
    assert_close(mean[1], 1, 0, 1e-7);
    /* (1,0) (0,1) | (-1,-1)/sqrt 2 */
    float positive[2][2] = {{4, 1}, {1, 5}}, negative[1][2] = {{0, 0}};
    float x[2] = {4, 5}; /* (3, 4) / 5 */
    margin_centre(positive[0], mean, 2);
    margin_centre(positive[1], mean, 2);
    margin_centre(negative[0], mean, 2);
    margin_centre(x, mean, 2);
    struct margin m = margin_of(x, positive[0], 2, negative[0], 1, 2);
    assert_close(m.positive, 0.8, 0, 1e-6);
    assert_int_equal(m.positive_index, 1);
    assert_close(m.negative, -1.4 / sqrt(2.0), 0, 1e-6);
    assert_close(m.value, 0.8 + 1.4 / sqrt(2.0), 0, 1e-6);
    assert_close(margin_confidence(0.15, 0.05), 1 - exp(-1.0), 1e-9, 0);
    assert_close(margin_confidence(-0.05, 0.05), 1 - exp(-1.0), 1e-9, 0);
    assert_close(margin_confidence(0.05, 0.05), 0, 0, 1e-12);
}

static void assert_preference(double first, double second, double label, double confidence)
{
    double sure;
    assert_close(margin_preference(first, second, 0.05, &sure), label, 0, 0);
    assert_close(sure, confidence, 1e-9, 0);
}

/* Confidences: 1 - exp(-3), 1 - exp(-0.6), 1 - exp(-0.51), from python3's math.exp. */
static void of_two_captions_the_larger_margin_is_preferred(void **state)
{
    (void)state;
    assert_preference(-0.1, 0.2, 1, 0.9502129316321360);
    assert_preference(0.2, -0.1, 0, 0.9502129316321360);
    assert_preference(0.5, 0.44, 0, 0.4511883639059736);
    assert_preference(0, 0.051, 1, 0.3995044211877340);
    assert_preference(0.1, 0.149, 0.5, 1);
    assert_preference(0.149, 0.1, 0.5, 1);
    assert_preference(0.3, 0.3, 0.5, 1);
}

static void the_mean_itself_stays_zero_and_finite(void **state)
{
    (void)state;
    float mean[2] = {1, 1}, x[2] = {1, 1};
    margin_centre(x, mean, 2);
    assert_close(x[0], 0, 0, 0);
    assert_close(x[1], 0, 0, 0);
}

static void captions_are_cut_into_sentences(void **state)
{
    (void)state;
    const char *want[][5] = {
        {"You kill the newt!  The kitten eats a newt corpse.", "You kill the newt!",
         "The kitten eats a newt corpse."},
        {"You see a key.", "You see a key."},
        {"$ - 3 gold pieces.  $ - 4 gold pieces.", "$ - 3 gold pieces.", "$ - 4 gold pieces."},
        {"What do you want to eat? [fg or ?*] (n)", "What do you want to eat? [fg or ?*] (n)"},
        {"  Ouch! That hurts!", "Ouch!", "That hurts!"},
        {"You read: \"Ad aerarium\".", "You read: \"Ad aerarium\"."},
        {"   "},
        {""},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        char text[128], *part[SENTENCES_MAX];
        snprintf(text, sizeof text, "%s", want[i][0]);
        int n = sentences_split(text, part), k = 0;
        for (; k + 1 < 5 && want[i][k + 1]; k++) {
            assert_true(k < n);
            assert_string_equal(part[k], want[i][k + 1]);
        }
        assert_int_equal(n, k);
    }
    char many[256] = "", *part[SENTENCES_MAX];
    for (int i = 0; i < 20; i++)
        strcat(many, "Go. ");
    assert_int_equal(sentences_split(many, part), SENTENCES_MAX);
}

static void kept_vectors_come_back_and_damaged_ones_do_not(void **state)
{
    (void)state;
    char dir[256], folder[300], name[33], other[33], path[400];
    char a[] = "a", bc[] = "bc", ab[] = "ab", c[] = "c";
    char *texts[] = {a, bc}, *moved[] = {ab, c};
    float rows[6] = {1, 2, 3, 4, 5, 6}, back[6] = {0};
    temp_dir_create(dir);
    snprintf(folder, sizeof folder, "%s/vectors", dir);
    vectors_name(name, "model", texts, 2);
    vectors_name(other, "model", moved, 2);
    assert_string_not_equal(name, other);
    assert_false(vectors_read(folder, name, back, 2, 3));
    assert_true(vectors_write(folder, name, rows, 2, 3));
    assert_true(vectors_read(folder, name, back, 2, 3));
    assert_memory_equal(rows, back, sizeof rows);
    assert_false(vectors_read(folder, name, back, 3, 2));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r+b");
    fseek(f, -1, SEEK_END);
    fputc(7, f);
    fclose(f);
    assert_false(vectors_read(folder, name, back, 2, 3));
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margin_of_a_case_worked_by_hand),
        cmocka_unit_test(of_two_captions_the_larger_margin_is_preferred),
        cmocka_unit_test(the_mean_itself_stays_zero_and_finite),
        cmocka_unit_test(captions_are_cut_into_sentences),
        cmocka_unit_test(kept_vectors_come_back_and_damaged_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
