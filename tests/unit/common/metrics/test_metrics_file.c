/* SPDX-License-Identifier: MIT */
/* test_metrics_file.c - a metrics.jsonl that cannot be opened, written or brought to disk. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <unistd.h>

#include "common/metrics/metrics.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

static struct metrics_params params_in(const char *dir)
{
    return (struct metrics_params){.run_dir = dir, .every_s = 10, .quiet = true};
}

static void a_folder_of_that_name_is_told(void **state)
{
    struct metrics *m = NULL;
    struct metrics_params p = params_in(*state);
    assert_int_equal(mkdir(files_in("metrics.jsonl"), 0700), 0);
    assert_err(metrics_create(&m, &p, &err), ONIC_ECANTCREATE,
               "/metrics.jsonl cannot be opened for writing: Is a directory");
    char far[5000] = {0};
    memset(far, 'd', sizeof far - 1);
    p.run_dir = far;
    assert_err(metrics_create(&m, &p, &err), ONIC_ECANTCREATE,
               "the run directory's path is too long");
}

static void what_does_not_get_to_a_disk_is_told_with_the_reason(void **state)
{
    static const struct {
        const char *file, *says;
    } rows[] = {{"/dev/null", "metrics.jsonl cannot be brought to disk: Invalid argument"},
                {"/dev/full", "metrics.jsonl cannot be written: No space left on device"}};
    for (int i = 0; i < 2; i++) {
        struct metrics *m = NULL;
        struct metrics_params p = params_in(*state);
        assert_ok(metrics_create(&m, &p, &err));
        files_become(files_in("metrics.jsonl"), rows[i].file);
        assert_err(metrics_end(m, 1700000000, 0, &err), ONIC_EIO, rows[i].says);
        metrics_free(m);
        assert_int_equal(unlink(files_in("metrics.jsonl")), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_of_that_name_is_told, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_get_to_a_disk_is_told_with_the_reason,
                                        files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
