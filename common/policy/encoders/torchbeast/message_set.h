/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_MESSAGE_SET_H
#define ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_MESSAGE_SET_H

/* message_set.h - the messages of a batch, each once: most of a batch's rows share few of them, and
 * the network that reads them costs more than all else. Memory is the caller's. */

#include <stddef.h>
#include <stdint.h>

struct message_set {
    char *text;           /* [max, 256] */
    const char **caption; /* [max] into text */
    uint16_t *len;        /* [max] */
    int32_t *slot;        /* [slots] index of a message, -1: free */
    int slots;            /* power of two, at least twice max */
    int count;
};
/* slots for at most `max` messages */
int message_set_slots(int max);
void message_set_clear(struct message_set *s);
/* Index of a message uint8[256], which ends at its first 0 byte; added when it is new. At most max
 * calls after clear. */
int32_t message_set_add(struct message_set *s, const uint8_t *message);

#endif /* ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_MESSAGE_SET_H */
