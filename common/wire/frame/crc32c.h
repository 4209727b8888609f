/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_CRC32C_H
#define ONIC_COMMON_WIRE_FRAME_CRC32C_H

/* crc32c.h - Castagnoli CRC (RFC 3720 appendix B.4), the check of every frame. Thread-safe.
 *
 * The table form exists for machines without SSE4.2 and as the reference the fast form is tested
 * against. */

#include <stddef.h>
#include <stdint.h>

/* crc: 0 to begin, or the result for the bytes before, so that pieces can be chained. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);
uint32_t crc32c_table(uint32_t crc, const void *data, size_t bytes);

#endif /* ONIC_COMMON_WIRE_FRAME_CRC32C_H */
