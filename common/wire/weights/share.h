/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_WEIGHTS_SHARE_H
#define ONIC_COMMON_WIRE_WEIGHTS_SHARE_H

/* share.h - one pull per host: the actors of a run on one machine hand weights on through
 * shared memory (rule W6 of common/wire/README.md).
 *
 * A file in /dev/shm, readable by its user only, named by learner address, run and learner epoch,
 * with room for two versions. (The address keeps apart the learners of a run directory that was
 * copied and is trained twice on one machine.) Whoever wants a version that does not lie there
 * claims the pull; the others wait for it. A claim ends with its process. What is read is checked
 * against the hash of the manifest and the version that was looked for, so a torn or damaged copy
 * is never used, nor one under the number of another. Private to common/wire; one thread per
 * object, any number of objects and processes per file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_weights_share;

/* address: the learner's weights address; bytes: of the weights. NULL when this host has no usable
 * shared memory (said once in the log): then everybody pulls for himself. Removes files that dead
 * processes left behind. */
struct wire_weights_share *wire_weights_share_open(const char *address, const uint8_t run_id[16],
                                                   uint32_t epoch, size_t bytes);
/* NULL is allowed; the last one removes the file */
void wire_weights_share_close(struct wire_weights_share *s);

/* Copies the newest version >= at_least into out [bytes]; false when none lies there whole, or it
 * was written over meanwhile. */
bool wire_weights_share_get(const struct wire_weights_share *s, uint64_t at_least, void *out,
                            uint64_t *version);
/* The two halves of it, between which somebody may write: where the newest lies (-1: nowhere) and
 * which it is; its copy, if it still is that one. */
int wire_weights_share_newest(const struct wire_weights_share *s, uint64_t at_least,
                              uint64_t *version);
bool wire_weights_share_copy(const struct wire_weights_share *s, int slot, uint64_t version,
                             void *out);
/* True when this object is the one that pulls now (it may ask again). */
bool wire_weights_share_claim(struct wire_weights_share *s);
/* Only with the claim. hash: XXH3-128 of the weights, canonical form. */
void wire_weights_share_put(struct wire_weights_share *s, uint64_t version, const void *weights,
                            const uint8_t hash[16]);
/* With the claim: the pull goes on, however long it takes. Without: nothing. */
void wire_weights_share_beat(struct wire_weights_share *s);
/* How often that was said in all. */
uint64_t wire_weights_share_beats(const struct wire_weights_share *s);
void wire_weights_share_release(struct wire_weights_share *s); /* ends the claim, if there is one */

#endif /* ONIC_COMMON_WIRE_WEIGHTS_SHARE_H */
