/* SPDX-License-Identifier: MIT */
/* test_yaml_file.c - what every goal and prompt file is refused for. */
#include "reward_server/goals/yaml_file.h"

#include "tests/onic_test.h"

static int parse(const char *bytes, size_t len, struct onic_err *err)
{
    struct yaml_file f = {.path = "goal.yaml", .err = err};
    struct buf text;
    buf_init(&text, 1000);
    buf_append(&text, bytes, len);
    int rc = yaml_file_parse(&f, &text, "a mapping belongs here");
    if (!rc)
        yaml_file_close(&f);
    buf_release(&text);
    return rc;
}

static void another_encoding_is_named(void **state)
{
    (void)state;
    static const char wide[] = "\xff\xfe"
                               "a\0:\0 \0"
                               "1\0\n\0";
    static const char latin1[] = "# comment\ndescription: M\xfcnze\n";
    assert_ok(parse("a: 1\n", 5, &err));
    assert_err(parse(wide, sizeof wide - 1, &err), ONIC_ECONFIG,
               "goal.yaml is UTF-16 text; save it as UTF-8");
    assert_err(parse(latin1, sizeof latin1 - 1, &err), ONIC_ECONFIG,
               "goal.yaml:2: the byte 0xfc is not UTF-8 text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(another_encoding_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
