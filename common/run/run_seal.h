/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_SEAL_H
#define ONIC_COMMON_RUN_RUN_SEAL_H

/* run_seal.h - whether a text file of a run is as onic wrote it; private to common/run.
 *
 * Its last line holds a checksum of all lines above it, so a file that was cut, emptied, damaged or
 * edited is told from a whole one. A line above it names the run, so that a whole one of another
 * run is told as well. It is no signature: whoever can write the file can seal it. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/run/run_dir.h"
#include "common/run/run_id.h"

enum run_seal { RUN_SEAL_GOOD, RUN_SEAL_BROKEN, RUN_SEAL_NONE };

/* Closes a text of whole lines with its checksum. */
void run_seal_close(struct buf *text);
/* Adds a line to a text of whole lines: it is of this run. */
void run_seal_own(struct buf *text, const uint8_t id[RUN_ID_BYTES]);
/* The run that a text says it is of; false: it says none, as those of before there was such a line.
 */
bool run_seal_owner(const char *text, uint8_t id[RUN_ID_BYTES]);
/* Whether a text that is kept in `dir` names another run. why, may be NULL: what follows the name
 * of the directory in a sentence. */
bool run_seal_is_anothers(const char *dir, const char *text, char why[RUN_CONFIG_WHY_MAX]);
/* RUN_SEAL_NONE: no line of it is a checksum. */
enum run_seal run_seal_look(const char *text, size_t len);
/* Bytes of the lines in front of a checksum that stands last; len when there is none. */
size_t run_seal_body(const char *text, size_t len);

#endif /* ONIC_COMMON_RUN_RUN_SEAL_H */
