/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_FAILING_CALL_H
#define ONIC_TESTS_SUPPORT_FAILING_CALL_H

/* failing_call.h - programs of which one call of the C library fails, by tests/chaos/shim. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

/* The library, of this build. Skips the test where none can be loaded. */
static inline const char *failing_calls(void)
{
    static char shim[600];
    const char *build = getenv("ONIC_BUILD");
    snprintf(shim, sizeof shim, "%s/tests/chaos_shim.so", build ? build : "build");
    if (SANITIZED) {
        print_message("the library that makes calls fail cannot be loaded here\n");
        skip();
    }
    if (access(shim, R_OK) != 0) /* a test without it would pass whatever happens */
        fail_msg("%s has not been built", shim);
    return shim;
}

/* What stands before the program in a shell's line: its call number n of this kind fails, on files
 * whose path holds `part` (allocations: ""); then the file `mark` is there. */
static inline const char *failing_call(const char *call, int n, const char *error, const char *part,
                                       const char *mark)
{
    static char words[1400];
    unlink(mark);
    snprintf(words, sizeof words, "LD_PRELOAD=%s CHAOS_FAIL=%s:%d:%s:%s CHAOS_MARK=%s",
             failing_calls(), call, n, error, part, mark);
    return words;
}

#endif /* ONIC_TESTS_SUPPORT_FAILING_CALL_H */
