/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_SETTLE_H
#define ONIC_COMMON_RUN_RUN_SETTLE_H

/* run_settle.h - which configuration a run has once a life is over; private to common/run.
 *
 * config.yaml.before is the configuration of the lives before this one, with the names of the
 * checkpoints of then in its last line but one; the last is its checksum. It is complete before
 * config.yaml is replaced, and comes back by one rename: whenever a process is killed, either the
 * old configuration is in place or what brings it back lies beside the new one. A newer checkpoint
 * means that the new one was trained with, and stays; so does one that was edited or removed since,
 * which run_dir_open refuses.
 *
 * One that was not whole, and was taken over by the word of run.config, lies beside as it was
 * (config.yaml.broken; config.yaml.before then only has the checkpoints): it comes back no more
 * whole, and the word is asked for again. */

#include "common/run/run_dir.h"

#define RUN_DIR_BEFORE "config.yaml.before"
#define RUN_DIR_BROKEN "config.yaml.broken"
#define RUN_DIR_REFUSED "config.yaml.refused"

/* Makes config.yaml.before of config.yaml. ONIC_ECANTCREATE, ONIC_EIO. */
int run_dir_keep_config(const char *dir, struct onic_err *err);
/* The same of one that is not whole, or gone. ONIC_ECANTCREATE. */
int run_dir_keep_broken_config(const char *dir, struct onic_err *err);
/* What a killed life left: its configuration goes unless something was trained with it. */
void run_dir_recover_config(const char *dir);
/* Where there is nothing to go back to. */
void run_dir_drop_kept_config(const char *dir);

#endif /* ONIC_COMMON_RUN_RUN_SETTLE_H */
