/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_SEAL_H
#define ONIC_COMMON_RUN_RUN_SEAL_H

/* run_seal.h - whether a text file of a run is as onic wrote it; private to common/run.
 *
 * Its last line holds a checksum of all lines above it, so a file that was cut, emptied, damaged or
 * edited is told from a whole one. It is no signature: whoever can write the file can seal it. */

#include <stddef.h>

#include "common/base/buf.h"

enum run_seal { RUN_SEAL_GOOD, RUN_SEAL_BROKEN, RUN_SEAL_NONE };

/* Closes a text of whole lines with its checksum. */
void run_seal_close(struct buf *text);
/* RUN_SEAL_NONE: no line of it is a checksum. */
enum run_seal run_seal_look(const char *text, size_t len);
/* Bytes of the lines in front of a checksum that stands last; len when there is none. */
size_t run_seal_body(const char *text, size_t len);

#endif /* ONIC_COMMON_RUN_RUN_SEAL_H */
