/* SPDX-License-Identifier: MIT */
/* gym_memory.c - see gym_memory.h. */
#include "actor/envs/gym/gym_memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GYM_ALIGN = 64 };

int gym_memory_map(struct gym_memory *m, int fd, size_t rows, const struct action_space *actions,
                   size_t obs_bytes, struct onic_err *err)
{
    size_t at = 0;
    m->rows = rows;
    m->parts = (size_t)action_space_parts(actions);
    m->options = actions->masked ? (size_t)action_space_all_options(actions) : 0;
    m->obs_bytes = obs_bytes;
#define XX(name, size)                                                                             \
    m->offset.name = at;                                                                           \
    at += (rows * (size) + GYM_ALIGN - 1) / GYM_ALIGN * GYM_ALIGN;
    GYM_ARRAYS(XX)
#undef XX
    m->bytes = at;
    void *map = MAP_FAILED;
    if (ftruncate(fd, (off_t)at) == 0)
        map = mmap(NULL, at, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_set(err, ONIC_ECONFIG,
                       "no memory to share with a Python process (%zu environments with "
                       "observations of %zu bytes): %s",
                       rows, obs_bytes, strerror(errno));
    m->at = map;
    return ONIC_OK;
}

void gym_memory_unmap(struct gym_memory *m)
{
    if (m->at)
        munmap(m->at, m->bytes);
    m->at = NULL;
}

void gym_memory_text(const struct gym_memory *m, struct buf *out)
{
    buf_printf(out, "rows=%zu bytes=%zu obs_bytes=%zu", m->rows, m->bytes, m->obs_bytes);
#define XX(name, size) buf_printf(out, " " #name "=%zu", m->offset.name);
    GYM_ARRAYS(XX)
#undef XX
}
