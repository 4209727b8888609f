/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CHECKPOINT_FORMAT_H
#define ONIC_COMMON_CHECKPOINT_FORMAT_H

/* format.h - what the writer and the reader of a checkpoint share; specified in FORMAT.md. Private
 * to this folder. */

#include <stddef.h>

/* The header starts with exactly this, the digits of the whole-file checksum follow, then
 * FORMAT_AFTER. */
#define FORMAT_BEFORE "{\"__metadata__\":{\"onic.xxh3\":\""
#define FORMAT_VERSION "1"
#define FORMAT_NAMED "\",\"onic.format\":\""
#define FORMAT_AFTER FORMAT_NAMED FORMAT_VERSION "\""
#define FORMAT_DIGEST_KEY "onic.xxh3"     /* whole file */
#define FORMAT_TENSOR_DIGEST "onic.xxh3/" /* + tensor name */
enum {
    FORMAT_DIGITS = 32,
    FORMAT_LENGTH_BYTES = 8,
    FORMAT_ALIGN = 64,
    FORMAT_VERSION_MAX = 8 /* bytes of a format's number */
};
/* Offset of the digits in the file. */
#define FORMAT_DIGEST_AT (FORMAT_LENGTH_BYTES + sizeof FORMAT_BEFORE - 1)

/* XXH3-128 of data as FORMAT_DIGITS lower-case hexadecimal digits and a NUL. */
void format_digest(const void *data, size_t bytes, char out[FORMAT_DIGITS + 1]);
/* The same over `head`, in which the digest's place at `blank_at` counts as zero digits, followed
 * by the tails. */
void format_digest_blanked(const void *head, size_t head_bytes, size_t blank_at,
                           const void *const *tail, const size_t *tail_bytes, int ntails,
                           char out[FORMAT_DIGITS + 1]);
/* 1 when s is a name: 1..CHECKPOINT_NAME_MAX-1 letters, digits, or ._-/ */
int format_is_name(const char *s);

#endif /* ONIC_COMMON_CHECKPOINT_FORMAT_H */
