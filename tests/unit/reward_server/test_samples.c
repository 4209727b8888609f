/* SPDX-License-Identifier: MIT */
/* test_samples.c - conversations with a language model are kept in the run that they are of. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reward_server/annotators/llm/llm_impl.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"

static char run[300], kept[340], store[340];
static const int64_t an_hour = 3600 * 1000;

static void open_in_a_run(struct llm_samples *s)
{
    snprintf(run, sizeof run, "%s/run", files_folder());
    snprintf(store, sizeof store, "%s/labels.sqlite", run);
    snprintf(kept, sizeof kept, "%s/log/conversations.jsonl", run);
    assert_int_equal(mkdir(run, 0700), 0);
    llm_samples_open(s, 1, store);
}

static void keep(struct llm_samples *s, int64_t now)
{
    llm_samples_keep(s, now, "http://h/v1", "{\"a\":1}", 200, "yes", 3, "label 1");
}

static void one_is_kept_an_hour(void **state)
{
    struct llm_samples s;
    struct stat st;
    (void)state;
    open_in_a_run(&s);
    assert_true(llm_samples_want(&s, 1));
    keep(&s, 1);
    assert_false(llm_samples_want(&s, an_hour));
    assert_true(llm_samples_want(&s, an_hour + 1));
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(truncate(kept, 9 << 20), 0);
    keep(&s, an_hour + 1);
    assert_int_equal(access(kept, F_OK), 0);
    strcat(kept, ".1");
    assert_int_equal(access(kept, F_OK), 0);
    llm_samples_close(&s);
}

static void a_new_run_in_its_place_gets_none(void **state)
{
    struct llm_samples s;
    struct stat st;
    char log[340];
    (void)state;
    open_in_a_run(&s);
    keep(&s, 1);
    assert_int_equal(rename(run, files_in("away")), 0);
    snprintf(log, sizeof log, "%s/log", run);
    assert_int_equal(mkdir(run, 0700), 0);
    assert_int_equal(mkdir(log, 0700), 0);
    files_write(kept, "");
    assert_int_equal(truncate(kept, 9 << 20), 0); /* large enough to be put aside */
    said_begin(LOG_WARN);
    keep(&s, an_hour + 1);
    said_end();
    assert_non_null(strstr(said_text, "conversations cannot be kept"));
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(st.st_size, 9 << 20);
    assert_false(llm_samples_want(&s, 9 * an_hour));
    llm_samples_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_is_kept_an_hour, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(a_new_run_in_its_place_gets_none, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
