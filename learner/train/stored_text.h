/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_STORED_TEXT_H
#define ONIC_LEARNER_TRAIN_STORED_TEXT_H

/* stored_text.h - whether a checkpoint is of the environment and the network at hand, by the texts
 * in it. Where they differ both are named, cut to the part that differs. */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/policy/policy.h"

/* Tensor `tensor` holds `mine`, but for a line "success: ..."; ONIC_ECONFIG when it does not; what:
 * "network"; remedy: what to change about it. ONIC_EDAMAGED. */
int stored_text_check(const struct checkpoint_file *f, const char *tensor, const struct buf *mine,
                      const char *what, const char *remedy, struct onic_err *err);
/* The weights are of this network, to be played with. The observation may have further fields that
 * the network does not read. */
int stored_text_check_network(const struct checkpoint_file *f, const struct policy *p,
                              struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_STORED_TEXT_H */
