/* SPDX-License-Identifier: MIT */
/* label_pass.c - see label_pass.h. The permutation is a Feistel network of four rounds on the
 * smallest square power of two that holds n; what falls outside goes through it again (Black and
 * Rogaway 2002). */
#include "learner/reward/label_pass.h"

#include <stdbool.h>

#include "common/base/err.h"

enum { ROUNDS = 4, GROWTH = 8 };

/* The finaliser of splitmix64. */
static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static uint64_t permuted(uint64_t i, uint64_t n, uint64_t key)
{
    int half = 1;
    while ((uint64_t)1 << 2 * half < n)
        half++;
    uint64_t mask = ((uint64_t)1 << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t k = 0; k < ROUNDS; k++) {
            uint64_t next = left ^ (scramble(key + (k << 32) + right) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

void label_pass_begin(struct label_pass *p, size_t n, size_t want)
{
    ONIC_ASSERT(want >= 1 && want <= n);
    bool grown = n < p->count || n - p->count > p->count / GROWTH;
    if (!grown && p->at + want <= p->count)
        return;
    *p = (struct label_pass){.pass = p->pass + 1, .count = n};
}

size_t label_pass_next(struct label_pass *p, uint64_t key)
{
    ONIC_ASSERT(p->at < p->count);
    return (size_t)permuted(p->at++, p->count, scramble(key ^ scramble(p->pass)));
}
