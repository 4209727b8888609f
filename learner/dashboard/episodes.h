/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_EPISODES_H
#define ONIC_LEARNER_DASHBOARD_EPISODES_H

/* episodes.h - the kept episodes of a run, as RUN/replays has them now. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/run/run_home.h"

enum { EPISODES_MAX = 60, EPISODES_NAME_MAX = 160, EPISODES_HELD = 16 };

/* {"episodes":[{"file","env_steps","env","steps","end","return"}]}, the newest EPISODES_MAX, newest
 * first. What cannot be read is left out. */
void episodes_json(const char *run_dir, struct buf *out);
/* Whether it may be the name of a kept episode: a plain word that ends with .jsonl, no path. */
bool episodes_name_is_plain(const char *name);

/* Where that episode can be read, for a while also after the learner has made room for newer ones:
 * it has a second name (NAME.shown) until EPISODES_HELD others were asked for. A run that solves
 * its task in some steps keeps and removes an episode within seconds, before anybody has looked at
 * it. In bytes; the path in the run directory, whether or not there is such an episode. home is
 * asked before anything is made or removed; NULL: not asked. */
void episodes_hold(const char *run_dir, const struct run_home *home, const char *name, char *path,
                   size_t bytes);

#endif /* ONIC_LEARNER_DASHBOARD_EPISODES_H */
