/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_WRAP_H
#define ONIC_REWARD_SERVER_ANNOTATORS_WRAP_H

/* wrap.h - annotators around another one; annotator_open stacks them.
 *
 *   vote(noise(llm))            asks noise k times; each of the k answers is distorted alone
 *   canary(vote(llm))           asks now and then what is known, and keeps these answers
 *   fallback(canary(llm), rules)  asks the rules while no server answers
 *
 * A wrapper owns what it wraps. */

#include "reward_server/annotators/annotator.h"
#include "reward_server/goals/canaries.h"

/* Turns an answer into its opposite with a probability, drawn per (seed, goal, question, vote). */
struct annotator *noise_wrap(struct annotator *inner, const struct goal *goal, int64_t seed,
                             double probability);
/* Asks up to `votes` times and answers with the majority. */
struct annotator *vote_wrap(struct annotator *inner, int votes);
/* Asks a canary after every 1 / rate questions and watches the answers. id: of whom; borrowed.
 * Takes the messages over. answered_before: as in struct annotator_setup. */
struct annotator *canary_wrap(struct annotator *inner, const char *id, struct canaries *messages,
                              double rate, uint64_t answered_before);
/* Asks the first of n that can answer; answers begin with its id, "rules: ". */
struct annotator *fallback_wrap(struct annotator *const *member, const char *const *id, int n);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_WRAP_H */
