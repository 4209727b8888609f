/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_LABELS_PENDING_H
#define ONIC_COMMON_WIRE_LABELS_PENDING_H

/* pending.h - what became of every caption the client was asked about. Private to
 * client.c.
 *
 * A caption goes WAITING -> ASKED -> ANSWERED and is remembered, so each text is asked once. When
 * 262144 are remembered, all but the open ones are forgotten: a week of captions that never repeat
 * must not fill the memory, and one that does come again is answered from the store. Waiting
 * captions are a stack, because the newest ones are what the agent does now; asked ones are a queue
 * by time, because the oldest question is the next to be repeated.
 *
 * Entries live in one array that may move: they are named by their position, which is valid until
 * captions_add or captions_forget_all. An entry is in the list of its state, or in none. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum caption_state {
    CAPTION_FORGOTTEN, /* dropped unasked: asked when it is seen again */
    CAPTION_WAITING,
    CAPTION_ASKED,
    CAPTION_PARKED, /* asked long ago and set aside: its answer is still welcome */
    CAPTION_ANSWERED
};

struct caption_entry {
    size_t at; /* of the text in `texts` */
    uint16_t len;
    uint8_t state;
    int prev, next; /* in the list of its state, -1 = end */
    uint64_t ask;   /* number of the ASK message */
    int64_t asked_ms;
};

struct caption_list {
    int first, last, count; /* first = newest waiting, or the question asked longest ago */
};

struct captions {
    struct strmap *index; /* text -> position */
    struct caption_entry *entry;
    int count, cap;
    char *texts;
    size_t texts_len, texts_cap;
    struct caption_list waiting, asked;
    bool keep_all;    /* somebody waits for every answer: nothing is dropped, parked, held back */
    uint64_t dropped; /* so far */
};

void captions_init(struct captions *b);
void captions_release(struct captions *b);
void captions_forget_all(struct captions *b);

int captions_find(const struct captions *b, const char *text, size_t len); /* -1: not known */
int captions_add(struct captions *b, const char *text, size_t len);        /* in no list */

/* In front of all that wait; the oldest of too many is dropped. */
void captions_wait_newest(struct captions *b, int i);
/* A question that must be asked again: behind everything newer. */
void captions_wait_oldest(struct captions *b, int i);
/* All open questions wait again; the newest stay in front. */
void captions_ask_again(struct captions *b);
void captions_set_asked(struct captions *b, int i, uint64_t ask, int64_t now_ms);
/* To a state without a list. */
void captions_set(struct captions *b, int i, enum caption_state state);

#endif /* ONIC_COMMON_WIRE_LABELS_PENDING_H */
