/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_VTRACE_H
#define ONIC_LEARNER_TRAIN_VTRACE_H

/* vtrace.h - off-policy corrected value targets and advantages (V-trace, IMPALA, arXiv 1802.01561
 * section 4.1).
 *
 *   rho_t = min(rho_bar, ratio_t)      c_t = lambda min(c_bar, ratio_t)                  (remark 2)
 *   delta_t = rho_t (r_t + gamma V(x_{t+1}) - V(x_t))
 *   v_t     = V(x_t) + delta_t + gamma c_t (v_{t+1} - V(x_{t+1}))    (remark 1, computed backwards)
 *   A_t     = rho_t (r_t + gamma (lambda v_{t+1} + (1 - lambda) V(x_{t+1})) - V(x_t))
 *
 * With lambda 1, A is the paper's (section 4.2). Below 1 the paper says nothing of A; this one
 * believes of the steps after t+1 as much as v_t does, so that for actions of the policy itself
 * (all ratios 1) A is the GAE(lambda) of gae.h, and with lambda 0 one step's error.
 *
 * Where a step ended an episode nothing of step t+1 is read: V(x_{t+1}) and v_{t+1} are
 * end_value[t], which is 0 after a true end and the value of the final observation after a time
 * limit. Pure; accumulates in double, because the correction is a product chain over up to 4096
 * steps. Thread-safe. */

#include <stdint.h>

struct vtrace_rule {
    double gamma, lambda, rho_bar, c_bar; /* discount; 0..1; clips, 0 and more */
};

/* ratio, reward, value, end_value [T, B], ended [T, B] (0 or 1); bootstrap [B] = V(x_T); vs, adv
 * [T, B] are written and must not overlap the inputs. ratio = pi(a|x) / mu(a|x). */
void vtrace(float *vs, float *adv, const float *ratio, const float *reward, const float *value,
            const uint8_t *ended, const float *end_value, const float *bootstrap, int T, int B,
            const struct vtrace_rule *rule);

#endif /* ONIC_LEARNER_TRAIN_VTRACE_H */
