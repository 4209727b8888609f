/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_VERIFY_H
#define ONIC_DEPLOY_CLI_LABELS_VERIFY_H

/* labels_verify.h - `onic labels verify RUN`: is every label that was ever given still there, and
 * as it was given? */

#include "common/base/err.h"

/* Reads the store at path whole and writes what is there, and what is wrong, to stdout. run: if it
 * is a run directory with a checkpoint, the labels that this has heard of must be there too.
 * ONIC_EDAMAGED where something is wrong. */
int labels_verify(const char *path, const char *run, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_VERIFY_H */
