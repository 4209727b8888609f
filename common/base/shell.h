/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_SHELL_H
#define ONIC_COMMON_BASE_SHELL_H

/* shell.h - words of a command that a person can copy into a shell. Every path or value in a
 * suggested command goes through here. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

/* Appends text as one word of a POSIX shell: as it is where nothing in it is special, else quoted;
 * a file name that begins with a dash gets "./" in front. Control characters are written as in
 * $'...', which bash, zsh and ksh understand, so that the command stays one line. */
void shell_put(struct buf *out, const char *text);
/* The same into an array, for sentences; a word that does not fit becomes "...". Returns out. */
const char *shell_word(const char *text, char *out, size_t size);

/* Whether path is a file that this user can execute. */
bool shell_is_program(const char *path);
/* Whether a shell finds a program of that name in $PATH; true without $PATH: nobody knows then. */
bool shell_finds(const char *name);

#endif /* ONIC_COMMON_BASE_SHELL_H */
