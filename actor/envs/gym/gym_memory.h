/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_MEMORY_H
#define ONIC_ACTOR_ENVS_GYM_MEMORY_H

/* gym_memory.h - how the memory that actor and worker share is laid out: one array per kind of
 * thing, a row per environment. The file is as long as there is room for; pages that no environment
 * uses take no memory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/policy/action_space.h"

enum { GYM_TEXT_MAX = 256 };

/* What is in it, in order: name, bytes of a row. */
#define GYM_ARRAYS(XX)                                                                             \
    XX(seeds, sizeof(uint64_t))                                                                    \
    XX(seeded, 1)                                                                                  \
    XX(rewards, sizeof(double))                                                                    \
    XX(flags, 1)                                                                                   \
    XX(lengths, sizeof(int32_t))                                                                   \
    XX(texts, GYM_TEXT_MAX)                                                                        \
    XX(actions, m->parts * sizeof(union action_cell))                                              \
    XX(masks, m->options)                                                                          \
    XX(obs, m->obs_bytes)

struct gym_memory {
    uint8_t *at; /* NULL: not mapped */
    size_t rows, parts, options /* 0: not masked */, obs_bytes, bytes;
    struct {
#define XX(name, size) size_t name;
        GYM_ARRAYS(XX)
#undef XX
    } offset;
};

/* Lays out and maps the file fd, whose length is set. ONIC_ECONFIG: no room. */
int gym_memory_map(struct gym_memory *m, int fd, size_t rows, const struct action_space *actions,
                   size_t obs_bytes, struct onic_err *err);
void gym_memory_unmap(struct gym_memory *m);
/* "rows=16 bytes=... seeds=0 ..." as worker.py reads it. */
void gym_memory_text(const struct gym_memory *m, struct buf *out);

#endif /* ONIC_ACTOR_ENVS_GYM_MEMORY_H */
