/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_HELDOUT_H
#define ONIC_LEARNER_REWARD_HELDOUT_H

/* heldout.h - how well a learned reward model predicts labels it was not trained on.
 *
 * Which captions are held out is a property of the caption alone (a hash), so the split is the same
 * in every run, after a resume and for every model. Pairs: hold a pair out when heldout_caption
 * holds for one of its captions, and give the probability that the first is better. Thread-safe. */

#include <stdbool.h>
#include <stddef.h>

/* True for about `share` of all captions. */
bool heldout_caption(const char *caption, size_t len, double share);

struct heldout_measure {
    int n;
    double accuracy; /* of p > 0.5; NAN when n = 0 */
    double auc;      /* area under the ROC curve, equal p count half; NAN without both classes */
    double ece;      /* expected calibration error over 10 equal bins of p; NAN when n = 0 */
};
/* p [n]: predicted probability of label 1; label [n]: 0 or 1. */
struct heldout_measure heldout_measure(const float *p, const unsigned char *label, int n);
/* reward_model/heldout_accuracy, heldout_auc, heldout_ece */
void heldout_report(const struct heldout_measure *m,
                    void (*put)(void *ctx, const char *name, double value), void *ctx);

#endif /* ONIC_LEARNER_REWARD_HELDOUT_H */
