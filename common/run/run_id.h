/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_ID_H
#define ONIC_COMMON_RUN_RUN_ID_H

/* run_id.h - which run a directory holds: 16 random bytes in RUN/run_id and in every checkpoint.
 *
 * A directory may be emptied and used again, and checkpoints may be copied; so a checkpoint counts
 * as this run's only where both say the same. */

#include <stdbool.h>
#include <stdint.h>

#include "common/checkpoint/checkpoint.h"

#define RUN_ID_FILE "run_id"
enum { RUN_ID_BYTES = 16, RUN_ID_TEXT_MAX = 2 * RUN_ID_BYTES + 1 };

void run_id_text(const uint8_t id[RUN_ID_BYTES], char out[RUN_ID_TEXT_MAX]);
/* A line that begins with one and holds nothing else; false: it does not, and id is as it was. */
bool run_id_parse(const char *line, uint8_t id[RUN_ID_BYTES]);
/* The id in RUN/run_id. ONIC_ENOTFOUND: a run of an older onic, or none; ONIC_ECONFIG: it holds
 * none. */
int run_id_read(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err);
/* The same; where there is none, that of the newest checkpoint, or where there is no checkpoint
 * either, a new one. Writes nothing. What run_dir_newest fails with, but ONIC_ENOTFOUND. */
int run_id_find(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err);
/* The same, and it is written there. */
int run_id_ensure(const char *dir, uint8_t id[RUN_ID_BYTES], struct onic_err *err);
/* Writes one that was found where there is none. */
int run_id_keep(const char *dir, const uint8_t id[RUN_ID_BYTES], struct onic_err *err);
/* The id in a checkpoint. ONIC_EDAMAGED. */
int run_id_of_checkpoint(const struct checkpoint_file *f, uint8_t id[RUN_ID_BYTES],
                         struct onic_err *err);

/* The newest valid checkpoint of the run in `dir`: checkpoint_newest_valid of its checkpoints/, and
 * ONIC_ECONFIG naming the file when it is another run's: going on with it, or with an older one,
 * would be a silent change of what was trained; so is one that holds another update than its name
 * says. ONIC_EDAMAGED also when there is none and ledger.json knows of training. */
int run_dir_newest(struct checkpoint_file **out, const char *dir, struct buf *report,
                   struct onic_err *err);

#endif /* ONIC_COMMON_RUN_RUN_ID_H */
