/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_ASKS_H
#define ONIC_LEARNER_DASHBOARD_ASKS_H

/* asks.h - what only the front end `onic` can say of a run: why captions were paid, and the
 * pictures of a kept episode.
 *
 * It is asked as a person would ask it, in a process of its own at a low priority (19 would starve
 * where actors take every core), one at a time; training knows nothing of it. Its document is kept
 * for those who ask next. The page asks again until the document is there. Plane's thread. */

#include <stdint.h>

#include "common/http/http_plane.h"

enum { ASKS_ARGS_MAX = 12, ASKS_KEPT = 8, ASKS_TIMEOUT_MS = 180000 };

struct asks;

/* plane: what its documents are bodies of. */
struct asks *asks_create(struct http_plane *plane);
/* Ends a process that is at work; after the plane's stop and before its free. NULL is allowed. */
void asks_free(struct asks *a);

/* Answers with the document of `onic words[0] words[1] ...`: the kept one, also one older than
 * fresh_ms, which is then asked for anew; before there is one {"pending":true} with status 202; its
 * sentence as {"error":TEXT} where it failed. words: NULL-terminated, at most ASKS_ARGS_MAX. */
void asks_answer(struct asks *a, const char *const *words, int64_t fresh_ms,
                 struct http_reply *out);
/* A few times a second: looks at the process at work, begins the next. */
void asks_look(struct asks *a);

#endif /* ONIC_LEARNER_DASHBOARD_ASKS_H */
