/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_DIR_H
#define ONIC_COMMON_RUN_RUN_DIR_H

/* run_dir.h - the directory of a run: name, resume or overwrite, config.yaml, version.txt,
 * ledger.json. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "common/data/ledger.h"

/* run.dir, or runs/<last YAML file, or env>[-<reward model>][-<annotator>][-<goal>]-s<seed>: each
 * of the three only where environment or command line gave another value than defaults and files
 * (config.differs). */
int run_dir_name(const struct config *given, char *out, size_t size, struct onic_err *err);

/* Prepares the directory by run.on_exists: creates it, takes its lock (*lock_fd, see run_lock.h),
 * and on resume puts `given` on top of the stored configuration (differences are logged, in the
 * level and format that the result says). cfg receives the result, with run.dir set.
 * ONIC_ECANTCREATE: in use, not writable, full, exists and must not, or is no run directory and
 * would be overwritten. ONIC_EAUTH: others can write it, and what it stores names plug-ins,
 * programs, paths or addresses that `given` does not (run_trust.h). */
int run_dir_open(const char *dir, const struct config *given, struct config *cfg, int *lock_fd,
                 bool *resumed, struct onic_err *err);

/* True when run_dir_open would resume: only then is what it gives more than `given`. */
bool run_dir_resumes(const char *dir, const struct config *given);

/* The stored configuration of a run; values equal to the defaults have the origin "default".
 * Options of an older onic that are gone are named in the log and left out. ONIC_ENOTFOUND: no
 * config.yaml. */
int run_dir_config(const char *dir, struct config *out, struct onic_err *err);

enum { RUN_CONFIG_WHY_MAX = 256 };
/* The same for who says more than the log would: why is not empty where config.yaml is not as onic
 * wrote it for this run, so that what it lacks is the default, or is another run's; it follows the
 * name of the directory in a sentence. */
int run_dir_config_shown(const char *dir, struct config *out, char why[RUN_CONFIG_WHY_MAX],
                         struct onic_err *err);

/* ONIC_ECONFIG: config.yaml is not as onic wrote it; what the next reader would make of it is not
 * what the run was started with. */
int run_dir_check_config(const char *dir, struct onic_err *err);

/* The label store of a run that is only read: `given` (labels.path of the command line) or, where
 * it is "", RUN/labels.sqlite. ONIC_ECONFIG: the stored configuration names another one, whose path
 * the user must give. */
int run_dir_labels(const char *dir, const char *given, char *out, size_t size,
                   struct onic_err *err);

/* Empties the directory of a run that is overwritten (not `resumed`, as run_dir_open says): only
 * now, so that what is refused between the two loses nothing. Writes config.yaml (atomically) and
 * adds a line to version.txt. What a resumed run had until now is kept beside it
 * (config.yaml.before) until run_dir_settle. ONIC_ECANTCREATE also when the disk has no room for
 * 1 MiB. */
int run_dir_write(const char *dir, const struct config *cfg, bool resumed, struct onic_err *err);

/* The checkpoint that every run begins with. */
#define RUN_DIR_UNTRAINED "ckpt-000000000000.safetensors"

/* The end of a life, by whoever wrote its configuration and while the lock is held. refused: it
 * ended with 64 or 78. If nothing was trained with that configuration, the run is what it was
 * before: the old config.yaml is back, or, in a first life, the new one becomes config.yaml.refused
 * and the directory counts as that of a run which is still to begin, whatever run.on_exists says
 * (labels are kept, but by overwrite). A life that was killed before this is settled by the next
 * run_dir_open: see run_settle.h. Returns whether the configuration was taken back. */
bool run_dir_settle(const char *dir, bool refused);
/* A checkpoint of the run holds more than the weights it began with. */
bool run_dir_trained(const char *dir);
/* Removes the checkpoint that a run begins with: it would tie a run to an environment and a network
 * that nothing was trained with. */
void run_dir_drop_untrained(const char *dir);

/* Whole text of dir/name into out (NUL-terminated, at most max bytes). ONIC_ENOTFOUND,
 * ONIC_EAUTH, ONIC_EIO. */
int run_dir_read(const char *dir, const char *name, char *out, size_t max, struct onic_err *err);
int run_dir_ledger(const char *dir, struct ledger *out, struct onic_err *err);

#endif /* ONIC_COMMON_RUN_RUN_DIR_H */
