/* SPDX-License-Identifier: MIT */
/* message_set.c - see message_set.h. Open addressing. */
#include "common/policy/encoders/torchbeast/message_set.h"

#include <string.h>
#include <xxhash.h>

#include "common/policy/nethack_obs.h"

int message_set_slots(int max)
{
    int slots = 2;
    while (slots < 2 * max)
        slots *= 2;
    return slots;
}

void message_set_clear(struct message_set *s)
{
    memset(s->slot, 0xff, (size_t)s->slots * sizeof *s->slot);
    s->count = 0;
}

int32_t message_set_add(struct message_set *s, const uint8_t *message)
{
    size_t len = strnlen((const char *)message, NETHACK_MESSAGE);
    uint32_t mask = (uint32_t)s->slots - 1, at = (uint32_t)XXH3_64bits(message, len) & mask;
    for (; s->slot[at] >= 0; at = (at + 1) & mask) {
        int32_t i = s->slot[at];
        if (s->len[i] == len && memcmp(s->caption[i], message, len) == 0)
            return i;
    }
    int32_t i = s->slot[at] = s->count++;
    char *text = s->text + (size_t)i * NETHACK_MESSAGE;
    memcpy(text, message, len);
    s->caption[i] = text;
    s->len[i] = (uint16_t)len;
    return i;
}
