/* SPDX-License-Identifier: MIT */
/* test_llm_said.c - what the log says of a language model that does not do what it should. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/llm_case.h"
#include "tests/support/said.h"
#include "tests/support/scripted.h"

static struct scripted server;

static int start(void **state)
{
    (void)state;
    return scripted_start(&server, "scripted_llm/scripted_llm.py", NULL, 0) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    scripted_stop(&server);
    return 0;
}

static void a_refused_question_is_said_once(void **state)
{
    (void)state;
    said_begin(LOG_WARN);
    llm_case_stops(server.port, "refusing", "it refuses the question: 400 no such questions");
    said_end();
    assert_said("language model refuses a question url=\"http://127.0.0.1:");
    assert_said("why=\"it refuses the question: 400 no such questions\"");
    const char *first = strstr(said_text, "refuses a question");
    assert_null(strstr(first + 1, "refuses a question"));
}

/* Its answer to nothing is as sure as one can be, and no other way to read it is allowed. */
static void a_calibration_of_one_side_is_said(void **state)
{
    struct annotator_run r;
    (void)state;
    llm_case_prepare(&r, server.port, "lp_one_sided");
    annotator_run_set(&r, "llm.answer", "logprob");
    said_begin(LOG_WARN);
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    r.want = 1;
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    said_end();
    assert_said("the calibration puts everything on one side url=\"http://127.0.0.1:");
    annotator_run_dispose(&r);
}

static void conversations_that_cannot_be_kept_cost_no_label(void **state)
{
    struct annotator_run r;
    char path[300];
    (void)state;
    llm_case_prepare(&r, server.port, "vllm~unkept");
    snprintf(path, sizeof path, "%s/log", r.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/log/conversations.jsonl", r.dir);
    assert_int_equal(mkdir(path, 0700), 0); /* in the way */
    annotator_run_set(&r, "llm.samples_per_hour", "3600000");
    said_begin(LOG_WARN);
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    said_end();
    assert_int_equal(r.labels, LLM_CASE_MANY);
    assert_said("conversations cannot be kept file=");
    assert_int_equal(rmdir(path), 0);
    annotator_run_dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_question_is_said_once),
        cmocka_unit_test(a_calibration_of_one_side_is_said),
        cmocka_unit_test(conversations_that_cannot_be_kept_cost_no_label),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
