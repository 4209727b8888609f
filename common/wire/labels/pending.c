/* SPDX-License-Identifier: MIT */
/* pending.c - an index, an array of entries and two lists through it; see pending.h.
 */
#include "common/wire/labels/pending.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/wire/labels/plane.h"

enum { WAITING_MAX = 65536, ENTRIES_MAX = 1 << 18, UNASKED_LOG_MS = 60000 };
static const struct pending_list EMPTY = {.first = -1, .last = -1};

/* --- lists ------------------------------------------------------------------------------- */

static void unlink_entry(struct pending_entry *entry, struct pending_list *l, int i)
{
    struct pending_entry *e = &entry[i];
    if (e->prev >= 0)
        entry[e->prev].next = e->next;
    else
        l->first = e->next;
    if (e->next >= 0)
        entry[e->next].prev = e->prev;
    else
        l->last = e->prev;
    l->count--;
}

static void push_first(struct pending_entry *entry, struct pending_list *l, int i)
{
    struct pending_entry *e = &entry[i];
    e->prev = -1;
    e->next = l->first;
    if (l->first >= 0)
        entry[l->first].prev = i;
    else
        l->last = i;
    l->first = i;
    l->count++;
}

static void push_last(struct pending_entry *entry, struct pending_list *l, int i)
{
    struct pending_entry *e = &entry[i];
    e->next = -1;
    e->prev = l->last;
    if (l->last >= 0)
        entry[l->last].next = i;
    else
        l->first = i;
    l->last = i;
    l->count++;
}

/* --- states ------------------------------------------------------------------------------ */

void pending_set(struct pending *b, int i, enum pending_state state)
{
    if (b->entry[i].state == PENDING_WAITING)
        unlink_entry(b->entry, &b->waiting, i);
    else if (b->entry[i].state == PENDING_ASKED)
        unlink_entry(b->entry, &b->asked, i);
    b->entry[i].state = (uint8_t)state;
}

void pending_wait_newest(struct pending *b, int i)
{
    pending_set(b, i, PENDING_WAITING);
    push_first(b->entry, &b->waiting, i);
    if (b->waiting.count <= WAITING_MAX || b->keep_all)
        return;
    pending_set(b, b->waiting.last, PENDING_FORGOTTEN);
    b->dropped++;
}

void pending_wait_oldest(struct pending *b, int i)
{
    pending_set(b, i, PENDING_WAITING);
    push_last(b->entry, &b->waiting, i);
}

void pending_ask_again(struct pending *b)
{
    while (b->asked.last >= 0)
        pending_wait_oldest(b, b->asked.last);
}

void pending_set_asked(struct pending *b, int i, uint64_t ask, int64_t now_ms)
{
    pending_set(b, i, PENDING_ASKED);
    b->entry[i].ask = ask;
    b->entry[i].asked_ms = now_ms;
    push_last(b->entry, &b->asked, i);
}

/* --- memory ------------------------------------------------------------------------------ */

void pending_init(struct pending *b)
{
    *b = (struct pending){.index = strmap_create(4096), .waiting = EMPTY, .asked = EMPTY};
}

void pending_release(struct pending *b)
{
    strmap_free(b->index);
    free(b->entry);
    free(b->texts);
}

void pending_forget_all(struct pending *b)
{
    strmap_clear(b->index);
    b->count = 0;
    b->texts_len = 0;
    b->waiting = b->asked = EMPTY;
    b->unasked = 0;
}

/* Moves a list into the new table, order kept. */
static void move_list(struct pending *b, struct pending_list *to, const struct pending_list *from,
                      const struct pending_entry *entry, const char *texts)
{
    for (int k = from->first; k >= 0; k = entry[k].next) {
        const struct pending_entry *e = &entry[k];
        int i = pending_add(b, texts + e->at, e->len);
        b->entry[i].state = e->state;
        b->entry[i].ask = e->ask;
        b->entry[i].asked_ms = e->asked_ms;
        push_last(b->entry, to, i);
    }
}

/* Keeps what waits and what is asked. */
static void forget_closed(struct pending *b)
{
    struct pending old = *b;
    b->entry = NULL;
    b->texts = NULL;
    b->cap = 0;
    b->texts_cap = 0;
    pending_forget_all(b);
    b->unasked = old.unasked;
    move_list(b, &b->waiting, &old.waiting, old.entry, old.texts);
    move_list(b, &b->asked, &old.asked, old.entry, old.texts);
    free(old.entry);
    free(old.texts);
}

int pending_find(const struct pending *b, const char *text, size_t len)
{
    const uint64_t *known = strmap_get(b->index, text, len);
    return known ? (int)*known : -1;
}

int pending_add(struct pending *b, const char *text, size_t len)
{
    if (b->count >= ENTRIES_MAX && b->waiting.count + b->asked.count < b->count / 2)
        forget_closed(b);
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 1024;
        b->entry = xrealloc(b->entry, (size_t)b->cap * sizeof *b->entry);
    }
    if (b->texts_cap - b->texts_len < len) {
        b->texts_cap = (b->texts_cap + len) * 2 + 4096;
        b->texts = xrealloc(b->texts, b->texts_cap);
    }
    int i = b->count++;
    b->entry[i] =
        (struct pending_entry){.at = b->texts_len, .len = (uint16_t)len, .prev = -1, .next = -1};
    memcpy(b->texts + b->texts_len, text, len);
    b->texts_len += len;
    *strmap_put(b->index, text, len, NULL) = (uint64_t)i;
    return i;
}

int pending_add_unasked(struct pending *b, const char *text, size_t len)
{
    if (b->unasked < ANNOT_UNASKED_MAX) {
        b->unasked++;
        return pending_add(b, text, len);
    }
    if (log_every_ms(&b->unasked_log_ms, UNASKED_LOG_MS))
        log_warn("the reward server sends more labels that this learner never asked for than it "
                 "takes; further ones come when they are asked for",
                 kv("taken", b->unasked));
    return -1;
}
