/* SPDX-License-Identifier: MIT */
/* test_distrust.c - how often labels were withdrawn: what is no such number is none, and one that
 * is gone is said. */
#include "learner/process/distrust.h"

#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

static uint64_t read_text(const char *text)
{
    uint64_t n;
    files_write(files_in("DISTRUSTED"), text);
    assert_ok(distrust_read(files_folder(), &n, &err));
    return n;
}

static void only_a_number_is_one(void **state)
{
    static const char *const none[] = {"",    "\n", "-5", "+5", "3x",  "3 4",
                                       "0x3", " 3", "x",  "3.", "1e3", "18446744073709551616"};
    (void)state;
    assert_int_equal(read_text("3"), 3);
    assert_int_equal(read_text("12\n"), 12);
    assert_int_equal(read_text("7 \r\n"), 7);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        uint64_t n = 9;
        struct onic_err e = {0};
        files_write(files_in("DISTRUSTED"), none[i]);
        if (distrust_read(files_folder(), &n, &e) != ONIC_EDAMAGED || n != 0)
            fail_msg("\"%s\" is %llu", none[i], (unsigned long long)n);
        assert_non_null(strstr(e.msg, "/DISTRUSTED holds no number; write into it how often"));
        assert_int_equal(distrust_add(files_folder(), &e), ONIC_EDAMAGED);
    }
}

static void each_withdrawal_is_one_more(void **state)
{
    uint64_t n;
    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        assert_ok(distrust_read(files_folder(), &n, &err));
        assert_int_equal(n, i);
        assert_ok(distrust_add(files_folder(), &err));
    }
}

/* Else it would begin at 0 again, and the next one would be no more than the checkpoint knows. */
static void one_that_is_gone_is_said_and_written_again(void **state)
{
    static const char *const fewer[] = {NULL, "1\n"}, *const enough[] = {"2\n", "3\n"};
    uint64_t n;
    (void)state;
    for (int i = 0; i < 2; i++) {
        if (fewer[i])
            files_write(files_in("DISTRUSTED"), fewer[i]);
        else
            unlink(files_in("DISTRUSTED"));
        said_begin(LOG_WARN);
        assert_ok(distrust_keep(files_folder(), 2, &err));
        said_end();
        assert_said("checkpoints/DISTRUSTED is gone or an older one");
        assert_ok(distrust_read(files_folder(), &n, &err));
        assert_int_equal(n, 2);
    }
    for (int i = 0; i < 2; i++) {
        files_write(files_in("DISTRUSTED"), enough[i]);
        said_begin(LOG_WARN);
        assert_ok(distrust_keep(files_folder(), 2, &err));
        said_end();
        assert_string_equal(said_text, "");
        assert_ok(distrust_read(files_folder(), &n, &err));
        assert_int_equal(n, 2 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_a_number_is_one, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(each_withdrawal_is_one_more, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_gone_is_said_and_written_again, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
