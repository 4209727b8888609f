/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_SHIPPED_H
#define ONIC_COMMON_CONFIG_SHIPPED_H

/* shipped.h - the configurations that come with onic, for somebody who names one that is not a
 * file. */

#include "common/base/buf.h"

/* Appends what can be done instead of reading the file `path`, which cannot be: the shipped
 * configuration that was probably meant, by its name or by its environment's ("keycorridor",
 * "KeyCorridorS3R3"), else where they are; for a folder with a run in it, how that goes on. Begins
 * with "; " and is copied into a shell as it is. */
void shipped_suggest(const char *path, struct buf *out);

#endif /* ONIC_COMMON_CONFIG_SHIPPED_H */
