/* SPDX-License-Identifier: MIT */
/* source.c - the table of sources. */
#include "reward_server/annotators/embedding/source.h"

#include <string.h>

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

bool source_is_of_another(enum config_embedding_source which, const char *name)
{
    static const char *const http[] = {"url",     "model",      "prefix",    "api_key_file",
                                       "ca_file", "deadline_s", "backoff_s", "allow_plain_key"};
    for (size_t i = 0; i < sizeof http / sizeof *http; i++)
        if (strcmp(http[i], name) == 0)
            return which != CONFIG_embedding_source_http;
    return (strcmp(name, "vectors") == 0 && which != CONFIG_embedding_source_file) ||
           (strcmp(name, "model_dir") == 0 && which != CONFIG_embedding_source_model);
}
