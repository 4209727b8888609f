/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ANNOT_LIST_H
#define ONIC_COMMON_WIRE_ANNOT_LIST_H

/* annot_list.h - the captions of annot_client.c and the two lists they can be in. Private to it.
 *
 * Entries live in one array that may move; lists link them by index. An entry is in the list of its
 * state, or in none. */

#include <stddef.h>
#include <stdint.h>

enum entry_state { ENTRY_FORGOTTEN, ENTRY_WAITING, ENTRY_ASKED, ENTRY_PARKED, ENTRY_ANSWERED };

struct entry {
    size_t at; /* of the text in texts */
    uint16_t len;
    uint8_t state;
    int prev, next; /* in the list of its state, -1 = end */
    uint64_t ask;   /* number of the ASK message */
    int64_t asked_ms;
};

struct list {
    int first, last, count; /* first = newest waiting, or the question asked longest ago */
};

static inline void unlink_entry(struct entry *entries, struct list *l, int i)
{
    struct entry *e = &entries[i];
    if (e->prev >= 0)
        entries[e->prev].next = e->next;
    else
        l->first = e->next;
    if (e->next >= 0)
        entries[e->next].prev = e->prev;
    else
        l->last = e->prev;
    l->count--;
}

static inline void push_first(struct entry *entries, struct list *l, int i)
{
    struct entry *e = &entries[i];
    e->prev = -1;
    e->next = l->first;
    if (l->first >= 0)
        entries[l->first].prev = i;
    else
        l->last = i;
    l->first = i;
    l->count++;
}

static inline void push_last(struct entry *entries, struct list *l, int i)
{
    struct entry *e = &entries[i];
    e->next = -1;
    e->prev = l->last;
    if (l->last >= 0)
        entries[l->last].next = i;
    else
        l->first = i;
    l->last = i;
    l->count++;
}

#endif /* ONIC_COMMON_WIRE_ANNOT_LIST_H */
