/* SPDX-License-Identifier: MIT */
/* place.c - see place.h. BLAKE2b with a key, compared in constant time. */
#include "common/wire/rollout/place.h"

#include <sodium.h>
#include <string.h>

#include "common/base/err.h"

static void put_little_endian(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void place_secret(const uint8_t key[PLACE_KEY_BYTES], const struct place *of,
                  uint8_t out[PLACE_SECRET_BYTES])
{
    uint8_t text[16 + 4 + 8];
    memcpy(text, of->run_id, 16);
    put_little_endian(text + 16, of->actor_id, 4);
    put_little_endian(text + 20, of->incarnation, 8);
    ONIC_ASSERT(
        crypto_generichash(out, PLACE_SECRET_BYTES, text, sizeof text, key, PLACE_KEY_BYTES) == 0);
}

bool place_is_shown(const uint8_t key[PLACE_KEY_BYTES], const struct place *of,
                    const ProtobufCBinaryData *shown)
{
    uint8_t want[PLACE_SECRET_BYTES];
    if (of->incarnation == 0 || shown->len != sizeof want)
        return false;
    place_secret(key, of, want);
    return sodium_memcmp(want, shown->data, sizeof want) == 0;
}
