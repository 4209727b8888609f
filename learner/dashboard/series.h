/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_SERIES_H
#define ONIC_LEARNER_DASHBOARD_SERIES_H

/* series.h - the curves of a run in bounded memory, whatever its length.
 *
 * SERIES_POINTS points at most. When they are full, each two become one, their mean, and from then
 * on twice as many pushes make a point. A number that is not known leaves a gap, and no part in a
 * mean. Where the environment steps fall, a life was rolled back: the points beyond are void and
 * go. Single-threaded. */

#include "common/base/buf.h"
#include "learner/dashboard/numbers.h"

enum { SERIES_POINTS = 1024, SERIES_TAGS_MAX = 256 };

struct series;

struct series *series_create(void);
void series_free(struct series *s); /* NULL is allowed */
/* wall_s: seconds of the run, all lives. The number env_steps is the other axis. */
void series_push(struct series *s, double wall_s, const struct numbers *n);
int series_points(const struct series *s);
/* {"wall_s":[...],"env_steps":[...],"tags":{NAME:[...]}} with those of names (NAME,NAME,...) that
 * there are; null in gaps. */
void series_json(const struct series *s, const char *names, struct buf *out);

#endif /* ONIC_LEARNER_DASHBOARD_SERIES_H */
