/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_WORKER_H
#define ONIC_ACTOR_ENVS_GYM_WORKER_H

/* gym_worker.h - a Python process and the environments in it, over memory that both see.
 *
 * Each environment has a row. gym_post notes that something is to be done for a row, gym_flush
 * tells the worker in one message, gym_wait waits until all of it is done: so a vector of
 * environments costs two changes of process for a step, and several workers work at once. Between
 * flush and wait the rows are the worker's.
 *
 * A worker that ends, hangs or takes too much memory is killed; whatever its rows were doing is
 * lost, `life` goes up by one and `why` says what happened. gym_begin_life starts it again. One
 * thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/envs/gym/gym_about.h"
#include "actor/envs/gym/gym_memory.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum gym_op { GYM_STEP = 1, GYM_RESET = 2, GYM_RENDER = 3 }; /* as in worker.py */
enum { GYM_TERMINATED = 1, GYM_TRUNCATED = 2, GYM_FAILED = 4, GYM_SUCCESS = 8 };

/* What a worker is to play. Plain data. */
struct gym_order {
    char id[64];                /* for sentences */
    char python[4096];          /* of the interpreter */
    char name[64], module[64];  /* module "": registered by Gymnasium itself */
    char options[GYM_WORD_MAX]; /* of gymnasium.make, key=value;key=value */
    int max_steps;              /* 0: the environment's own limit */
    int rows;                   /* environments that have room */
    int step_ms, start_ms;      /* limits; what takes longer hangs */
    int restarts;               /* deaths in a row that are the end, 0: no number is */
    size_t memory_mb;           /* limit */
};

struct gym_worker; /* opaque: see gym_worker.c */

/* Starts a worker, makes the first environment and fills about. ONIC_ECONFIG says why there is
 * none. Freed with gym_worker_free. */
int gym_worker_create(struct gym_worker **out, const struct gym_order *order, struct onic_err *err);
void gym_worker_free(struct gym_worker *w);
const struct gym_order *gym_worker_order(const struct gym_worker *w);
const struct gym_about *gym_worker_about(const struct gym_worker *w);

/* The row is from now on that of a new environment; -1: there is no room. */
int gym_take_row(struct gym_worker *w);
void gym_leave_row(struct gym_worker *w, int row);
int gym_rows_taken(const struct gym_worker *w);

/* Counts the lives of the process; an environment that was last reset in another one is lost. */
uint64_t gym_life(const struct gym_worker *w);
const char *gym_why(const struct gym_worker *w); /* how the last one ended */
/* Makes sure that the process lives and is not too large; a start that fails is tried again.
 * ONIC_ECONFIG after too many deaths, or when it has become another environment. */
int gym_begin_life(struct gym_worker *w, struct onic_err *err);

void gym_post(struct gym_worker *w, enum gym_op op, int row);
void gym_flush(struct gym_worker *w); /* does nothing when nothing is posted */
/* Returns when all that was flushed is done, or the worker is dead. */
void gym_wait(struct gym_worker *w);
/* The picture of a row's environment, with text beside it. */
void gym_render(struct gym_worker *w, int row, struct buf *out);

/* What environments are told and say. Written before a post, read after a wait in the same life. */
const struct gym_memory *gym_rows(const struct gym_worker *w);

#endif /* ONIC_ACTOR_ENVS_GYM_WORKER_H */
