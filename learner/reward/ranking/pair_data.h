/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_RANKING_PAIR_DATA_H
#define ONIC_LEARNER_REWARD_RANKING_PAIR_DATA_H

/* pair_data.h - labelled pairs of captions, in order of arrival; each caption is kept once.
 *
 * A pair is held out, and never trained on, when one of its captions is (heldout.h): what is
 * measured then says something about captions the network has not seen. A second label for a pair
 * replaces the first. Bounded: at PAIR_DATA_MAX pairs or captions further ones are ignored.
 * Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/data/question.h"

enum { PAIR_DATA_MAX = 1 << 20 };

struct labelled_pair {
    uint32_t a, b; /* numbers of captions */
    float label;   /* 0 first better, 1 second better, 0.5 tie */
};

struct pair_data;

struct pair_data *pair_data_create(double holdout);
void pair_data_free(struct pair_data *d); /* NULL is allowed */
void pair_data_clear(struct pair_data *d);

/* True when this changed the labels. question: of kind pair. */
bool pair_data_put(struct pair_data *d, const char *question, size_t len, float label);
bool pair_data_knows(const struct pair_data *d, const char *caption, size_t len);

size_t pair_data_captions(const struct pair_data *d); /* numbers are below it */
size_t pair_data_count(const struct pair_data *d);    /* all pairs */
size_t pair_data_trained(const struct pair_data *d);  /* those to train on */
size_t pair_data_held(const struct pair_data *d);     /* those held out */
const struct labelled_pair *pair_data_trained_at(const struct pair_data *d, size_t i);
const struct labelled_pair *pair_data_held_at(const struct pair_data *d, size_t i);
const char *pair_data_caption(const struct pair_data *d, uint32_t number, uint16_t *len);

void pair_data_save(const struct pair_data *d, struct buf *out);
/* Reads `count` pairs; d NULL only checks. False when malformed, d is then undefined: check first.
 */
bool pair_data_load(struct pair_data *d, const char *p, size_t len, uint64_t count);

#endif /* ONIC_LEARNER_REWARD_RANKING_PAIR_DATA_H */
