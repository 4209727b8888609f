/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_THREAD_TEAM_H
#define ONIC_LEARNER_TRAIN_THREAD_TEAM_H

/* thread_team.h - a fixed team of training threads that run one function together, again and again.
 *
 * Work is assigned by number and never stolen: the same team size always does the same sums in the
 * same order, which is what makes two runs bit-identical. Each member computes with denormal
 * numbers flushed to zero (Adam's second moments of unused weights decay into them and cost a
 * hundred times the time).
 *
 * Threads: thread_team_run is called by one thread, which is member 0. */

struct thread_team;

struct thread_team *thread_team_create(int count); /* count >= 1; count - 1 threads are started */
void thread_team_free(struct thread_team *s);      /* NULL is allowed */
int thread_team_count(const struct thread_team *s);
/* Runs work(ctx, member) for member 0..count-1 and returns when all have returned. */
void thread_team_run(struct thread_team *s, void (*work)(void *ctx, int member), void *ctx);

#endif /* ONIC_LEARNER_TRAIN_THREAD_TEAM_H */
