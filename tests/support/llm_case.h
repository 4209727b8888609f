/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_LLM_CASE_H
#define ONIC_TESTS_SUPPORT_LLM_CASE_H

/* llm_case.h - the annotator llm against one behaviour of tests/support/scripted_llm. */

#include "tests/support/annotator_run.h"

enum { LLM_CASE_MANY = 12 };

/* Everything but the annotator: short pauses and deadlines, LLM_CASE_MANY questions, answers that
 * are texts. */
void llm_case_prepare(struct annotator_run *r, int port, const char *behaviour);
/* Every caption gets its right label in the end; key: an option, or NULL. */
void llm_case_labels_come(int port, const char *behaviour, const char *key, const char *value);
/* Nothing is answered and the status says why. */
void llm_case_stops(int port, const char *behaviour, const char *part);

#endif /* ONIC_TESTS_SUPPORT_LLM_CASE_H */
