/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_EPISODES_H
#define ONIC_LEARNER_DASHBOARD_EPISODES_H

/* episodes.h - the kept episodes of a run, as RUN/replays has them now. */

#include <stdbool.h>

#include "common/base/buf.h"

enum { EPISODES_MAX = 60, EPISODES_NAME_MAX = 160 };

/* {"episodes":[{"file","env_steps","env","steps","end","return"}]}, the newest EPISODES_MAX, newest
 * first. What cannot be read is left out. */
void episodes_json(const char *run_dir, struct buf *out);
/* Whether it may be the name of a kept episode: a plain word that ends with .jsonl, no path. */
bool episodes_name_is_plain(const char *name);

#endif /* ONIC_LEARNER_DASHBOARD_EPISODES_H */
