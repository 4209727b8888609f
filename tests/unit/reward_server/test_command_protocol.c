/* SPDX-License-Identifier: MIT */
/* test_command_protocol.c - what a line of an annotator program comes to, or why it is no answer.
 */
#include "reward_server/annotators/command/command_impl.h"
#include "tests/onic_test.h"

static void a_line_that_is_no_answer_is_told_why(void **state)
{
    static const struct {
        const char *line, *why;
        bool is_read; /* it says of which question it speaks */
    } cases[] = {
        {"I think it is 1", "it is not a JSON object", false},
        {"{\"label\": 1}", "it has no \"id\" of a question", false},
        {"{\"id\": \"7\", \"label\": 1}", "it has no \"id\" of a question", false},
        {"{\"id\": -7, \"label\": 1}", "it has no \"id\" of a question", false},
        {"{\"id\": 7}", "it needs \"label\" (a number) or \"abstain\"", true},
        {"{\"id\": 7, \"label\": \"yes\"}", "it needs \"label\" (a number) or \"abstain\"", true},
        {"{\"id\": 7, \"label\": 1, \"abstain\": true}",
         "it needs \"label\" (a number) or \"abstain\"", true},
        {"{\"id\": 7, \"label\": 1, \"confidence\": \"high\"}", "its confidence is not a number",
         true},
        {"{\"id\": 7, \"error\": \"no\\u001b[31mw\"}", "it says: no [31mw", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct protocol_answer a;
        assert_int_equal(protocol_read(cases[i].line, strlen(cases[i].line), &a), cases[i].is_read);
        assert_string_equal(a.why, cases[i].why);
        assert_int_equal(a.label.state, LABEL_UNKNOWN);
    }
}

static void an_answer_without_a_reason_says_that_there_is_none(void **state)
{
    static const char label[] = "{\"id\": 7, \"label\": true}",
                      nothing[] = "{\"id\": 8, \"abstain\": 1}";
    struct protocol_answer a;
    (void)state;
    assert_true(protocol_read(label, sizeof label - 1, &a));
    assert_int_equal(a.label.state, LABEL_ANSWERED);
    assert_int_equal(a.id, 7);
    assert_close(a.label.value, 1, 0, 0);
    assert_close(a.label.confidence, 1, 0, 0);
    assert_string_equal(a.raw, "no reason given");
    assert_true(protocol_read(nothing, sizeof nothing - 1, &a));
    assert_int_equal(a.label.state, LABEL_ABSTAINED);
    assert_string_equal(a.raw, "abstained: no reason given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_is_no_answer_is_told_why),
        cmocka_unit_test(an_answer_without_a_reason_says_that_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
