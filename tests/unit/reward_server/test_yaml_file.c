/* SPDX-License-Identifier: MIT */
/* test_yaml_file.c - what every goal and prompt file is refused for. */
#include "reward_server/goals/yaml_file.h"

#include "tests/onic_test.h"

static int parse(const char *bytes, size_t len, struct onic_err *err)
{
    struct yaml_file f = {.path = "goal.yaml", .err = err};
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append(&text, bytes, len);
    int rc = yaml_file_parse(&f, &text, "a mapping belongs here");
    if (!rc) {
        rc = yaml_file_check_keys(&f, f.root, NULL);
        yaml_file_close(&f);
    }
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

/* The time that libyaml takes for them grows with the square of the depth. */
static void lists_in_lists_have_a_bound(void **state)
{
    static char text[200004] = "a: ";
    (void)state;
    memset(text + 3, '[', 31);
    memset(text + 3 + 31, ']', 31);
    assert_ok(parse(text, strlen(text), &err));
    memset(text + 3, '[', 32);
    memset(text + 3 + 32, ']', 32);
    assert_err(parse(text, strlen(text), &err), ONIC_ECONFIG,
               "goal.yaml:1: more than 32 levels deep");
    memset(text + 3, '[', sizeof text - 4);
    assert_err(parse(text, sizeof text - 1, &err), ONIC_ECONFIG, "more than 32 levels deep");
    static const char blocks[] =
        "\na:\n- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - 1\n";
    assert_err(parse(blocks, sizeof blocks - 1, &err), ONIC_ECONFIG,
               "goal.yaml:3: more than 32 levels deep");
}

static void keys_have_a_bound(void **state)
{
    static char text[40000];
    (void)state;
    int n = 0;
    for (int i = 0; i <= 2000; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n, "k%d: 1\n", i);
        if (i == 1999)
            assert_ok(parse(text, (size_t)n, &err));
    }
    assert_err(parse(text, (size_t)n, &err), ONIC_ECONFIG,
               "goal.yaml:1: 2001 keys in one place; at most 2000 are read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_encoding_is_named),
        cmocka_unit_test(lists_in_lists_have_a_bound),
        cmocka_unit_test(keys_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
