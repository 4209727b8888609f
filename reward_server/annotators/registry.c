/* SPDX-License-Identifier: MIT */
/* registry.c - annotators.def as a table, and what all annotators share. */
#include <stdio.h>
#include <string.h>

#include "common/base/utf8.h"
#include "reward_server/annotators/annotator.h"

#define ANNOTATOR(id) extern const struct annotator_vtable annotator_##id;
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR

static const struct annotator_vtable *const table[] = {
#define ANNOTATOR(id) &annotator_##id,
#include "reward_server/annotators/annotators.def"
#undef ANNOTATOR
};

enum { TABLE_COUNT = sizeof table / sizeof *table };

const struct annotator_vtable *annotator_at(int index)
{
    return index >= 0 && index < TABLE_COUNT ? table[index] : NULL;
}

enum annotator_health annotator_health_of(const struct annotator *a)
{
    return a->v->health ? a->v->health(a) : ANNOTATOR_AVAILABLE;
}

void annotator_answer_keep(struct annotator_answer *to, uint64_t ticket, const struct label *label)
{
    to->ticket = ticket;
    to->label = *label;
    to->label.raw = NULL;
    snprintf(to->raw, sizeof to->raw, "%s", label->raw);
    to->raw[utf8_whole(to->raw, strlen(to->raw))] = '\0';
}

struct label annotator_answer_label(const struct annotator_answer *a)
{
    struct label label = a->label;
    label.raw = a->raw;
    return label;
}

const struct annotator_vtable *annotator_find(const char *id)
{
    for (int i = 0; i < TABLE_COUNT; i++)
        if (strcmp(table[i]->id, id) == 0)
            return table[i];
    return NULL;
}
