/* SPDX-License-Identifier: MIT */
/* test_scalar.c - which words are numbers, truths and nothing. */
#include "common/config/config.h"
#include "common/config/scalar.h"
#include "tests/onic_test.h"

/* The core schema of YAML 1.2 (section 10.3.2): the words and what they are. */
struct word {
    const char *text;
    enum { NOTHING = 1, YES = 2, NO = 4, INT = 8, REAL = 16 } is;
    double number;
};

static const struct word words[] = {
    {"true", YES, 0},
    {"True", YES, 0},
    {"TRUE", YES, 0},
    {"false", NO, 0},
    {"False", NO, 0},
    {"FALSE", NO, 0},
    {"yes", YES, 0},
    {"Off", NO, 0},
    {"NO", NO, 0},
    {"on", YES, 0},
    {"tRUE", 0, 0},
    {"TRue", 0, 0},
    {"y", 0, 0},
    {"truee", 0, 0},
    {"tru", 0, 0},
    {"1", YES | INT | REAL, 1},
    {"0", NO | INT | REAL, 0},
    {"+5", INT | REAL, 5},
    {"-5", INT | REAL, -5},
    {"017", INT | REAL, 17},
    {"0o17", INT | REAL, 15},
    {"0x1F", INT | REAL, 31},
    {"0x1f", INT | REAL, 31},
    {"0o18", 0, 0},
    {"0xG", 0, 0},
    {"0x", 0, 0},
    {"-0x1F", 0, 0},
    {"0b11", 0, 0},
    {"0O17", 0, 0},
    {"0X1F", 0, 0},
    {"1_000", 0, 0},
    {"1e3", INT | REAL, 1000},
    {"1E+3", INT | REAL, 1000},
    {"5.", INT | REAL, 5},
    {"1.5", REAL, 1.5},
    {".5", REAL, 0.5},
    {"-.5e-1", REAL, -0.05},
    {".", 0, 0},
    {"e3", 0, 0},
    {"1e", 0, 0},
    {"1e3.", 0, 0},
    {"0x1.8p1", 0, 0},
    {"inf", 0, 0},
    {"nan", 0, 0},
    {"infinity", 0, 0},
    {" 5", 0, 0},
    {"5 ", 0, 0},
    {"+", 0, 0},
    {"9007199254740992", INT | REAL, 0x1p53},
    {"9223372036854775808", REAL, 0x1p63},
    {"0x8000000000000000", REAL, 0x1p63},
    {"0x10000000000000000", 0, 0},
    {"1e16", REAL, 1e16},
    {"", NOTHING, 0},
    {"~", NOTHING, 0},
    {"null", NOTHING, 0},
    {"Null", NOTHING, 0},
    {"NULL", NOTHING, 0},
    {"nULL", 0, 0},
    {"nil", 0, 0},
    {"none", 0, 0},
};

static void words_mean_what_the_core_schema_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct word *w = &words[i];
        bool b = false;
        int64_t n = 0;
        double x = 0;
        int is = scalar_is_null(w->text) ? NOTHING : 0;
        if (scalar_bool(w->text, &b))
            is |= b ? YES : NO;
        is |= scalar_int(w->text, &n) ? INT : 0;
        is |= scalar_real(w->text, &x) ? REAL : 0;
        if (is != (int)w->is || (is & INT && n != (int64_t)w->number) ||
            (is & REAL && x != w->number))
            fail_msg("'%s': %d, %lld, %g", w->text, is, (long long)n, x);
    }
    double x;
    int64_t n;
    assert_true(scalar_int("9007199254740993", &n) && n == 9007199254740993);
    assert_true(scalar_int("9223372036854775807", &n) && n == INT64_MAX);
    assert_true(scalar_real(".inf", &x) && x > 0 && isinf(x));
    assert_true(scalar_real("-.INF", &x) && x < 0 && isinf(x));
    assert_true(scalar_real("+.Inf", &x) && isinf(x));
    assert_true(scalar_real(".nan", &x) && isnan(x));
    assert_true(scalar_real(".NaN", &x) && isnan(x));
    assert_false(scalar_real("-.nan", &x));
    assert_false(scalar_real(".iNF", &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_mean_what_the_core_schema_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
