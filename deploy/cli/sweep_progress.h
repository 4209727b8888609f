/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_PROGRESS_H
#define ONIC_DEPLOY_CLI_SWEEP_PROGRESS_H

/* sweep_progress.h - how far a sweep is, on stderr: one line that changes on a terminal, else a
 * line when something happened and once a minute. */

#include <stdbool.h>
#include <stdint.h>

struct sweep_counts {
    int runs, done, running, failed, left;
    double share; /* of the work, failed runs left out: 1 each; what was begun in part */
};

struct sweep_progress {
    bool terminal;
    int64_t began_ms, said_ms;
    double share_before; /* what was done when it began */
};

/* "45 s", "12 min", "3.4 h", "2.1 days" */
const char *sweep_time_text(double seconds, char out[32]);

void sweep_progress_begin(struct sweep_progress *p, const struct sweep_counts *now);
/* Something happened: a line that stays. */
void sweep_progress_event(struct sweep_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* happened: an event came with it. */
void sweep_progress_show(struct sweep_progress *p, const struct sweep_counts *now, bool happened);
/* Takes the changing line away. */
void sweep_progress_end(struct sweep_progress *p);

#endif /* ONIC_DEPLOY_CLI_SWEEP_PROGRESS_H */
