/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_STOP_H
#define ONIC_LEARNER_PROCESS_STOP_H

/* stop.h - when a run has got to where it should end: run.frames, stop.success, stop.wall_s.
 *
 * The learner asks after every update, `onic train` of a run's newest checkpoint: which of them are
 * reached does not depend on who asks. */

#include "common/checkpoint/checkpoint.h"

enum { STOP_WINDOW = 400 }; /* episodes, for policy_stats/success_rate and stop.success */
/* Bits: what is reached. */
enum { STOP_FRAMES = 1, STOP_SUCCESS = 2, STOP_WALL = 4 };

/* Where a run is to end; learner_options.h reads it. */
struct stop_params {
    uint64_t frames; /* environment steps */
    double success;  /* rate over STOP_WINDOW episodes; 0: not asked for */
    double wall_s;   /* of all lives; 0: not asked for */
};

struct stop_state {
    uint64_t env_steps;
    double success; /* rate over the last `episodes`, at most STOP_WINDOW */
    int episodes;   /* 0: the task has no success */
    double wall_s;  /* of all lives */
};

unsigned stop_reached(const struct stop_params *p, const struct stop_state *s);
/* "run.frames reached"; NULL for none. Of several the first. */
const char *stop_text(unsigned reached);

/* Outcomes of the newest episodes (0..1), oldest first, as part of a checkpoint: the next life's
 * rate begins with them, so a run that is done stays done. n <= STOP_WINDOW. */
void stop_save(const double *outcome, int n, struct checkpoint *to);
/* Returns how many; 0 in a checkpoint of an older onic. */
int stop_load(const struct checkpoint_file *from, double outcome[STOP_WINDOW]);
/* env_steps, success and episodes as of a checkpoint; wall_s is not there and stays. */
void stop_of_checkpoint(const struct checkpoint_file *from, struct stop_state *out);

#endif /* ONIC_LEARNER_PROCESS_STOP_H */
