/* SPDX-License-Identifier: MIT */
/* test_hardening.c - the four programs as they were linked: what an attacker with a fault in memory
 * needs first is not there. deploy/cmake/onic.cmake sets the flags; -DONIC_HARDENING=OFF, which is
 * for measuring what they cost, fails here. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

static const char *const programs[] = {"onic", "onic-actor", "onic-learner", "onic-reward-server"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], TEXT_MAX = 4 << 20 };
static char text[TEXT_MAX];

/* What readelf prints of a program. */
static const char *readelf(const char *options, const char *program)
{
    char line[600];
    snprintf(line, sizeof line, "LC_ALL=C readelf -W %s '%s/%s'", options, getenv("ONIC_BUILD"),
             program);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    assert_int_equal(pclose(f), 0);
    return text;
}

static void has(const char *program, const char *printed, const char *what)
{
    if (!strstr(printed, what)) {
        print_error("%s: readelf shows no \"%s\"\n", program, what);
        fail();
    }
}

static int needs_readelf(void **state)
{
    (void)state;
    if (system("readelf --version >/dev/null 2>&1") == 0)
        return 0;
    printf("readelf (binutils) is not installed\n");
    exit(77);
}

static void programs_are_loaded_anywhere_and_their_tables_are_read_only(void **state)
{
    (void)state;
    for (int i = 0; i < PROGRAMS; i++) {
        const char *printed = readelf("-h -l -d", programs[i]);
        has(programs[i], printed, "DYN (Position-Independent Executable file)");
        has(programs[i], printed, "BIND_NOW"); /* the whole table of functions, before main */
        has(programs[i], printed, " GNU_RELRO ");
        const char *stack = strstr(printed, " GNU_STACK ");
        assert_non_null(stack);
        assert_null(memmem(stack, strcspn(stack, "\n"), "RWE", 3));
    }
}

static void programs_check_their_stack(void **state)
{
    (void)state;
    for (int i = 0; i < PROGRAMS; i++)
        has(programs[i], readelf("--dyn-syms", programs[i]), " __stack_chk_fail@");
}

static void programs_check_the_sizes_of_what_they_copy(void **state)
{
    (void)state;
#ifndef __OPTIMIZE__
    skip();
#endif
    if (SANITIZED)
        skip();
    for (int i = 0; i < PROGRAMS; i++) {
        const char *printed = readelf("--dyn-syms", programs[i]);
        has(programs[i], printed, " __memcpy_chk@");
        has(programs[i], printed, " __snprintf_chk@");
    }
}

#ifdef __x86_64__
/* Where a function's bytes lie in the file. */
static long function_at(const char *program, const char *name)
{
    char symbol[100];
    unsigned long address = 0, offset, start, size;
    snprintf(symbol, sizeof symbol, " %s\n", name);
    const char *at = strstr(readelf("-s", program), symbol);
    assert_non_null(at);
    while (at > text && at[-1] != '\n')
        at--;
    assert_int_equal(sscanf(at, " %*u: %lx", &address), 1);
    for (at = strstr(readelf("-l", program), "LOAD"); at; at = strstr(at + 1, "LOAD"))
        if (sscanf(at, "LOAD %lx %lx %*x %lx", &offset, &start, &size) == 3 && address >= start &&
            address < start + size)
            return (long)(address - start + offset);
    fail();
    return 0;
}

static void a_jump_may_land_only_where_a_function_begins(void **state)
{
    (void)state;
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    static const char *const functions[] = {"main", "err_set", "frame_parse"};
    for (int i = 0; i < PROGRAMS; i++)
        for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
            char path[600];
            uint8_t first[sizeof endbr64] = {0};
            snprintf(path, sizeof path, "%s/%s", getenv("ONIC_BUILD"), programs[i]);
            long at = function_at(programs[i], functions[k]);
            FILE *f = fopen(path, "rb");
            assert_non_null(f);
            assert_int_equal(fseek(f, at, SEEK_SET), 0);
            assert_int_equal(fread(first, 1, sizeof first, f), sizeof first);
            fclose(f);
            if (memcmp(first, endbr64, sizeof first) != 0)
                print_error("%s: %s does not begin with endbr64\n", programs[i], functions[k]);
            assert_memory_equal(first, endbr64, sizeof first);
        }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_loaded_anywhere_and_their_tables_are_read_only),
        cmocka_unit_test(programs_check_their_stack),
        cmocka_unit_test(programs_check_the_sizes_of_what_they_copy),
#ifdef __x86_64__
        cmocka_unit_test(a_jump_may_land_only_where_a_function_begins),
#endif
    };
    return cmocka_run_group_tests(tests, needs_readelf, NULL);
}
