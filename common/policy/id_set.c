/* SPDX-License-Identifier: MIT */
/* id_set.c - see id_set.h. */
#include "common/policy/id_set.h"

void id_set_clear(struct id_set *s)
{
    for (int i = 0; i < s->count; i++)
        s->place[s->id[i]] = -1;
    s->count = 0;
}

int16_t id_set_add(struct id_set *s, int id)
{
    if (id < 0 || id >= s->ids)
        id = 0;
    if (s->place[id] < 0) {
        s->place[id] = (int16_t)s->count;
        s->id[s->count++] = (int16_t)id;
    }
    return s->place[id];
}
