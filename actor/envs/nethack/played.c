/* SPDX-License-Identifier: MIT */
/* played.c - see played.h. */
#include "actor/envs/nethack/played.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

enum { PLAYED_MAGIC = 0x6e68706c };

struct played *played_create(int actions, uint32_t capacity)
{
    ONIC_ASSERT(capacity <= PLAYED_STEPS_MAX);
    struct played *p = xcalloc(1, sizeof *p);
    p->head = (struct played_head){.magic = PLAYED_MAGIC, .actions = (uint32_t)actions};
    p->capacity = capacity;
    p->action = xcalloc(capacity, 1);
    return p;
}

void played_free(struct played *p)
{
    if (!p)
        return;
    free(p->action);
    free(p);
}

size_t played_bytes(uint32_t capacity)
{
    return sizeof(struct played_head) + capacity;
}

void played_episode(struct played *p, uint64_t seed, uint64_t episode)
{
    if (!p)
        return;
    p->head.seed = seed;
    p->head.episode = episode;
    p->head.count = 0;
}

void played_action(struct played *p, int action)
{
    if (!p)
        return;
    ONIC_ASSERT(p->head.count < p->capacity);
    p->action[p->head.count++] = (uint8_t)action;
}

void played_save(const struct played *p, uint8_t *state)
{
    memcpy(state, &p->head, sizeof p->head);
    state += sizeof p->head;
    memcpy(state, p->action, p->head.count);
    memset(state + p->head.count, 0, p->capacity - p->head.count);
}

struct played *played_load(const struct played *like, const uint8_t *state)
{
    struct played_head head;
    memcpy(&head, state, sizeof head);
    const uint8_t *action = state + sizeof head;
    if (head.magic != PLAYED_MAGIC || head.actions != like->head.actions ||
        head.count > like->capacity)
        return NULL;
    for (uint32_t i = 0; i < head.count; i++)
        if (action[i] >= head.actions)
            return NULL;
    struct played *p = played_create((int)head.actions, like->capacity);
    p->head = head;
    memcpy(p->action, action, head.count);
    return p;
}
