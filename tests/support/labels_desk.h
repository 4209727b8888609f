/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_LABELS_DESK_H
#define ONIC_TESTS_SUPPORT_LABELS_DESK_H

/* labels_desk.h - a labels port and one client of it, in turns of one thread; header only. */

#include "common/wire/labels/labels.h"
#include "tests/onic_test.h"

static const struct wire_labels_identity desk_self = {.identity = "x", .annotator = "rules"};

struct desk {
    struct wire_labels_server *s;
    struct wire_labels_client *c;
    int labels;
    uint64_t id;
};

/* The server's loop, and its learner's. */
static inline void desk_turn(struct desk *d)
{
    struct wire_labels_ask q;
    struct label got;
    while (wire_labels_server_recv(d->s, &q)) {
        struct label l = {.id = ++d->id,
                          .state = LABEL_ANSWERED,
                          .value = 1,
                          .question = q.question,
                          .question_len = q.question_len,
                          .source = "rules"};
        wire_labels_server_send(d->s, q.client, &l, 1);
    }
    wire_labels_server_tick(d->s);
    if (d->c)
        wire_labels_client_poll(d->c, 1);
    while (d->c && wire_labels_client_next(d->c, &got))
        d->labels++;
}

static inline bool desk_is_answered(void *ctx)
{
    struct desk *d = ctx;
    desk_turn(d);
    return d->labels > 0;
}

#endif /* ONIC_TESTS_SUPPORT_LABELS_DESK_H */
