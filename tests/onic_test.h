/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_ONIC_TEST_H
#define ONIC_TESTS_ONIC_TEST_H

/* onic_test.h - the only file that includes cmocka.h.
 *
 * Use assert_close for numbers: cmocka 1.1.5's assert_float_equal accepts NaN and infinity as equal
 * to anything. Test names are sentences (zero_lag_equals_n_step_return); one behaviour per test; no
 * sleep, use wait_until. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above, so it stands alone */

#include "common/base/err.h"

/* |got - want| <= atol + rtol * |want|; NaN and infinity never pass. */
#define assert_close(got, want, rtol, atol)                                                        \
    do {                                                                                           \
        double got_ = (double)(got), want_ = (double)(want);                                       \
        if (!isfinite(got_) || !isfinite(want_) ||                                                 \
            fabs(got_ - want_) > (double)(atol) + (double)(rtol)*fabs(want_)) {                    \
            print_error("%s = %.9g, want %s = %.9g\n", #got, got_, #want, want_);                  \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* call is an expression that may use the variable `err` (struct onic_err, declared by the macro).
 */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct onic_err err = {0};                                                                 \
        int rc_ = (call);                                                                          \
        if (rc_ != ONIC_OK) {                                                                      \
            print_error("%s: %s: %s\n", #call, err_name(rc_), err.msg);                            \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#define assert_err(call, want_code, part)                                                          \
    do {                                                                                           \
        struct onic_err err = {0};                                                                 \
        int rc_ = (call);                                                                          \
        if (rc_ != (want_code) || !strstr(err.msg, (part))) {                                      \
            print_error("%s: got %s \"%s\", want %s with \"%s\"\n", #call, err_name(rc_), err.msg, \
                        err_name(want_code), (part));                                              \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* For what must come: only a test that fails waits so long, also on a machine that is ten times
 * slower than others. */
enum { TEST_PATIENCE_MS = 60000 };

/* tests/support/support.c */
/* Polls predicate every few ms; false after timeout_ms. */
bool wait_until(bool (*predicate)(void *), void *ctx, int timeout_ms);
/* A fresh private folder below $TMPDIR or /tmp; removed with everything in it by temp_dir_remove.
 * Static buffer per call site: copy it. */
void temp_dir_create(char out[256]);
void temp_dir_remove(const char *path);

#endif /* ONIC_TESTS_ONIC_TEST_H */
