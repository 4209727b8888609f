/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_DASHBOARD_OPTIONS_H
#define ONIC_LEARNER_DASHBOARD_DASHBOARD_OPTIONS_H

/* dashboard_options.h - what the options of a run mean for its page. */

#include "common/config/config.h"
#include "learner/dashboard/dashboard.h"

/* auto means off: `onic train` gives its learner an address instead. */
void dashboard_options(struct dashboard_params *out, const struct config *cfg, const char *run_dir);

#endif /* ONIC_LEARNER_DASHBOARD_DASHBOARD_OPTIONS_H */
