/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_GOALS_CANARIES_H
#define ONIC_REWARD_SERVER_GOALS_CANARIES_H

/* canaries.h - messages whose answer is known, to see whether an annotator still gives it.
 *
 *   goals/<domain>/canaries.txt      or a file of the user
 *
 *   1: You pick up the yellow key.       this message helps
 *   0: You bump into a wall.             this one does not
 *   rules: You open the red door.        what the rules of the goal say of it (no match: 0)
 *
 * One line each; '#' starts a comment line. What the rules abstain from is left out. Immutable
 * after loading. */

#include <stdint.h>

#include "reward_server/goals/goal.h"

enum { CANARIES_MAX = 4096 };

struct canaries {
    char **text[2]; /* text[1] [n[1]]: messages whose answer is 1; owned, bytes of a game */
    int n[2];
};

/* file "": canaries.txt beside the goal file, else in the folder of its pool; none there is no
 * error. A goal without a preference, or without rules where a line asks for them, has none of
 * these. ONIC_ECONFIG with file and line. canaries_release in the end, also after an error. */
int canaries_load(struct canaries *out, const struct goal *g, const char *file,
                  struct onic_err *err);
void canaries_release(struct canaries *c);
/* A constant answer would be right about the one half: without both there is nothing to ask. */
bool canaries_tell_apart(const struct canaries *c);

#endif /* ONIC_REWARD_SERVER_GOALS_CANARIES_H */
