/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_LABELS_PLANE_H
#define ONIC_COMMON_WIRE_LABELS_PLANE_H

/* plane.h - numbers both ends of the annotation plane agree on. Private to common/wire. */

#include "common/data/label.h"

enum {
    ANNOT_CREDITS = 4096,               /* questions a client may have open */
    ANNOT_BATCH = 256,                  /* questions of one ASK, labels of one LABELS message */
    ANNOT_QUESTION_MAX = QUESTION_MAX,  /* bytes */
    ANNOT_HWM = 4 * ANNOT_CREDITS + 16, /* one message per open question would still fit */
    ANNOT_STATE_FIRST = LABEL_ANSWERED, /* 0 on the wire, which knows answers alone */
    ANNOT_CLIENTS_MAX = 64,
    ANNOT_STRANGERS_MAX = 64,      /* connections that have not said HELLO */
    ANNOT_UNASKED_MAX = 65536,     /* labels that a learner takes of what it never asked */
    ANNOT_RATE_MAX = 65536,        /* questions of one client within a second; more is BUSY */
    ANNOT_MESSAGE_BYTES = 1 << 20, /* of a message at most */
    /* of a client: all that it may have open, each in a message of its own, asked twice */
    ANNOT_UNDER_WAY = 2 * ANNOT_CREDITS * (ANNOT_QUESTION_MAX + 192)
};

#endif /* ONIC_COMMON_WIRE_LABELS_PLANE_H */
