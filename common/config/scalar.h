/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CONFIG_SCALAR_H
#define ONIC_COMMON_CONFIG_SCALAR_H

/* scalar.h - what a word means as true or false, as a number, as nothing: the core schema of YAML
 * 1.2 (section 10.3.2), wherever the word was written.
 *
 * Beyond the schema: yes, no, on, off, 0 and 1 are true or false; a whole number may be written as
 * a real one (2e7, 1.0) where it stays below 2^53. The whole text must be the word: no blanks, no
 * underscores, no C forms. */

#include <stdbool.h>
#include <stdint.h>

bool scalar_is_null(const char *text); /* empty, ~, null, Null, NULL */
/* false: the text is no such value. Each word of letters small, Capitalised or LARGE. */
bool scalar_bool(const char *text, bool *out);
bool scalar_int(const char *text, int64_t *out);
/* Whole numbers in all their forms, .inf and .nan too. */
bool scalar_real(const char *text, double *out);

#endif /* ONIC_COMMON_CONFIG_SCALAR_H */
