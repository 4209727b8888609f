/* SPDX-License-Identifier: MIT */
/* test_labels_top.c - `onic labels top` on a run of the real programs, before and after a resume.
 */
#include <jansson.h>
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { TRAIN_MS = 120000 };

static char dir[256];

static void train(const char *frames)
{
    struct program p;
    char args[512];
    snprintf(args, sizeof args,
             "train --run-dir=run --env.id=minigrid:DoorKey-5x5 --annotator.id=rules "
             "--actors.count=1 --deterministic --frames=%s", /* waits for its labels */
             frames);
    if (program_run(&p, dir, "train", "onic", args, TRAIN_MS) != 0)
        fail_msg("%s", program_text(p.err));
}

static json_t *top(const char *args)
{
    struct program p;
    char line[256];
    snprintf(line, sizeof line, "labels top run --json %s", args);
    if (program_run(&p, dir, "top", "onic", line, 30000) != 0)
        fail_msg("%s", program_text(p.err));
    json_t *o = json_loads(program_text(p.out), 0, NULL);
    assert_non_null(o);
    return o;
}

static double number(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static void paid_captions_are_ranked_with_the_label_that_pays_them(void **state)
{
    (void)state;
    train("40000");
    json_t *o = top("");
    json_t *captions = json_object_get(o, "captions");
    double sum = 0, before = 1e300;
    assert_true(json_array_size(captions) > 3);
    for (size_t i = 0; i < json_array_size(captions); i++) {
        json_t *c = json_array_get(captions, i);
        double paid = number(c, "paid"), steps = number(c, "steps");
        assert_true(paid > 0 && paid <= before);
        assert_true(paid <= 0.2 * steps * (1 + 1e-6)); /* the coefficient times labels of 1 */
        assert_close(number(c, "label"), 1, 0, 0);
        assert_string_equal(json_string_value(json_object_get(c, "annotator")), "rules");
        assert_true(strlen(json_string_value(json_object_get(c, "prompt_version"))) == 32);
        before = paid;
        sum += paid;
    }
    assert_close(number(o, "total"), sum, 1e-6, 0);
    assert_close(number(o, "missing_at_most"), 0, 0, 0);
    json_t *one = top("--n=1");
    assert_int_equal(json_array_size(json_object_get(one, "captions")), 1);
    json_decref(one);
    train("80000"); /* the same run goes on: so do its books */
    json_t *later = top("");
    assert_true(number(later, "total") > sum);
    json_decref(later);
    json_decref(o);
}

static void mistakes_get_a_sentence(void **state)
{
    (void)state;
    struct program p;
    assert_int_equal(program_run(&p, dir, "bad", "onic", "labels top nowhere", 30000), 64);
    assert_non_null(strstr(program_text(p.err), "there is no run nowhere"));
    assert_int_equal(program_run(&p, dir, "bad", "onic", "labels top run --n=none", 30000), 64);
    assert_non_null(strstr(program_text(p.err), "must be a whole number from 1"));
}

int main(void)
{
    temp_dir_create(dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paid_captions_are_ranked_with_the_label_that_pays_them),
        cmocka_unit_test(mistakes_get_a_sentence),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
