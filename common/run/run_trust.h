/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_TRUST_H
#define ONIC_COMMON_RUN_RUN_TRUST_H

/* run_trust.h - whether the configuration in a run directory is this user's own word; private to
 * common/run.
 *
 * A resumed run goes on with what its config.yaml says, also of plug-ins, programs, paths and
 * addresses, which nobody else may choose for this user. So the directory and the file must be
 * this user's (or root's) and nobody else may be able to write them; otherwise only what the
 * command line says too is taken. */

#include "common/run/run_dir.h"

/* ONIC_EAUTH naming the options: others can write `dir` and its stored configuration gives options
 * that are not portable, other than `given` does. */
int run_dir_trust(const char *dir, const struct config *stored, const struct config *given,
                  struct onic_err *err);

#endif /* ONIC_COMMON_RUN_RUN_TRUST_H */
