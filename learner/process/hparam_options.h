/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_HPARAM_OPTIONS_H
#define ONIC_LEARNER_PROCESS_HPARAM_OPTIONS_H

/* hparam_options.h - the options that runs are compared by, as TensorBoard's hyper-parameters. */

#include "common/config/config.h"
#include "common/metrics/tensorboard.h"

struct hparam_table {
    struct tensorboard_hparam row[CONFIG_COUNT];
    char name[CONFIG_COUNT][64], text[CONFIG_COUNT][CONFIG_STR_MAX];
    int n;
};

/* What is played and learned, and what labels it: not where files lie, who listens, or how often
 * something is written. All of them, whatever their origin, so that two runs have the same columns.
 */
void hparam_options(struct hparam_table *out, const struct config *cfg);

#endif /* ONIC_LEARNER_PROCESS_HPARAM_OPTIONS_H */
