/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_VECTORS_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_VECTORS_H

/* vectors.h - sentence vectors kept in a file, so that a restart does not embed the pool again.
 *
 * A cache and nothing more: named by the hash of the model and the sentences, checked on reading,
 * recomputed when missing or damaged, and a folder that cannot be written only costs time. */

#include <stdbool.h>

/* Name of the file: hash of model name and sentences, 32 hex digits. */
void vectors_name(char name[33], const char *model, char *const *sentences, int n);
/* rows[n, dim]. False when there is no good file of this name. */
bool vectors_read(const char *folder, const char *name, float *rows, int n, int dim);
/* Creates the folder; false when it could not be kept. */
bool vectors_write(const char *folder, const char *name, const float *rows, int n, int dim);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_VECTORS_H */
