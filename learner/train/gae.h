/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_GAE_H
#define ONIC_LEARNER_TRAIN_GAE_H

/* gae.h - generalised advantage estimation (GAE(lambda), arXiv 1506.02438) and its value targets,
 * TD(lambda) returns.
 *
 *   delta_t = r_t + gamma V(x_{t+1}) - V(x_t)
 *   A_t     = delta_t + gamma lambda A_{t+1}      (equation 16, computed backwards)
 *   v_t     = V(x_t) + A_t
 *
 * Nothing is corrected for the actions' having been chosen by other weights. Where a step ended an
 * episode, V(x_{t+1}) is end_value[t] and A_{t+1} is 0, as in vtrace.h. Pure; accumulates in
 * double. Thread-safe. */

#include <stdint.h>

/* reward, value, end_value [T, B], ended [T, B] (0 or 1); bootstrap [B] = V(x_T); vs, adv [T, B]
 * are written and must not overlap the inputs. */
void gae(float *vs, float *adv, const float *reward, const float *value, const uint8_t *ended,
         const float *end_value, const float *bootstrap, int T, int B, double gamma, double lambda);

#endif /* ONIC_LEARNER_TRAIN_GAE_H */
