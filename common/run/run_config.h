/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_CONFIG_H
#define ONIC_COMMON_RUN_RUN_CONFIG_H

/* run_config.h - the stored configuration of a run: written sealed, and taken over by the next life
 * only when it is whole; private to common/run.
 *
 * What cannot be told to be whole would give defaults where the run had values, so it is refused. A
 * person decides by run.config: the file as it is now, or the newest checkpoint, which holds the
 * options that it was trained with. */

#include "common/run/run_dir.h"
#include "common/run/run_id.h"

enum run_config_state {
    RUN_CONFIG_NONE,  /* no run: neither config.yaml nor a checkpoint that was trained */
    RUN_CONFIG_WHOLE, /* as onic wrote it, or cannot be read: reading it says why */
    RUN_CONFIG_BAD,   /* refused unless run.config says otherwise */
};

/* why, may be NULL: of a bad one, what follows the name of the directory in a sentence. */
enum run_config_state run_config_look(const char *dir, char why[RUN_CONFIG_WHY_MAX]);
/* ONIC_ECONFIG: the sentence of a bad one, with what to do. */
int run_config_refuse(const char *dir, const char *why, struct onic_err *err);
/* The options that a resumed run goes on with, by given->run_config; values that are the defaults
 * have that origin. */
int run_config_take(const char *dir, const struct config *given, struct config *out,
                    struct onic_err *err);
/* Replaces config.yaml. ONIC_ECANTCREATE. */
int run_config_write(const char *dir, const struct config *cfg, const uint8_t id[RUN_ID_BYTES],
                     struct onic_err *err);

#endif /* ONIC_COMMON_RUN_RUN_CONFIG_H */
