/* SPDX-License-Identifier: MIT */
/* source.c - the table of sources. */
#include "reward_server/annotators/embedding/source.h"

#define SOURCE(id) extern const struct source_vtable source_##id;
#include "reward_server/annotators/embedding/sources.def"
#undef SOURCE

static const struct source_vtable *const table[] = {
#define SOURCE(id) [CONFIG_embedding_source_##id] = &source_##id,
#include "reward_server/annotators/embedding/sources.def"
#undef SOURCE
};

const struct source_vtable *source_chosen(enum config_embedding_source which)
{
    return table[which];
}
