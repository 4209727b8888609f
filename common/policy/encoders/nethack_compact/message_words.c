/* SPDX-License-Identifier: MIT */
/* message_words.c - see message_words.h.
 *
 * "You kill the newt!" becomes {you, kill, the, newt} and {you kill, kill the, the newt}: word
 * order that matters
 * ("the newt bites" against "bites the newt") is in the pairs. Hashing (Weinberger et al., arXiv
 * 0902.2206) needs no vocabulary, so nothing has to be learnt, stored or agreed between peers;
 * collisions cost a little accuracy. Numbers share a word because damage and gold amounts would
 * fill the table with words seen once. */
#include "common/policy/encoders/nethack_compact/message_words.h"

#include <stdbool.h>

static const uint32_t fnv_offset = 2166136261u, fnv_prime = 16777619u; /* FNV-1a */

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The hash of the next word from text[*at]; false at the end. */
static bool next_word(const uint8_t *text, size_t len, size_t *at, uint32_t *hash)
{
    size_t i = *at;
    while (i < len && text[i] && !is_letter(text[i]) && !is_digit(text[i]))
        i++;
    if (i >= len || !text[i])
        return false;
    uint32_t h = fnv_offset;
    if (is_digit(text[i])) {
        while (i < len && is_digit(text[i]))
            i++;
        h = (h ^ '#') * fnv_prime;
    } else {
        for (; i < len && is_letter(text[i]); i++)
            h = (h ^ (uint32_t)(text[i] | 0x20)) * fnv_prime; /* lower case */
    }
    *at = i;
    *hash = h;
    return true;
}

/* FNV's low bits are weak for short words: mix before taking them. */
static int32_t bucket(uint32_t h)
{
    h ^= h >> 15;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    return (int32_t)(h % MESSAGE_BUCKETS);
}

int message_words(const uint8_t *text, size_t len, int32_t *rows)
{
    int n = 0;
    size_t at = 0;
    uint32_t word, before = 0;
    for (int words = 0; words < MESSAGE_WORDS_MAX && next_word(text, len, &at, &word); words++) {
        rows[n++] = bucket(word);
        if (words)
            rows[n++] = bucket(before * 31u + word);
        before = word;
    }
    return n;
}
