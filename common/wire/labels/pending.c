/* SPDX-License-Identifier: MIT */
/* pending.c - an index, an array of entries and two lists through it; see pending.h.
 */
#include "common/wire/labels/pending.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { WAITING_MAX = 65536, ENTRIES_MAX = 1 << 18 };
static const struct caption_list EMPTY = {.first = -1, .last = -1};

/* --- lists ------------------------------------------------------------------------------- */

static void unlink_entry(struct caption_entry *entry, struct caption_list *l, int i)
{
    struct caption_entry *e = &entry[i];
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

static void push_first(struct caption_entry *entry, struct caption_list *l, int i)
{
    struct caption_entry *e = &entry[i];
    e->prev = -1;
    e->next = l->first;
    if (l->first >= 0)
        entry[l->first].prev = i;
    else
        l->last = i;
    l->first = i;
    l->count++;
}

static void push_last(struct caption_entry *entry, struct caption_list *l, int i)
{
    struct caption_entry *e = &entry[i];
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

void captions_set(struct captions *b, int i, enum caption_state state)
{
    if (b->entry[i].state == CAPTION_WAITING)
        unlink_entry(b->entry, &b->waiting, i);
    else if (b->entry[i].state == CAPTION_ASKED)
        unlink_entry(b->entry, &b->asked, i);
    b->entry[i].state = (uint8_t)state;
}

void captions_wait_newest(struct captions *b, int i)
{
    captions_set(b, i, CAPTION_WAITING);
    push_first(b->entry, &b->waiting, i);
    if (b->waiting.count <= WAITING_MAX || b->keep_all)
        return;
    captions_set(b, b->waiting.last, CAPTION_FORGOTTEN);
    b->dropped++;
}

void captions_wait_oldest(struct captions *b, int i)
{
    captions_set(b, i, CAPTION_WAITING);
    push_last(b->entry, &b->waiting, i);
}

void captions_ask_again(struct captions *b)
{
    while (b->asked.last >= 0)
        captions_wait_oldest(b, b->asked.last);
}

void captions_set_asked(struct captions *b, int i, uint64_t ask, int64_t now_ms)
{
    captions_set(b, i, CAPTION_ASKED);
    b->entry[i].ask = ask;
    b->entry[i].asked_ms = now_ms;
    push_last(b->entry, &b->asked, i);
}

/* --- memory ------------------------------------------------------------------------------ */

void captions_init(struct captions *b)
{
    *b = (struct captions){.index = strmap_create(4096), .waiting = EMPTY, .asked = EMPTY};
}

void captions_release(struct captions *b)
{
    strmap_free(b->index);
    free(b->entry);
    free(b->texts);
}

void captions_forget_all(struct captions *b)
{
    strmap_clear(b->index);
    b->count = 0;
    b->texts_len = 0;
    b->waiting = b->asked = EMPTY;
}

/* Moves a list into the new table, order kept. */
static void move_list(struct captions *b, struct caption_list *to, const struct caption_list *from,
                      const struct caption_entry *entry, const char *texts)
{
    for (int k = from->first; k >= 0; k = entry[k].next) {
        const struct caption_entry *e = &entry[k];
        int i = captions_add(b, texts + e->at, e->len);
        b->entry[i].state = e->state;
        b->entry[i].ask = e->ask;
        b->entry[i].asked_ms = e->asked_ms;
        push_last(b->entry, to, i);
    }
}

/* Keeps what waits and what is asked. */
static void forget_closed(struct captions *b)
{
    struct captions old = *b;
    b->entry = NULL;
    b->texts = NULL;
    b->cap = 0;
    b->texts_cap = 0;
    captions_forget_all(b);
    move_list(b, &b->waiting, &old.waiting, old.entry, old.texts);
    move_list(b, &b->asked, &old.asked, old.entry, old.texts);
    free(old.entry);
    free(old.texts);
}

int captions_find(const struct captions *b, const char *text, size_t len)
{
    const uint64_t *known = strmap_get(b->index, text, len);
    return known ? (int)*known : -1;
}

int captions_add(struct captions *b, const char *text, size_t len)
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
        (struct caption_entry){.at = b->texts_len, .len = (uint16_t)len, .prev = -1, .next = -1};
    memcpy(b->texts + b->texts_len, text, len);
    b->texts_len += len;
    *strmap_put(b->index, text, len, NULL) = (uint64_t)i;
    return i;
}
