/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_ACTOR_KEYS_H
#define ONIC_LEARNER_PROCESS_ACTOR_KEYS_H

/* actor_keys.h - which actors the new messages come from, and how many of them one may bring.
 *
 * A message costs its question once, so an actor that sends ever new ones (a broken world, somebody
 * who shapes what is asked) spends the budget of all. Of the last ACTOR_KEYS_WINDOW questions asked
 * one actor has at most a share: reward.actor_share, or, where that is 0, three times its share of
 * the steps, at least a tenth. While fewer questions were asked nobody is held back. What is held
 * back is not asked now; it is when its actor's share has fallen, or another actor sees it.
 *
 * Depends on batches alone, so a deterministic run stays one. Not kept in checkpoints. */

#include <stdbool.h>
#include <stdint.h>

#include "common/metrics/metrics.h"
#include "learner/reward/reward_model.h"

enum { ACTOR_KEYS_WINDOW = 1000 };

struct actor_keys;

/* share: reward.actor_share. */
struct actor_keys *actor_keys_create(double share);
void actor_keys_free(struct actor_keys *k); /* NULL is allowed */
/* Whose steps these are; once per batch, before the next two. */
void actor_keys_see(struct actor_keys *k, const struct reward_batch *b);
/* The actor that brought caption number `caption` of the batch. */
uint32_t actor_keys_of(const struct actor_keys *k, uint32_t caption);
/* May it ask? False is counted. */
bool actor_keys_may(struct actor_keys *k, uint32_t actor);
/* A question of it that was new has been asked. */
void actor_keys_count(struct actor_keys *k, uint32_t actor);
/* annot/actor_share_max, and once somebody was held back annot/actor_held_back_total: how often,
 * not of how many messages. */
void actor_keys_report(const struct actor_keys *k, struct metrics *m);

#endif /* ONIC_LEARNER_PROCESS_ACTOR_KEYS_H */
