/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_CHECK_H
#define ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_CHECK_H

/* llm_check.h - what `onic doctor` asks the servers of the annotator llm. */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/question.h"
#include "reward_server/annotators/annotator.h"

/* Probes every address of llm.url as the start of a run does and asks it one real question of this
 * kind (trial.h), without a label store: what it costs (a handful of questions) is booked nowhere.
 * Of the setup only configuration and goal are read. Puts a sentence per address into out, with the
 * label that would be booked; the key itself is never in it. Waits for the servers, llm.deadline_s
 * per question at most. *broken = addresses that give no label. ONIC_ECONFIG when options or
 * prompts are no good. */
int llm_check(const struct annotator_setup *what, enum question_kind kind, struct buf *out,
              int *broken, struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_LLM_LLM_CHECK_H */
