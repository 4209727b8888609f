/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LABEL_TABLE_H
#define ONIC_LEARNER_REWARD_LABEL_TABLE_H

/* label_table.h - what the annotator said about each caption, for models that pay just that.
 *
 * Labels are kept in order of arrival and never forgotten; a second label for a caption replaces
 * the first. Abstentions are not labels and are not stored: the caption stays unknown. Bounded far
 * above what an annotator can answer in a run, low enough for memory; further captions then stay
 * unknown, which the coverage metric shows. Training thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/wire/wire_annotation.h"

struct label_table;

/* Labels outside [low, high] are ignored. */
struct label_table *label_table_create(float low, float high);
void label_table_free(struct label_table *t); /* NULL is allowed */

void label_table_observe(struct label_table *t, const struct annot_label *label);
bool label_table_knows(const struct label_table *t, const char *caption, size_t len);
/* 0 for a caption without a label. */
float label_table_label(const struct label_table *t, const char *caption, size_t len);
uint64_t label_table_version(const struct label_table *t); /* rises when a label changes */

void label_table_save(const struct label_table *t, struct buf *out);
/* False, and nothing is changed, when malformed. */
bool label_table_load(struct label_table *t, const void *data, size_t len);

#endif /* ONIC_LEARNER_REWARD_LABEL_TABLE_H */
