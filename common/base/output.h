/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_OUTPUT_H
#define ONIC_COMMON_BASE_OUTPUT_H

/* output.h - standard output carries results, and one that did not arrive is a failure.
 *
 * stdio keeps bytes back and tells nobody when the last of them meet a full disk, so a program asks
 * here before it reports success. A reader that went away (`| head`) is no failure: it has what it
 * wanted. Main thread only. */

#include "common/base/err.h"

/* Hands everything printed so far to the system. ONIC_EIO: some of it was not taken, now or
 * earlier; ONIC_ESTOPPED: nobody reads it any more, so there is no use in going on. */
int output_flush(struct onic_err *err);

/* The last act of a program that would exit with `code`: flushes and closes standard output;
 * nothing may be printed afterwards. Returns code; where that is 0 and a result was lost, says so
 * ("<program>: <sentence>") and returns the exit code of ONIC_EIO. */
int output_end(const char *program, int code);

#endif /* ONIC_COMMON_BASE_OUTPUT_H */
