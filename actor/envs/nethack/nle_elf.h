/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NLE_ELF_H
#define ONIC_ACTOR_ENVS_NETHACK_NLE_ELF_H

/* nle_elf.h - recognises a libnethack.so from its ELF tables, without running any of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { NLE_ELF_SEGMENTS = 8 };

/* A loadable segment that is never written: its pages may be shared between copies. */
struct nle_segment {
    uint64_t vaddr, offset, bytes; /* as in the program header */
    bool exec;
};

struct nle_elf {
    const char *version;   /* "1.1" (0.9 to 1.1), "1.2" or "1.3": the generation of the interface */
    bool separate_seeds;   /* nle_start takes them as an argument of its own */
    size_t settings_bytes; /* what the library copies at start */
    int nsegments;         /* 0 when pages cannot be shared (text relocations) */
    struct nle_segment segment[NLE_ELF_SEGMENTS];
};

/* file [bytes]: the whole library. path: for sentences. ONIC_EINCOMPATIBLE says which generation
 * was recognised and what is supported; ONIC_ECONFIG when it is no x86-64 shared object at all. */
int nle_elf_read(struct nle_elf *out, const uint8_t *file, size_t bytes, const char *path,
                 struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NLE_ELF_H */
