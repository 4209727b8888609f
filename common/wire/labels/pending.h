/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_LABELS_PENDING_H
#define ONIC_COMMON_WIRE_LABELS_PENDING_H

/* pending.h - what became of every question the client was given. Private to client.c.
 *
 * A question goes WAITING -> ASKED -> ANSWERED and is remembered, so each text is asked once. When
 * 262144 are remembered, all but the open ones are forgotten: a week of questions that never repeat
 * must not fill the memory, and one that does come again is answered from the store. Waiting ones
 * are a stack, because the newest are what the agent does now; asked ones are a queue by time,
 * because the oldest question is the next to be repeated.
 *
 * Entries live in one array that may move: they are named by their position, which is valid until
 * pending_add or pending_forget_all. An entry is in the list of its state, or in none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pending_state {
    PENDING_FORGOTTEN, /* dropped unasked: asked when it is seen again */
    PENDING_WAITING,
    PENDING_ASKED,
    PENDING_PARKED, /* asked long ago and set aside: its answer is still welcome */
    PENDING_ANSWERED
};

struct pending_entry {
    size_t at; /* of the text in `texts` */
    uint16_t len;
    uint8_t state;
    int prev, next; /* in the list of its state, -1 = end */
    uint64_t ask;   /* number of the ASK message */
    int64_t asked_ms;
};

struct pending_list {
    int first, last, count; /* first = newest waiting, or the question asked longest ago */
};

struct pending {
    struct strmap *index; /* text -> position */
    struct pending_entry *entry;
    int count, cap;
    char *texts;
    size_t texts_len, texts_cap;
    struct pending_list waiting, asked;
    bool keep_all;    /* somebody waits for every answer: nothing is dropped, parked, held back */
    uint64_t dropped; /* so far */
    int unasked;      /* taken of what was never asked here */
    int64_t unasked_log_ms;
};

void pending_init(struct pending *b);
void pending_release(struct pending *b);
void pending_forget_all(struct pending *b);

int pending_find(const struct pending *b, const char *text, size_t len); /* -1: not known */
int pending_add(struct pending *b, const char *text, size_t len);        /* in no list */
/* Of a label that came without having been asked for: a server tells everybody what it has
 * answered. It is taken as long as there are not so many that memory and time go into them; -1: it
 * comes again when it is asked for. */
int pending_add_unasked(struct pending *b, const char *text, size_t len);

/* In front of all that wait; the oldest of too many is dropped. */
void pending_wait_newest(struct pending *b, int i);
/* A question that must be asked again: behind everything newer. */
void pending_wait_oldest(struct pending *b, int i);
/* All open questions wait again; the newest stay in front. */
void pending_ask_again(struct pending *b);
void pending_set_asked(struct pending *b, int i, uint64_t ask, int64_t now_ms);
/* To a state without a list. */
void pending_set(struct pending *b, int i, enum pending_state state);

#endif /* ONIC_COMMON_WIRE_LABELS_PENDING_H */
