/* SPDX-License-Identifier: MIT */
/* test_limits.c - `onic train` with too little address space for it ends at once and says so: it
 * neither spins in a library nor restarts its parts for ever. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/sanitized.h"

enum { PATIENCE_MS = 60000, MB = 1 << 20 };

static const char options[] =
    "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --actors.count=1 "
    "--train.threads=2 --annotator.id=rules --frames=1000000000";

/* Children of the test get the limit, the test itself does not keep it. */
static int train_with(int what, rlim_t mb, char *text, size_t size)
{
    char dir[256];
    struct program p;
    struct rlimit before, tight;
    temp_dir_create(dir);
    assert_int_equal(getrlimit((__rlimit_resource_t)what, &before), 0);
    tight = before;
    tight.rlim_cur = mb * MB;
    assert_int_equal(setrlimit((__rlimit_resource_t)what, &tight), 0);
    program_start(&p, dir, "train", "onic", options);
    assert_int_equal(setrlimit((__rlimit_resource_t)what, &before), 0);
    int code = program_wait(&p, PATIENCE_MS);
    program_kill(&p);
    snprintf(text, size, "%s", program_text(p.err));
    temp_dir_remove(dir);
    return code;
}

static void refused(int what, rlim_t mb, const char *limit)
{
    static char text[PROGRAM_TEXT_MAX];
    int code = train_with(what, mb, text, sizeof text);
    if (code != 64 || !strstr(text, limit))
        fail_msg("with %d MB: exit %d, and it does not say \"%s\": %s", (int)mb, code, limit, text);
}

/* Too little for the programs, for the library of matrix products, for its second thread. */
static void too_little_address_space_is_refused_by_name(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* a sanitizer needs more address space than any limit */
    refused(RLIMIT_AS, 60, "is 60 MB (ulimit -v)");
    refused(RLIMIT_AS, 130, "is 130 MB (ulimit -v)");
    refused(RLIMIT_AS, 250, "is 250 MB (ulimit -v)");
    refused(RLIMIT_DATA, 100, "is 100 MB (ulimit -d)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_little_address_space_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
