/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_NETHACK_MESSAGE_WORDS_H
#define ONIC_COMMON_POLICY_ENCODERS_NETHACK_MESSAGE_WORDS_H

/* message_words.h - a message as hashed words and word pairs, each a row of a weight table.
 * Thread-safe. */

#include <stddef.h>
#include <stdint.h>

enum { MESSAGE_BUCKETS = 2048, MESSAGE_WORDS_MAX = 24, MESSAGE_ROWS_MAX = 2 * MESSAGE_WORDS_MAX };

/* Rows (below MESSAGE_BUCKETS) of the words and of each two neighbouring words of text [len], which
 * ends at the first 0 byte; returns how many, <= MESSAGE_ROWS_MAX. Words are runs of letters, in
 * lower case; every number is the same word. */
int message_words(const uint8_t *text, size_t len, int32_t *rows);

#endif /* ONIC_COMMON_POLICY_ENCODERS_NETHACK_MESSAGE_WORDS_H */
