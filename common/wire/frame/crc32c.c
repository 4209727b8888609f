/* SPDX-License-Identifier: MIT */
/* crc32c.c - see crc32c.h.
 *
 * The crc32 instruction has a latency of three cycles and a throughput of one per cycle, so one
 * dependent chain reaches a third of what the unit can do. Long inputs are therefore cut into three
 * equal lanes whose remainders are computed side by side and then joined: the CRC is linear over
 * GF(2), so the remainder of A followed by B is shift(crc(A), |B|) xor crc(B), and shifting by a
 * fixed length is four table look-ups. The tables are filled once, on the first call. */
#include "common/wire/frame/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

enum { POLY_REFLECTED = (int)0x82f63b78, LANE = 1024 /* bytes of one lane; a multiple of 8 */ };

static uint32_t byte_table[256];
static uint32_t lane_shift[2][4][256]; /* [0]: over one lane of zeros, [1]: over two */
static pthread_once_t filled = PTHREAD_ONCE_INIT;

static uint32_t raw_table(uint32_t c, const uint8_t *p, size_t n)
{
    while (n--)
        c = byte_table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return c;
}

static void crc32c_fill(void)
{
    static const uint8_t zeros[2 * LANE];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = (c & 1) ? (c >> 1) ^ (uint32_t)POLY_REFLECTED : c >> 1;
        byte_table[i] = c;
    }
    for (int lanes = 0; lanes < 2; lanes++)
        for (int b = 0; b < 4; b++)
            for (uint32_t i = 0; i < 256; i++)
                lane_shift[lanes][b][i] =
                    raw_table(i << (8 * b), zeros, (size_t)(lanes + 1) * LANE);
}

uint32_t crc32c_table(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&filled, crc32c_fill);
    return ~raw_table(~crc, data, bytes);
}

#ifdef __SSE4_2__

static uint32_t shift(int lanes, uint32_t c)
{
    uint32_t(*t)[256] = lane_shift[lanes - 1];
    return t[0][c & 0xff] ^ t[1][(c >> 8) & 0xff] ^ t[2][(c >> 16) & 0xff] ^ t[3][c >> 24];
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&filled, crc32c_fill);
    const uint8_t *p = data;
    uint64_t c = (uint32_t)~crc;
    while (bytes >= 3 * LANE) {
        uint64_t c1 = 0, c2 = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            c = _mm_crc32_u64(c, load64(p + i));
            c1 = _mm_crc32_u64(c1, load64(p + LANE + i));
            c2 = _mm_crc32_u64(c2, load64(p + 2 * LANE + i));
        }
        c = shift(2, (uint32_t)c) ^ shift(1, (uint32_t)c1) ^ (uint32_t)c2;
        p += 3 * LANE;
        bytes -= 3 * LANE;
    }
    for (; bytes >= 8; bytes -= 8, p += 8)
        c = _mm_crc32_u64(c, load64(p));
    for (; bytes; bytes--, p++)
        c = _mm_crc32_u8((uint32_t)c, *p);
    return ~(uint32_t)c;
}

#else

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return crc32c_table(crc, data, bytes);
}

#endif
