/* SPDX-License-Identifier: MIT */
/* Records that cannot be begun with; what differs in the middle of one: test_run_record.c. */
#include "learner/record/repeat.h"

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/record_file.h"

static char run[256], segment[RECORD_PATH_MAX];

static int run_setup(void **state)
{
    char path[RECORD_PATH_MAX];
    (void)state;
    temp_dir_create(run);
    record_path(path, "/" RECORD_FOLDER, 1, 0, RECORD_CHECKPOINT);
    files_make(run, path, "nobody gets as far as this");
    snprintf(path, sizeof path, "%s/" RECORD_FOLDER, run);
    record_path(segment, path, 1, 0, RECORD_SEGMENT);
    return 0;
}

static int run_teardown(void **state)
{
    (void)state;
    temp_dir_remove(run);
    return 0;
}

static int opens_nothing(void *ctx, const struct record_head *head, const char *config,
                         const struct checkpoint_file *from, struct repeat_life *out,
                         struct onic_err *err)
{
    (void)ctx, (void)head, (void)config, (void)from, (void)out;
    return err_set(err, ONIC_EINTERNAL, "its learner was opened");
}

static int repeat_it(struct onic_err *err)
{
    struct repeat_numbers n;
    struct repeat_params p = {.run_dir = run, .open = opens_nothing};
    return repeat_run(&p, &n, err);
}

static void a_record_of_other_kernels_is_refused_with_both_names(void **state)
{
    struct record_head h = record_file_head(1);
    char mine[64], want[300];
    struct buf b;
    (void)state;
    record_kernels(mine);
    snprintf(h.kernels, sizeof h.kernels, "avx9 Abacus");
    buf_init(&b, RECORD_FILE_MAX);
    record_file_add(&b, RECORD_HEAD, &h, sizeof h);
    record_file_write(segment, &b);
    snprintf(want, sizeof want,
             "was recorded with the kernels 'avx9 Abacus', and this machine has '%s': sums differ "
             "in their last digits, so it can only be repeated on such a machine",
             mine);
    assert_err(repeat_it(&err), ONIC_EINCOMPATIBLE, want);
    assert_int_equal(err_exit_code(ONIC_EINCOMPATIBLE), 78);
    buf_release(&b);
}

/* A learner that was killed before its first update; nothing was held against anything. */
static void a_record_without_an_update_is_not_called_equal(void **state)
{
    (void)state;
    record_file_put(segment, "", 0);
    assert_err(repeat_it(&err), ONIC_ENOTFOUND,
               "/record holds no update: nothing was compared with what was recorded");
    assert_int_equal(err_exit_code(ONIC_ENOTFOUND), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_of_other_kernels_is_refused_with_both_names,
                                        run_setup, run_teardown),
        cmocka_unit_test_setup_teardown(a_record_without_an_update_is_not_called_equal, run_setup,
                                        run_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
