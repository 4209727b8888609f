/* SPDX-License-Identifier: MIT */
/* format.c - checksums and names of the checkpoint format; see format.h. */
#include "common/checkpoint/format.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"

static void format_print(XXH128_hash_t hash, char out[FORMAT_DIGITS + 1])
{
    snprintf(out, FORMAT_DIGITS + 1, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

void format_digest(const void *data, size_t bytes, char out[FORMAT_DIGITS + 1])
{
    format_print(XXH3_128bits(data, bytes), out);
}

void format_digest_blanked(const void *head, size_t head_bytes, size_t blank_at,
                           const void *const *tail, const size_t *tail_bytes, int ntails,
                           char out[FORMAT_DIGITS + 1])
{
    static const char zeros[] = "00000000000000000000000000000000";
    ONIC_ASSERT(sizeof zeros - 1 == FORMAT_DIGITS && blank_at + FORMAT_DIGITS <= head_bytes);
    const char *h = head;
    XXH3_state_t *state = XXH3_createState();
    ONIC_ASSERT(state);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, h, blank_at);
    XXH3_128bits_update(state, zeros, FORMAT_DIGITS);
    XXH3_128bits_update(state, h + blank_at + FORMAT_DIGITS, head_bytes - blank_at - FORMAT_DIGITS);
    for (int i = 0; i < ntails; i++)
        XXH3_128bits_update(state, tail[i], tail_bytes[i]);
    format_print(XXH3_128bits_digest(state), out);
    XXH3_freeState(state);
}

int format_is_name(const char *s)
{
    size_t n = strlen(s);
    return n > 0 && n < CHECKPOINT_NAME_MAX &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") == n;
}
