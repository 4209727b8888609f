/* SPDX-License-Identifier: MIT */
/* llm_case.c - see llm_case.h. */
#include "tests/support/llm_case.h"

#include "tests/onic_test.h"

void llm_case_prepare(struct annotator_run *r, int port, const char *behaviour)
{
    char url[200];
    annotator_run_prepare(r, LLM_CASE_MANY);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/v1", port, behaviour);
    annotator_run_set(r, "llm.url", url);
    annotator_run_set(r, "llm.model", "m");
    annotator_run_set(r, "llm.backoff_s", "0.01");
    annotator_run_set(r, "llm.breaker_s", "0.1");
    annotator_run_set(r, "llm.deadline_s", "1");
    annotator_run_set(r, "llm.answer", "text");
}

void llm_case_labels_come(int port, const char *behaviour, const char *key, const char *value)
{
    struct annotator_run r;
    llm_case_prepare(&r, port, behaviour);
    if (key)
        annotator_run_set(&r, key, value);
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, LLM_CASE_MANY);
    annotator_run_dispose(&r);
}

void llm_case_stops(int port, const char *behaviour, const char *part)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = part};
    llm_case_prepare(&r, port, behaviour);
    annotator_run_open(&r, "llm");
    for (int i = 0; i < LLM_CASE_MANY; i++)
        annotator_run_submit(&r, i);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\" does not say \"%s\"", h.text, part);
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}
