/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_OUTPUT_H
#define ONIC_ACTOR_ENVS_GYM_OUTPUT_H

/* gym_output.h - what a worker prints, line by line, on its way to the log.
 *
 * Lines of a start are held back: when it fails one sentence says why. Afterwards at most so many a
 * minute are logged, the others are counted: an environment that prints in each step must not fill
 * the disk. */

#include <stdbool.h>
#include <stdint.h>

enum { GYM_LINE_MAX = 400 };

struct gym_output {
    bool held; /* lines are not logged */
    char line[GYM_LINE_MAX + 1];
    int len;
    char last[GYM_LINE_MAX + 1];  /* the last line that was not blank */
    char place[GYM_LINE_MAX + 1]; /* the first line '  File "...' since gym_output_mark */
    int64_t minute_ms;
    int logged, left_out;
};

/* Reads what there is; false at the end of the pipe. */
bool gym_output_read(struct gym_output *o, int fd, const char *env);
/* Forgets place: what comes now is a new traceback. */
void gym_output_mark(struct gym_output *o);

#endif /* ONIC_ACTOR_ENVS_GYM_OUTPUT_H */
