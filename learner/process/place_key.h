/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_PLACE_KEY_H
#define ONIC_LEARNER_PROCESS_PLACE_KEY_H

/* place_key.h - the key by which a run knows the secrets that it gave to its actors
 * (common/wire/rollout/place.h). */

#include <stdint.h>

#include "common/base/err.h"

enum { PLACE_KEY_LEN = 32 };

/* Reads RUN/places.key, or makes it: where there is none yet, or one that others could read.
 * Without the old key, actors that are still there are told to restart. ONIC_ECANTCREATE, ONIC_EIO.
 */
int place_key_of_run(const char *run_dir, uint8_t key[PLACE_KEY_LEN], struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_PLACE_KEY_H */
