/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ID_SET_H
#define ONIC_COMMON_POLICY_ID_SET_H

/* id_set.h - the small integers of a batch (glyphs, coloured characters), each once: first layers
 * over them are computed for each that occurs and then looked up. Memory is the caller's. */

#include <stdint.h>

struct id_set {
    int ids;        /* R: ids are below it; at most 32767 */
    int16_t *place; /* [R] place of an id, -1: not in the set; all -1 before the first call */
    int16_t *id;    /* id at a place; room for as many as may be in the set */
    int count;
};
void id_set_clear(struct id_set *s);
/* Place of an id, added when it is new. What is not below R is taken as 0. */
int16_t id_set_add(struct id_set *s, int id);

#endif /* ONIC_COMMON_POLICY_ID_SET_H */
