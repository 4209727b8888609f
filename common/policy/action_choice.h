/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ACTION_CHOICE_H
#define ONIC_COMMON_POLICY_ACTION_CHOICE_H

/* action_choice.h - the softmax half of action_dist.h: the same functions for choices. */

#include "common/policy/action_dist.h"

void action_choice_sample(const struct action_space *s, const float *outputs, const uint8_t *mask,
                          const float *u, int n, union action_cell *action, float *logp);
void action_choice_mode(const struct action_space *s, const float *outputs, const uint8_t *mask,
                        int n, union action_cell *action);
void action_choice_evaluate(const struct action_space *s, float *outputs,
                            const struct action_rows *rows, int n, float *logp, float *entropy);
float action_choice_uniform_kl(const struct action_space *s, const float *evaluated,
                               const uint8_t *mask, float entropy);
void action_choice_gradient(const struct action_space *s, const float *evaluated,
                            const struct action_rows *rows, int n,
                            const struct action_slopes *slopes, float *doutputs);

#endif /* ONIC_COMMON_POLICY_ACTION_CHOICE_H */
