/* SPDX-License-Identifier: MIT */
/* test_label.c - what nobody takes for a label, whatever it came from. */
#include "common/data/label.h"

#include <math.h>

#include "tests/onic_test.h"

static struct label sure(double value)
{
    return (struct label){.state = LABEL_ANSWERED, .value = value, .confidence = 1};
}

static void assert_fault(struct label l, enum question_kind kind, const char *want)
{
    const char *fault = label_fault(&l, kind);
    if (!want)
        assert_null(fault);
    else if (!fault || strcmp(fault, want) != 0)
        fail_msg("'%s', not '%s'", fault ? fault : "sane", want);
}

static void a_value_is_one_that_its_question_can_have(void **state)
{
    (void)state;
    assert_fault(sure(1), QUESTION_CLASS, NULL);
    assert_fault(sure(0.5), QUESTION_CLASS, "label must be 0 or 1");
    assert_fault(sure(0.5), QUESTION_PAIR, NULL);
    assert_fault(sure(-1), QUESTION_PAIR, "label must be 0 or 1, or 0.5 for a tie");
    assert_fault(sure(-1), QUESTION_SCORE, NULL);
    assert_fault(sure(-1.1), QUESTION_SCORE, "label must be from -1 to 1");
    assert_fault(sure((double)NAN), QUESTION_SCORE, "label must be from -1 to 1");
}

static void confidence_is_a_share_and_times_are_numbers(void **state)
{
    static const double bad[] = {-0.1, 95, 1e300, (double)INFINITY, (double)NAN};
    struct label l = sure(1);
    (void)state;
    l.confidence = 0;
    assert_fault(l, QUESTION_CLASS, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        l.confidence = bad[i];
        assert_fault(l, QUESTION_CLASS, "confidence must be from 0 to 1");
    }
    l = sure(1);
    l.asked_at = (double)NAN;
    assert_fault(l, QUESTION_CLASS, "asked_at and answered_at must be numbers");
    l.asked_at = 0;
    l.answered_at = (double)INFINITY;
    assert_fault(l, QUESTION_CLASS, "asked_at and answered_at must be numbers");
}

static void an_abstention_says_nothing_that_could_be_wrong(void **state)
{
    struct label l = {.state = LABEL_ABSTAINED, .value = 7, .confidence = -3};
    (void)state;
    assert_fault(l, QUESTION_CLASS, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_one_that_its_question_can_have),
        cmocka_unit_test(confidence_is_a_share_and_times_are_numbers),
        cmocka_unit_test(an_abstention_says_nothing_that_could_be_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
