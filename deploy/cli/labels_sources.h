/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_SOURCES_H
#define ONIC_DEPLOY_CLI_LABELS_SOURCES_H

/* labels_sources.h - `onic labels sources RUN`: which annotator and model gave which share. */

#include "common/base/err.h"

/* Writes a line per annotator and model to stdout, the greatest share first, of the store at path.
 * Works beside a server. ONIC_EDAMAGED after what could be read. */
int labels_sources(const char *path, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_SOURCES_H */
