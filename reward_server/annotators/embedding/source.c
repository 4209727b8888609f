/* SPDX-License-Identifier: MIT */
/* source.c - the table of sources. */
#include "reward_server/annotators/embedding/source.h"

#include <string.h>

#define SOURCE(id) extern const struct source_vtable source_##id;
#include "reward_server/annotators/embedding/sources.def"
#undef SOURCE

static const struct source_vtable *const table[] = {
#define SOURCE(id) &source_##id,
#include "reward_server/annotators/embedding/sources.def"
#undef SOURCE
};

const struct source_vtable *source_chosen(const struct config *config)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i]->id, config->embedding_source) == 0)
            return table[i];
    ONIC_ASSERT(!"embedding.source has a value that sources.def lacks");
    return NULL;
}
