/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_DISTRUST_H
#define ONIC_DEPLOY_CLI_LABELS_DISTRUST_H

/* labels_distrust.h - `onic labels distrust RUN SOURCE`: the labels of a source are taken out, and
 * what was learned from them is learned anew from the others. */

#include "common/base/err.h"

/* path: of the store. run: if it is a run directory, its reward model begins anew when it goes on;
 * ONIC_ECANTCREATE while it runs. ONIC_ECONFIG where no label is of that source. */
int labels_distrust(const char *path, const char *run, const char *source, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_DISTRUST_H */
